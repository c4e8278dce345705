/** What a container costs in memory while nothing of its own runs in it. */
import { readFileSync } from "node:fs";
import { type Container, createContainer } from "../src/index.ts";
import { readProcessStat } from "../src/linux/process.ts";

/** Kilobytes. */
export interface MemoryResult {
  /** Created: init has all in place and waits for `start`. */
  readonly createdShim: number;
  readonly createdInit: number;
  /** Running: init is the user's program, so only the shim counts. */
  readonly runningShim: number;
}

/** Proportional set size: shared pages are counted in parts. @see proc_pid_smaps(5) */
export function pssKb(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]);
}

/** Ten containers at once, since what they share is part of the point. */
export async function memory(bundle: string, root: string): Promise<MemoryResult> {
  await using stack = new AsyncDisposableStack();
  const containers: Container[] = [];
  for (let i = 0; i < 10; i++) {
    containers.push(
      stack.use(await createContainer({ bundle, config: sleeping(bundle), root, stdio: "ignore" })),
    );
  }
  const mean = (of: (init: number) => number): number =>
    containers.reduce((sum, container) => sum + of(container.pid), 0) / containers.length;
  const shimOf = (init: number): number => readProcessStat(init)!.parent;
  const createdInit = mean(pssKb);
  const createdShim = mean((init) => pssKb(shimOf(init)));
  for (const container of containers) await container.start();
  return { createdShim, createdInit, runningShim: mean((init) => pssKb(shimOf(init))) };
}

/** The same bundle with a program that stays. */
function sleeping(bundle: string): object {
  const config = JSON.parse(readFileSync(`${bundle}/config.json`, "utf8")) as { process: { args: string[] } };
  config.process.args = ["/bin/true", "wait"];
  return config;
}
