/**
 * A program for kill-nine.test.ts: makes a container, and at one of many points of that a signal strikes.
 *
 * `node create-in-steps.ts '{"context":…,"id":…,"options":…,"victim":"self","signal":"SIGKILL","at":17}'`
 *
 * A point is before and after every host step, every message of the shim's, every answer to it, and every
 * change that is made to a file system from JavaScript. The program writes a line for each point that it
 * comes to: its number, its name, and the pids of its shim and of its container's init.
 */
import fs, { readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import type { CreateOptions, RuntimeContext } from "../../src/runtime/api.ts";

interface Order {
  readonly context: Omit<RuntimeContext, "log">;
  readonly id: string;
  readonly options: CreateOptions;
  readonly victim: "self" | "group" | "shim" | "init";
  readonly signal: NodeJS.Signals;
  readonly at: number;
}

const order = JSON.parse(process.argv[2]!) as Order;
const { writeSync } = fs;
let armed = false;
let points = 0;

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim();
    return text === "" ? [] : text.split(" ").map(Number);
  } catch {
    return [];
  }
}

/** A shim's name is that of the sealed copy of it; init's is the same until it executes. */
function shims(): number[] {
  return childrenOf(process.pid).filter((pid) => {
    try {
      return fs.readlinkSync(`/proc/${pid}/exe`).includes("runt-shim");
    } catch {
      return false;
    }
  });
}

function point(name: string): void {
  if (!armed) return;
  const n = points++;
  // Looking around makes the same calls.
  armed = false;
  const shim = shims();
  const init = shim.flatMap(childrenOf);
  writeSync(1, `${n} ${name} ${[...shim, ...init].join(" ")}\n`);
  armed = true;
  if (n !== order.at) return;
  const victims = { self: [process.pid], group: [-process.pid], shim, init }[order.victim];
  for (const pid of victims) process.kill(pid, order.signal);
}

const O_ACCMODE = 3;

// Everything in the file system that JavaScript changes.
type Calls = Record<string, (...args: unknown[]) => unknown>;
const calls = fs as unknown as Calls;
for (const name of [
  "mkdirSync",
  "writeFileSync",
  "renameSync",
  "rmSync",
  "rmdirSync",
  "openSync",
  "writeSync",
]) {
  const original = calls[name]!;
  calls[name] = (...args) => {
    const result = original.apply(fs, args);
    const reads =
      name === "openSync" &&
      !(typeof args[1] === "string"
        ? /[wa+]/.test(args[1])
        : Number(args[1] ?? 0) & (O_ACCMODE | fs.constants.O_CREAT));
    if (!reads) point(name);
    return result;
  };
}
syncBuiltinESMExports();

const { HostSteps } = await import("../../src/runtime/create/steps.ts");
const { Conversation } = await import("../../src/runtime/create/conversation.ts");
const runtime = await import("../../src/runtime/index.ts");

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

// The container's stdio: ours is read to its end by the test.
const null_ = fs.openSync("/dev/null", "r+");
armed = true;
try {
  await runtime.create({ ...order.context, log: () => {} }, order.id, {
    ...order.options,
    stdio: [null_, null_, null_],
  });
  armed = false;
  writeSync(1, "created\n");
} catch (error) {
  armed = false;
  writeSync(1, `failed ${JSON.stringify((error as Error).message)}\n`);
}
// A signal to ourselves that came with the last point.
await sleep(1);
