/** How documents point at content: what it is, its digest, its size. @see image-spec descriptor.md */
import { integer, nonEmptyText, optionalText, text } from "../runtime/leaves.ts";
import { array, type Infer, object, optional, record } from "../runtime/schema.ts";
import { digest } from "./digest.ts";
import { Platform } from "./platform.ts";

/** A pointer to content. */
export const Descriptor = object(() => ({
  mediaType: nonEmptyText,
  digest,
  /** In bytes, of the content as it is stored. */
  size: integer(0, Number.MAX_SAFE_INTEGER),
  /** Where else the content may be had, mostly of layers that may not be passed on. */
  urls: optional(array(text)),
  annotations: optional(record(text)),
  /** The content itself in base64; to be verified like content from elsewhere. */
  data: optionalText,
  /** In an index: the machine that this entry is for. */
  platform: optional(Platform),
  /** What the manifest that is pointed at says it is, where that is no image. */
  artifactType: optionalText,
}));
export type Descriptor = Infer<typeof Descriptor>;
