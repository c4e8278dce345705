/**
 * Makes a program that runs a container be struck at one of many points of that: what is to be killed is, and at once.
 *
 * A point is after every change that JavaScript makes to a file system or sends to a socket, after every statement of the
 * database, before and after every host step of create, and at every message of the shim's and answer to it. For each
 * that it comes to, a line is written: its number and its name.
 */
import fs, { readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { StatementSync } from "node:sqlite";
import { hierarchy } from "../../src/runtime/cgroup/hierarchy.ts";
import { Conversation } from "../../src/runtime/create/conversation.ts";
import { HostSteps } from "../../src/runtime/create/steps.ts";

export interface Strike {
  /** -1: nobody is. */
  readonly at: number;
  readonly victim: "runt" | "monitor" | "init" | "everything";
  /** Of the engine. */
  readonly root: string;
}

const { writeSync, constants } = fs;
const O_ACCMODE = 3;

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
export function arm({ at, victim, root }: Strike): void {
  let points = 0;
  let busy = false;
  const point = (name: string): void => {
    if (busy) return;
    busy = true;
    const n = points++;
    writeSync(1, `${n} ${name}\n`);
    if (n === at) strike();
    busy = false;
  };
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

  type Calls = Record<string, (...args: unknown[]) => unknown>;
  const wrap = (calls: Calls, name: string, counts: (args: unknown[]) => boolean, label = name): void => {
    const original = calls[name]!;
    calls[name] = function (this: unknown, ...args: unknown[]) {
      const result = original.apply(this, args);
      if (counts(args)) point(label);
      return result;
    };
  };
  const always = (): boolean => true;
  const calls = fs as unknown as Calls;
  for (const name of ["mkdirSync", "writeFileSync", "renameSync", "rmSync", "rmdirSync", "unlinkSync"])
    wrap(calls, name, always);
  wrap(calls, "writeSync", always);
  wrap(calls, "openSync", ([, flags]) =>
    typeof flags === "string"
      ? /[wa+]/.test(flags)
      : (Number(flags ?? 0) & (O_ACCMODE | constants.O_CREAT)) !== 0,
  );
  syncBuiltinESMExports();
  wrap(StatementSync.prototype as unknown as Calls, "run", always, "statement");

  const { run } = HostSteps.prototype;
  HostSteps.prototype.run = function (step) {
    point(`before-${step.step}`);
    const result = run.call(this, step);
    const after = (): void => point(`after-${step.step}`);
    if (result) return result.then(after);
    after();
  };
  const { next, go } = Conversation.prototype;
  Conversation.prototype.next = async function () {
    const message = await next.call(this);
    point(`message-${message?.type ?? "end"}`);
    return message;
  };
  Conversation.prototype.go = function () {
    point("before-go");
    go.call(this);
    point("after-go");
  };
}
