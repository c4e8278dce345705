/** Runs around every test file: one that leaves something behind fails. */

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect } from "vitest";
import { patienceMs } from "./container.ts";
import { leaksSince, type Snapshot, snapshot } from "./leaks.ts";

let before: Snapshot | undefined;

beforeAll(() => {
  before = snapshot();
});

afterAll(async () => {
  // A process that was killed takes a moment to be gone, and so does what another file has just mounted.
  const deadline = performance.now() + patienceMs;
  let leaks = leaksSince(before!);
  while (leaks.length > 0 && performance.now() < deadline) {
    await sleep(20);
    leaks = leaksSince(before!);
  }
  expect(leaks, "left behind by this file").toEqual([]);
});
