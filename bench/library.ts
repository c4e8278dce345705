/** The library: containers one after the other, and many at once. */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Container, createContainer } from "../src/index.ts";
import { type Subject, summarize } from "./statistics.ts";

/** Where the time of one container goes, in milliseconds. */
export interface Phases {
  readonly create: number[];
  readonly start: number[];
  readonly wait: number[];
  readonly delete: number[];
}

/** A directory for state of our own, on the tmpfs that every Linux has; gone when disposed of. */
export class StateRoot implements Disposable {
  readonly path = mkdtempSync(join("/dev/shm", "runt-bench-"));
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** create → start → exit → delete, each container alone. `phases` collects the parts. */
export function library(bundle: string, root: string, phases: Phases): Subject {
  return {
    name: "runt library",
    run: async (rounds) => {
      const took: number[] = [];
      for (let i = 0; i < rounds; i++) {
        const begin = performance.now();
        const container = await createContainer({ bundle, root, stdio: "ignore" });
        const created = performance.now();
        await container.start();
        const started = performance.now();
        expectSuccess(await container.wait());
        const ended = performance.now();
        await container.delete();
        const deleted = performance.now();
        took.push(deleted - begin);
        phases.create.push(created - begin);
        phases.start.push(started - created);
        phases.wait.push(ended - started);
        phases.delete.push(deleted - ended);
      }
      return took;
    },
  };
}

function expectSuccess(status: Awaited<ReturnType<Container["wait"]>>): void {
  if (!("exited" in status) || status.exited !== 0)
    throw new Error(`the program ended with ${JSON.stringify(status)}`);
}

export interface ParallelResult {
  readonly containers: number;
  readonly failures: number;
  /** Why the first failed. */
  readonly firstFailure: string | null;
  readonly seconds: number;
  readonly perSecond: number;
  readonly perSecondPerCore: number;
}

/** `count` containers begun at the same moment. */
export async function inParallel(bundle: string, root: string, count: number): Promise<ParallelResult> {
  const begin = performance.now();
  const results = await Promise.allSettled(
    Array.from({ length: count }, async () => {
      await using container = await createContainer({ bundle, root, stdio: "ignore" });
      await container.start();
      expectSuccess(await container.wait());
    }),
  );
  const seconds = (performance.now() - begin) / 1000;
  const failures = results.filter((result) => result.status === "rejected");
  const perSecond = (count - failures.length) / seconds;
  return {
    containers: count,
    failures: failures.length,
    firstFailure: failures[0] ? String(failures[0].reason) : null,
    seconds,
    perSecond,
    perSecondPerCore: perSecond / availableParallelism(),
  };
}

/** Medians of the parts. */
export function summarizePhases(phases: Phases): Record<keyof Phases, number> {
  const p50 = (samples: readonly number[]): number => summarize(samples).p50;
  return {
    create: p50(phases.create),
    start: p50(phases.start),
    wait: p50(phases.wait),
    delete: p50(phases.delete),
  };
}
