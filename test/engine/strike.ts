/**
 * Makes a program that runs a container be struck at one of many points of that (../support/points.ts): what is to
 * be killed is, and at once.
 * For each point that it comes to, a line is written: its number and its name.
 */
import fs, { readFileSync } from "node:fs";
import { join } from "node:path";
import { hierarchy } from "../../src/runtime/cgroup/hierarchy.ts";
import { watchPoints } from "../support/points.ts";

export interface Strike {
  /** Which point, from 0; -1: nobody is struck. */
  readonly at: number;
  /** Only points of this name are counted: how often something is waited for is not the same each time. */
  readonly of?: string;
  readonly victim: "runt" | "monitor" | "init" | "everything";
  /** Of the engine. */
  readonly root: string;
}

const { writeSync } = fs;

/** Inits of the engine's containers and their parents, which are their monitors or, before that, their shims. */
function processes(root: string): { inits: number[]; parents: number[] } {
  const inits = fs
    .readdirSync(join(root, "containers"))
    .flatMap((id) => numbersIn(join(hierarchy().mountPoint, "runt", id, "cgroup.procs")));
  const parents = inits.flatMap((pid) =>
    numbersIn(`/proc/${pid}/status`, /^PPid:\t(\d+)$/m).filter((parent) => parent > 1),
  );
  return { inits, parents: parents.filter((pid) => pid !== process.pid) };
}

function numbersIn(path: string, what = /(\d+)/g): number[] {
  try {
    const text = readFileSync(path, "latin1");
    return what.global ? (text.match(what) ?? []).map(Number) : [Number(what.exec(text)?.[1])];
  } catch {
    return [];
  }
}

/** From now on. */
export function arm({ at, of, victim, root }: Strike): void {
  let points = 0;
  let counted = 0;
  watchPoints((name) => {
    writeSync(1, `${points++} ${name}\n`);
    if ((of === undefined || name === of) && counted++ === at) strike();
  });
  const strike = (): void => {
    const { inits, parents } = processes(root);
    const victims = { runt: [], monitor: parents, init: inits, everything: [...parents, ...inits] }[victim];
    for (const pid of victims) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {} // with another one
    }
    if (victim === "runt" || victim === "everything") process.kill(process.pid, "SIGKILL");
  };
}
