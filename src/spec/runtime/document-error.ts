/** What is said of a document that is wrong: where, and what. Apart from what reads documents, which few commands need. */
import { RuntError } from "../../errors.ts";

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

/** A value on one short line, for a message. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value !== "string") return String(value);
  const text = quote(value);
  return text.length <= 80 ? text : `${text.slice(0, 76)}…"`;
}

/** `text` as a JSON string, with the two line breaks that JSON leaves as they are escaped too. */
export function quote(text: string): string {
  return JSON.stringify(text).replace(/[\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`);
}
