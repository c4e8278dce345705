/** An image store as a directory: `oci-layout`, `index.json`, `blobs/<algorithm>/<hex>`. @see image-spec image-layout.md */
import { text } from "../runtime/leaves.ts";
import { type Infer, object } from "../runtime/schema.ts";
import type { Digest } from "./digest.ts";
import { algorithmOf, hexOf } from "./digest-parts.ts";

/** The file that says a directory is an image layout. */
export const LAYOUT_FILE = "oci-layout";
/** The file that lists what is in it. */
export const INDEX_FILE = "index.json";
/** The only version there is. */
export const LAYOUT_VERSION = "1.0.0";

/** What is in the file `oci-layout`. */
export const Layout = object(() => ({ imageLayoutVersion: text }));
export type Layout = Infer<typeof Layout>;

/** Where the layout keeps a blob, from its top. */
export function blobPath(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}
