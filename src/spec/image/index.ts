/** A list of manifests, mostly one image per platform. @see image-spec image-index.md */
import { integer, optionalText, text } from "../runtime/leaves.ts";
import { type Infer, list, object, optional, record } from "../runtime/schema.ts";
import { Descriptor } from "./descriptor.ts";

/** An OCI image index or docker's manifest list. Entries of unknown media types are legal. */
export const Index = object(() => ({
  schemaVersion: integer(2, 2),
  mediaType: optionalText,
  artifactType: optionalText,
  manifests: list(Descriptor),
  /** The manifest that this index says something about. */
  subject: optional(Descriptor),
  annotations: optional(record(text)),
}));
export type Index = Infer<typeof Index>;
