/** `--filter until=` of everything that prunes. */
import { invalidFilter } from "./engine.ts";
import { momentOf } from "./human.ts";

/** The earliest of them. @throws {RuntError} InvalidArgument */
export function untilOf(texts: readonly string[] | undefined): Date | undefined {
  const moments = (texts ?? []).map((text) => {
    const moment = momentOf(text);
    if (!moment) throw invalidFilter(`until=${text}`, "not a time");
    return moment;
  });
  return moments.sort((a, b) => a.getTime() - b.getTime())[0];
}
