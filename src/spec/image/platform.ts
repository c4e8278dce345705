/** What machine an image is for. @see image-spec image-index.md#image-index-property-descriptions */
import { optionalText, text, texts } from "../runtime/leaves.ts";
import { type Infer, object, optional } from "../runtime/schema.ts";

/** The platform of one image, in Go's words: linux, amd64, arm64. */
export const Platform = object(() => ({
  os: text,
  architecture: text,
  /** "v7" of arm, "v2" of amd64. */
  variant: optionalText,
  "os.version": optionalText,
  "os.features": optional(texts),
}));
export type Platform = Infer<typeof Platform>;

/** An entry of an index that is no image for any machine: an attestation about one. */
export function isUnknown(platform: Platform): boolean {
  return platform.os === "unknown" && platform.architecture === "unknown";
}

/** "linux/arm/v7". */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((word) => word !== undefined && word !== "").join("/");
}
