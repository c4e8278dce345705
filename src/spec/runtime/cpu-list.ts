/** Lists of CPU or memory-node numbers in a document. */
import { parseCpuList } from "./cpu-ranges.ts";
import { readText } from "./leaves.ts";
import { leaf, mustBe, optional, refuse } from "./schema.ts";

/** Absent, or the text of a list; the empty string counts as absent. */
export const cpuList = optional(
  leaf((value) => {
    const text = readText(value);
    return typeof text === "string" && parseCpuList(text) === undefined
      ? refuse(mustBe('a list such as "0-3,7"', text))
      : text;
  }),
  "",
);
