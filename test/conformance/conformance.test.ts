/** The same cases with runt and with runc: they differ where docs/conformance.md says so, and nowhere else. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { all, cases } from "./cases/index.ts";
import { judgements } from "./judgements.ts";
import { judgementOn, laneName, readKnown } from "./known.ts";
import { markdown } from "./markdown.ts";
import { keyOf, type Measured, measure, missingFor } from "./measure.ts";
import { aLane, type Lane, peers } from "./runtimes.ts";

const known = readKnown();
const { differences = [], peers: compared = [] } = known[laneName] ?? {};

/** Another version differs elsewhere, which would say nothing of runt. */
const others =
  process.getuid?.() === 0
    ? peers().filter(({ name }) => name.startsWith("runc") && compared.includes(name))
    : [];

const placesOf = (list: readonly Measured[], key: string): string[] =>
  list.filter((one) => one.case === key).map(({ peer, at }) => `${peer}: ${at}`);

let lane: Lane;
beforeAll(async () => {
  if (others.length > 0) lane = await aLane();
});
afterAll(async () => {
  await lane?.[Symbol.asyncDispose]();
});

describe.skipIf(others.length === 0)(
  `runt beside ${others.map(({ name }) => name).join(" and ") || "runc"}`,
  () => {
    for (const one of cases) {
      test(keyOf(one), { timeout: 120_000 }, async (context) => {
        const gone = missingFor(one);
        context.skip(gone !== undefined, `needs ${gone}`);
        const outcome = await measure(one, others, lane);
        // A case that nobody gets through compares nothing.
        const failed = Object.values(outcome.ours.steps).some((step) => step.status !== 0);
        expect(failed, `a step fails: ${JSON.stringify(outcome.ours.errors)}`).toBe(one.fails ?? false);
        const expected = differences.filter(({ peer }) => others.some(({ name }) => name === peer));
        expect(
          placesOf(outcome.differences, keyOf(one)),
          JSON.stringify(outcome.differences, null, 1),
        ).toEqual(placesOf(expected, keyOf(one)));
      });
    }
  },
);

describe("docs/conformance.md", () => {
  test("there are enough cases, each with a name of its own", () => {
    expect(all.length).toBeGreaterThanOrEqual(150);
    expect(new Set(all.map(keyOf)).size).toBe(all.length);
  });

  test("every known difference from runc is judged", () => {
    const seen = Object.values(known).flatMap((lane) => lane.differences);
    expect(seen.filter((one) => one.peer.startsWith("runc") && !judgementOn(one))).toEqual([]);
    const names = new Set(all.map(keyOf));
    expect(seen.filter((one) => !names.has(one.case))).toEqual([]);
  });

  test("every judgement is about some difference", () => {
    const used = new Set(Object.values(known).flatMap((lane) => lane.differences.map(judgementOn)));
    expect(judgements.filter((one) => !used.has(one)).map(({ about }) => about)).toEqual([]);
  });

  test("the page is what the last measurement gives", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/conformance.md"), "utf8");
    expect(page).toBe(markdown(known));
  });
});
