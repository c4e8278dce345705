/** An archive that is not what it should be: damaged, cut short, or made to do harm. */
import { RuntError } from "../../errors.ts";
import { readable } from "../../linux/at.ts";

/** @param name of the entry, as a byte string */
export function malformed(what: string, name?: string, cause?: unknown): RuntError {
  const site = { operation: "unpack", ...(name !== undefined && { subject: entryText(name) }) };
  return new RuntError(
    "InvalidArgument",
    name === undefined ? what : `${entryText(name)}: ${what}`,
    site,
    cause,
  );
}

/** How an entry is called in messages: its name quoted, not too much of it, and nothing that moves a cursor. */
export function entryText(name: string): string {
  const text = readable(name.length > 200 ? `${name.slice(0, 200)}...` : name);
  return `layer entry ${JSON.stringify(text).replace(/[\u007f-\u009f]/g, "?")}`;
}
