/** Medians and ratios: what is left of a measurement on a machine that is never quiet. */

/** Samples of one subject, in milliseconds. */
export interface Summary {
  readonly runs: number;
  readonly p10: number;
  readonly p50: number;
  readonly p90: number;
}

/** The value below which the part `q` of `samples` lies. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export function summarize(samplesMs: readonly number[]): Summary {
  return {
    runs: samplesMs.length,
    p10: quantile(samplesMs, 0.1),
    p50: quantile(samplesMs, 0.5),
    p90: quantile(samplesMs, 0.9),
  };
}

/** One subject of a comparison. */
export interface Subject {
  readonly name: string;
  /** Runs it `rounds` times. @returns milliseconds of each */
  readonly run: (rounds: number) => Promise<number[]> | number[];
}

/**
 * Measures the subjects in turn, a block of rounds each, so that what else the machine does hits all of them alike.
 * A block before the first one is thrown away.
 */
export async function interleave(
  subjects: readonly Subject[],
  { rounds, block, warmUp }: { rounds: number; block: number; warmUp: number },
): Promise<Map<string, number[]>> {
  const samples = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  for (const subject of subjects) await subject.run(warmUp);
  for (let done = 0; done < rounds; done += block) {
    for (const { name, run } of subjects)
      samples.get(name)!.push(...(await run(Math.min(block, rounds - done))));
  }
  return samples;
}
