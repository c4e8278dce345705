/** From the text of a document to its checked value, or one error that names the place in it. */
import { invalid, type Origin } from "./document-error.ts";
import { parseJson } from "./json.ts";
import { type Infer, Refusal, read, type Schema } from "./schema.ts";

/**
 * Reads an already parsed value.
 * @throws {RuntError} InvalidArgument with the first thing that is wrong, in the order of the schema
 */
export function readDocument<S extends Schema>(schema: S, value: unknown, origin: Origin): Infer<S> {
  const result = read(schema, value);
  if (result instanceof Refusal) throw invalid(origin, result.path, result.message);
  return result;
}

/**
 * Reads the text of a document.
 * @throws {RuntError} InvalidArgument, as `readDocument`, or where the text is not JSON
 */
export function parseDocument<S extends Schema>(schema: S, text: string, origin: Origin): Infer<S> {
  return readDocument(schema, parseJson(text, origin), origin);
}
