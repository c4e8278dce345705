/** Lists with commas between, as Go's encoding/csv reads one record: a field may be quoted, and "" in it is a quote. */
import { flagError } from "./flag-error.ts";

/** @throws {RuntError} InvalidArgument */
export function commaList(flag: string, text: string): string[] {
  const fields: string[] = [];
  let rest = text;
  for (;;) {
    const [whole, quoted, plain] = /^(?:"((?:[^"]|"")*)"|([^",]*))(?=,|$)/s.exec(rest) ?? [];
    if (whole === undefined)
      throw flagError(flag, text, "a quote in the middle of a field, or none at its end");
    fields.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'));
    if (whole.length === rest.length) return fields;
    rest = rest.slice(whole.length + 1);
  }
}
