/** Skips the tests of a suite where the machine lacks something, and has the run say what. */
import { beforeEach } from "vitest";
import { missing } from "../../support/needs.ts";

/** At the head of a `describe`: what all its tests need, in the words of `needs`. */
export function skipWithout(...wanted: string[]): void {
  const gone = missing(...wanted);
  beforeEach((context) => context.skip(gone !== undefined, `needs ${gone}`));
}
