/** Versions of the CNI specification. */

/** Those whose results we can read, oldest first. */
export const supportedVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

/** Negative where `a` is older. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(".").map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (left![i] ?? 0) - (right![i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The newest of `versions` that we know; undefined for none. */
export function newestKnown(versions: readonly string[]): string | undefined {
  return versions
    .filter((version) => (supportedVersions as readonly string[]).includes(version))
    .sort(compareVersions)
    .at(-1);
}
