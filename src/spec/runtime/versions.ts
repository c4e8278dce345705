/** Versions of the runtime specification. Apart from the schema of `ociVersion`, which who writes one need not load. */

/** The oldest and the newest runtime specification that is understood. */
export const OCI_VERSION_MIN = "1.0.0";
export const OCI_VERSION_MAX = "1.3.0";
