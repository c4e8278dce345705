/**
 * A program for kill-nine.test.ts: makes a container, and at one of many points of that a signal strikes.
 *
 * `node create-in-steps.ts '{"context":…,"id":…,"options":…,"victim":"self","signal":"SIGKILL","at":17}'`
 *
 * The program writes a line for each point that it comes to (../support/points.ts): its number, its name, and the pids of
 * its shim and of its container's init.
 */
import fs, { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { CreateOptions, RuntimeContext } from "../../src/runtime/api.ts";
import * as runtime from "../../src/runtime/index.ts";
import { watchPoints } from "../support/points.ts";

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
  const shim = shims();
  const init = shim.flatMap(childrenOf);
  writeSync(1, `${n} ${name} ${[...shim, ...init].join(" ")}\n`);
  if (n !== order.at) return;
  const victims = { self: [process.pid], group: [-process.pid], shim, init }[order.victim];
  for (const pid of victims) process.kill(pid, order.signal);
}

watchPoints(point);

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
