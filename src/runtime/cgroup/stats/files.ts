/** The formats of cgroup v2 statistics files. */

/** A counter: a number as far as that is exact. */
export type Count = number | bigint;

/** 64 bits of ones: how "max" is reported. */
export const unlimited = 2n ** 64n - 1n;

/** A decimal number or "max". */
export function count(text: string): Count {
  const trimmed = text.trim();
  if (trimmed === "max") return unlimited;
  const value = Number(trimmed);
  return Number.isSafeInteger(value) ? value : BigInt(trimmed);
}

/** Adds without losing digits. */
export function plus(a: Count, b: Count): Count {
  return count(String(BigInt(a) + BigInt(b)));
}

/** Lines "key value", as in memory.stat. */
export function flatKeyed(text: string): Record<string, Count> {
  const values: Record<string, Count> = {};
  for (const line of text.split("\n")) {
    const [key, value] = line.split(" ");
    if (key && value !== undefined) values[key] = count(value);
  }
  return values;
}

/** One line "key name=value …", as in io.stat. */
export interface NestedLine {
  readonly key: string;
  readonly values: readonly (readonly [name: string, value: string])[];
}

export function nestedKeyed(text: string): NestedLine[] {
  return text
    .split("\n")
    .filter((line) => line.includes(" "))
    .map((line) => {
      const [key = "", ...pairs] = line.split(/\s+/);
      return {
        key,
        values: pairs
          .filter((pair) => pair.includes("="))
          .map((pair) => {
            const at = pair.indexOf("=");
            return [pair.slice(0, at), pair.slice(at + 1)] as const;
          }),
      };
    });
}

/** One line of a pressure file. Percentages, and microseconds in all. */
export interface PressureLine {
  avg10: number;
  avg60: number;
  avg300: number;
  total: Count;
}

/** Pressure stall information. @see Linux Documentation/accounting/psi.rst */
export interface Pressure {
  some?: PressureLine;
  full?: PressureLine;
}

export function pressure(text: string | undefined): Pressure | undefined {
  if (text === undefined) return undefined;
  const result: Pressure = {};
  for (const { key, values } of nestedKeyed(text)) {
    const line: PressureLine = { avg10: 0, avg60: 0, avg300: 0, total: 0 };
    for (const [name, value] of values) {
      if (name === "total") line.total = count(value);
      else if (name === "avg10" || name === "avg60" || name === "avg300") line[name] = Number(value);
    }
    if (key === "some" || key === "full") result[key] = line;
  }
  return result;
}
