/** One image: its config and its layers, bottom first. @see image-spec manifest.md */
import { integer, optionalText, text } from "../runtime/leaves.ts";
import { array, type Infer, object, optional, record } from "../runtime/schema.ts";
import { Descriptor } from "./descriptor.ts";

/** An OCI image manifest or docker's, schema 2. */
export const Manifest = object(() => ({
  schemaVersion: integer(2, 2),
  mediaType: optionalText,
  /** What this is, where it is no image. */
  artifactType: optionalText,
  config: Descriptor,
  layers: array(Descriptor),
  /** The manifest that this one says something about. */
  subject: optional(Descriptor),
  annotations: optional(record(text)),
}));
export type Manifest = Infer<typeof Manifest>;
