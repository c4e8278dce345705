/** Keys of annotations that runt reads or writes. @see image-spec annotations.md */

/** In a layout's index.json: the name of the image. */
export const REF_NAME = "org.opencontainers.image.ref.name";
/** containerd's key for the same, always a full name. */
export const CONTAINERD_NAME = "io.containerd.image.name";
/** RFC 3339. */
export const CREATED = "org.opencontainers.image.created";
/** BuildKit's: this entry of an index says something about the image `REFERENCE_DIGEST`. */
export const REFERENCE_TYPE = "vnd.docker.reference.type";
export const REFERENCE_DIGEST = "vnd.docker.reference.digest";
