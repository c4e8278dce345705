/**
 * config.json with anything in it: thousands of mutations in the shape of the schema. Each container runs, or there is
 * one line that says what is wrong and where; nothing hangs, and nothing is left. RUNT_FUZZ_MUTATIONS says how many,
 * RUNT_FUZZ_SEED which ones.
 */
import { describe, expect, test } from "vitest";
import { missing } from "../safety/containers.ts";
import { isolated } from "./isolated.ts";

const mutations = Number(process.env.RUNT_FUZZ_MUTATIONS ?? 5000);
const seed = Number(process.env.RUNT_FUZZ_SEED ?? 20261121);
const shards = 2;

describe.skipIf(missing)("mutated configurations", () => {
  test(`${mutations} of them (RUNT_FUZZ_SEED=${seed})`, { timeout: 120_000 + mutations * 200 }, async () => {
    const orders = Array.from({ length: shards }, (_, i) => ({
      seed: seed + i,
      mutations: Math.ceil(mutations / shards),
    }));
    const verdicts = await Promise.all(orders.map((order) => isolated("configurations.ts", order)));
    console.log(`fuzz: ${JSON.stringify(verdicts.map(({ count }) => count))}`);
    expect(verdicts.flatMap(({ findings }) => findings)).toEqual([]);
    // All three ends are worth being seen.
    for (const { count } of verdicts) {
      expect(count.ran).toBeGreaterThan(mutations / shards / 20);
      expect(count["refused before anything was done"]).toBeGreaterThan(mutations / shards / 20);
      expect(count["failed on the way"]).toBeGreaterThan(0);
    }
  });
});
