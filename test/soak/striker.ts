/** Kills at random while others work: programs of the command line, shims, inits. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pidfd_open, pidfd_send_signal } from "../../src/linux/process.ts";
import { hierarchy } from "../../src/runtime/cgroup/hierarchy.ts";
import type { Random } from "../native/random.ts";

const SIGKILL = 9;

export interface StrikerOptions {
  readonly random: Random;
  /** Names of cgroups that are the victims' start so. */
  readonly cgroupPrefix: string;
  /** Pids of command lines that run now. */
  readonly commands: ReadonlySet<number>;
  /** Between two strikes, at most. */
  readonly pauseMs: number;
}

/** How many of each were struck. */
export interface Strikes {
  command: number;
  shim: number;
  init: number;
}

/** Strikes until `signal` says that it is enough. */
export async function strike(options: StrikerOptions, signal: AbortSignal): Promise<Strikes> {
  const count: Strikes = { command: 0, shim: 0, init: 0 };
  const kinds = ["command", "shim", "init"] as const;
  while (!signal.aborted) {
    await sleep(options.random.below(options.pauseMs));
    const kind = kinds[options.random.below(kinds.length)]!;
    const victims = find[kind](options);
    const victim = victims[options.random.below(victims.length)];
    if (victim !== undefined && kill(victim, () => find[kind](options).includes(victim))) count[kind]++;
  }
  return count;
}

const find: Record<keyof Strikes, (options: StrikerOptions) => number[]> = {
  command: ({ commands }) => [...commands],
  shim: ({ commands }) => [process.pid, ...commands].flatMap(childrenOf).filter(isShim),
  init: ({ cgroupPrefix }) => {
    const top = hierarchy().mountPoint;
    const groups = readdirSync(top).filter((name) => name.startsWith(cgroupPrefix));
    return groups.flatMap((name) => pidsIn(join(top, name, "cgroup.procs")));
  },
};

/** The pidfd pins whoever has the pid; only then is it worth asking again whether that is still a victim. */
function kill(pid: number, isStill: () => boolean): boolean {
  try {
    using pidfd = pidfd_open(pid);
    if (!isStill()) return false;
    pidfd_send_signal(pidfd, SIGKILL);
    return true;
  } catch {
    return false;
  }
}

/** Of all its threads: a child belongs to the one that made it. */
export function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      pidsIn(`/proc/${pid}/task/${thread}/children`),
    );
  } catch {
    return [];
  }
}

function pidsIn(file: string): number[] {
  try {
    return readFileSync(file, "latin1").split(/\s+/).filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function isShim(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`).includes("runt-shim");
  } catch {
    return false;
  }
}
