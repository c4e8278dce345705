/** Prints results for people: one row per subject, ratios last. */
import type { Summary } from "./statistics.ts";

export interface Row {
  readonly name: string;
  readonly summary: Summary;
  /** p50 against the subject that the table compares with; 1 for that one itself. */
  readonly ratio: number;
  /** At most so much, where the project promises something. */
  readonly target?: number;
}

/** The ratio is of medians. */
export function row(name: string, summary: Summary, baseline: Summary, target?: number): Row {
  return { name, summary, ratio: summary.p50 / baseline.p50, ...(target === undefined ? {} : { target }) };
}

const width = 34;

export function printTable(title: string, rows: readonly Row[]): void {
  console.log(`\n${title}`);
  console.log(
    `${"".padEnd(width)}${"runs".padStart(6)}${"p10 ms".padStart(9)}${"p50 ms".padStart(9)}${"p90 ms".padStart(9)}${"ratio".padStart(8)}`,
  );
  for (const { name, summary, ratio, target } of rows) {
    const { runs, p10, p50, p90 } = summary;
    const numbers = [p10, p50, p90].map((ms) => ms.toFixed(2).padStart(9)).join("");
    const verdict = target === undefined ? "" : `  ${ratio <= target ? "within" : "ABOVE"} ${target}`;
    console.log(
      `${name.padEnd(width)}${String(runs).padStart(6)}${numbers}${ratio.toFixed(2).padStart(8)}${verdict}`,
    );
  }
}

export function printLines(title: string, lines: Readonly<Record<string, string>>): void {
  console.log(`\n${title}`);
  for (const [name, value] of Object.entries(lines)) console.log(`${name.padEnd(width)}${value}`);
}
