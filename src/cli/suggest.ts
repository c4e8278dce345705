/** The word that someone most likely meant. */

/** Letters to insert, drop, replace or swap to come from one word to another. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1);
      }
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

/** The nearest of `known`, when it is near enough: a letter in three wrong, or the beginning of one right. */
export function suggestion(word: string, known: readonly string[]): string | undefined {
  const started = word.length > 1 ? known.filter((k) => k.startsWith(word)) : [];
  if (started.length === 1) return started[0];
  const near = known
    .map((k) => ({ k, d: distance(word, k) }))
    .filter(({ k, d }) => d <= Math.max(1, Math.floor(Math.max(k.length, word.length) / 3)))
    .sort((x, y) => x.d - y.d);
  return near[0]?.k;
}
