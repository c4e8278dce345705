/** Durations as Go writes them, which docker, OCI tools and their files all do. @see https://pkg.go.dev/time#ParseDuration */

const unitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "\u00b5s": 1e-3,
  "\u03bcs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** @returns "1m30s", "1.5h", "500ms", "0" in milliseconds, which may be a fraction; undefined for what is none, or negative */
export function goDurationMs(text: string): number | undefined {
  if (text === "0") return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|[uµμ]s|ms|s|m|h)/g)];
  if (text === "" || parts.map(([part]) => part).join("") !== text) return undefined;
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * unitsMs[unit!]!, 0);
}
