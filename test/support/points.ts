/**
 * The points of a program that runs containers at which something may strike: after every change that JavaScript makes to a
 * file system or sends to a socket, after every statement of a database, before and after every host step of create, and
 * at every message of the shim's and answer to it.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { StatementSync } from "node:sqlite";
import { Conversation } from "../../src/runtime/create/conversation.ts";
import { HostSteps } from "../../src/runtime/create/steps.ts";

type Calls = Record<string, (...args: unknown[]) => unknown>;

const O_ACCMODE = 3;

/**
 * From now on, for as long as the process lives.
 * @param come is told each point that the program comes to, but for those that it comes to itself
 */
export function watchPoints(come: (name: string) => void): void {
  let busy = false;
  const point = (name: string): void => {
    if (busy) return;
    busy = true;
    come(name);
    busy = false;
  };
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
  for (const name of [
    "mkdirSync",
    "writeFileSync",
    "renameSync",
    "rmSync",
    "rmdirSync",
    "unlinkSync",
    "writeSync",
  ]) {
    wrap(calls, name, always);
  }
  wrap(calls, "openSync", ([, flags]) =>
    typeof flags === "string"
      ? /[wa+]/.test(flags)
      : (Number(flags ?? 0) & (O_ACCMODE | fs.constants.O_CREAT)) !== 0,
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
