/** Runs around every test file: one that leaves something behind fails. */

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect } from "vitest";
import { leaksSince, type Snapshot, snapshot } from "./leaks.ts";

let before: Snapshot | undefined;

beforeAll(() => {
  before = snapshot();
});

afterAll(async () => {
  // A process that was killed takes a moment to be gone.
  let leaks = leaksSince(before!);
  for (let i = 0; leaks.length > 0 && i < 100; i++) {
    await sleep(20);
    leaks = leaksSince(before!);
  }
  expect(leaks, "left behind by this file").toEqual([]);
});
