/** What an error has to be for a reader: one line, not too long, that names a place. */
import type { RuntError } from "../../src/errors.ts";

/** Room for the longest list of words and the longest path, but not for whatever a document says. */
const mostCharacters = 700;

/** What is wrong with the line; undefined when it is right. */
export function lineProblem(line: string): string | undefined {
  if (/[\p{Cc}\u2028\u2029]/u.test(line)) return "not one line";
  if (line.length > mostCharacters) return "too long";
  if (/\bat \S+ \(|node:internal|\[object |undefined|NaN/.test(line)) return "a stack, or a value of ours";
  return undefined;
}

/** The same of an error, and whether it says where. */
export function wordingProblem({ message, site, kind }: RuntError): string | undefined {
  const place = site.subject ?? site.path ?? site.syscall;
  if (kind === "Internal" && !place) return "an internal error";
  return lineProblem(message) ?? (place ? undefined : "names no place");
}
