/** From the text of a document to its checked value, or one error that names the place in it. */
import { RuntError } from "../../errors.ts";
import { parseJson } from "./json.ts";
import { type Infer, Refusal, read, type Schema, show } from "./schema.ts";

/** A place in a document: property names and array indexes from its top. */
export type JsonPath = readonly PropertyKey[];

/** What a document is read for, and what it is called in messages. */
export interface Origin {
  /** File name, as the user knows it. */
  readonly where: string;
  /** OCI verb: "create". */
  readonly operation: string;
}

/** A path as in JavaScript: `mounts[3].options[0]`, `annotations["a.b"]`. */
export function formatPath(path: JsonPath): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else if (!/^[A-Za-z_][\w-]{0,63}$/.test(String(key))) text += `[${show(String(key))}]`;
    else text += text === "" ? String(key) : `.${String(key)}`;
  }
  return text;
}

/** The error for what is wrong at `path`: `config.json: mounts[3].destination: must not be empty`. */
export function invalid(origin: Origin, path: JsonPath, message: string): RuntError {
  const place = formatPath(path);
  const subject = place === "" ? origin.where : `${origin.where}: ${place}`;
  return new RuntError("InvalidArgument", `${subject}: ${message}`, { operation: origin.operation, subject });
}

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
