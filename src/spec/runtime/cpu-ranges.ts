/** Lists of CPU or memory-node numbers as the kernel writes them: "0-3,7". @see cpuset(7), section List format */

/** First and last number of one range. */
export type CpuRange = readonly [first: number, last: number];

/** Above what any kernel is built for; keeps a mask made from a list small. */
const MAX_NUMBER = 65_535;

/**
 * The ranges of a list, in order; spaces around numbers are allowed.
 * @returns undefined when the text is not a list or names no number
 */
export function parseCpuList(text: string): CpuRange[] | undefined {
  const ranges: CpuRange[] = [];
  for (const part of text.split(",")) {
    const [, first, last = first] = /^\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*$/.exec(part) ?? [];
    if (first === undefined || Number(last) < Number(first) || Number(last) > MAX_NUMBER) return undefined;
    ranges.push([Number(first), Number(last)]);
  }
  return ranges;
}
