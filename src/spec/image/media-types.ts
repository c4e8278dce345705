/**
 * The media types of image documents and layers, in the standard's and in docker's words, and what each says.
 * @see image-spec media-types.md
 */

/** Image index; docker calls its own a manifest list. */
export const INDEX = "application/vnd.oci.image.index.v1+json";
export const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const CONFIG = "application/vnd.oci.image.config.v1+json";
/** The two bytes `{}`: the config of an artifact that has none. */
export const EMPTY = "application/vnd.oci.empty.v1+json";
export const LAYER = "application/vnd.oci.image.layer.v1.tar";
export const LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
export const LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd";
/** Layers that a registry may not pass on; deprecated, still to be read. */
export const LAYER_NONDISTRIBUTABLE = "application/vnd.oci.image.layer.nondistributable.v1.tar";
export const LAYER_NONDISTRIBUTABLE_GZIP = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
export const LAYER_NONDISTRIBUTABLE_ZSTD = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";

export const DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";
/** Says "not compressed", yet has been seen on gzip: the bytes decide. */
export const DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar";
export const DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip";
export const DOCKER_LAYER_ZSTD = "application/vnd.docker.image.rootfs.diff.tar.zstd";
export const DOCKER_LAYER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar";
export const DOCKER_LAYER_FOREIGN_GZIP = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

/** Docker's manifests before 2016: without a config, not content-addressed. Recognised to be refused. */
export const DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json";
export const DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/** How a layer's tar is packed. */
export type Compression = "none" | "gzip" | "zstd";

const layers: Readonly<Record<string, Compression>> = {
  [LAYER]: "none",
  [LAYER_GZIP]: "gzip",
  [LAYER_ZSTD]: "zstd",
  [LAYER_NONDISTRIBUTABLE]: "none",
  [LAYER_NONDISTRIBUTABLE_GZIP]: "gzip",
  [LAYER_NONDISTRIBUTABLE_ZSTD]: "zstd",
  [DOCKER_LAYER]: "none",
  [DOCKER_LAYER_GZIP]: "gzip",
  [DOCKER_LAYER_ZSTD]: "zstd",
  [DOCKER_LAYER_FOREIGN]: "none",
  [DOCKER_LAYER_FOREIGN_GZIP]: "gzip",
};

/** A Content-Type header's media type: lower case, without parameters. */
export function essenceOf(contentType: string): string {
  return contentType.split(";", 1)[0]!.trim().toLowerCase();
}

/** A list of manifests, one per platform. */
export function isIndex(mediaType: string): boolean {
  return mediaType === INDEX || mediaType === DOCKER_INDEX;
}

/** One image: a config and layers. */
export function isManifest(mediaType: string): boolean {
  return mediaType === MANIFEST || mediaType === DOCKER_MANIFEST;
}

/** An image config, not that of some other artifact. */
export function isConfig(mediaType: string): boolean {
  return mediaType === CONFIG || mediaType === DOCKER_CONFIG;
}

/** A file system layer in a form that can be unpacked. */
export function isLayer(mediaType: string): boolean {
  return Object.hasOwn(layers, mediaType);
}

/** A manifest of docker's schema 1. */
export function isSchema1(mediaType: string): boolean {
  return mediaType === DOCKER_SCHEMA1 || mediaType === DOCKER_SCHEMA1_SIGNED;
}

/** A layer that is fetched from its own `urls` and never pushed. */
export function isNondistributable(mediaType: string): boolean {
  return mediaType.includes(".nondistributable.") || mediaType.includes(".foreign.");
}

/** A layer that can be read only with a key. */
export function isEncrypted(mediaType: string): boolean {
  return mediaType.endsWith("+encrypted");
}

/** What the media type says about compression; undefined where it is no layer that runt knows. */
export function compressionOf(mediaType: string): Compression | undefined {
  return isLayer(mediaType) ? layers[mediaType] : undefined;
}
