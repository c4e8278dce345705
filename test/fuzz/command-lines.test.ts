/**
 * The command line with anything on it, and mutated configurations through it: each call succeeds, or prints one line.
 * RUNT_FUZZ_COMMANDS says how many, RUNT_FUZZ_SEED which ones.
 */
import { describe, expect, test } from "vitest";
import { missing } from "../safety/containers.ts";
import { isolated } from "./isolated.ts";

const calls = Number(process.env.RUNT_FUZZ_COMMANDS ?? 200);
const seed = Number(process.env.RUNT_FUZZ_SEED ?? 20261121);

describe.skipIf(missing)("command lines of runt-oci", () => {
  test(`${calls} of them (RUNT_FUZZ_SEED=${seed})`, { timeout: 120_000 + calls * 1000 }, async () => {
    const order = { seed, commandLines: Math.ceil(calls / 2), configurations: Math.ceil(calls / 2) };
    const { count, findings } = await isolated("command-lines.ts", order);
    console.log(`command lines: ${JSON.stringify(count)}`);
    expect(findings).toEqual([]);
    expect(count.succeeded).toBeGreaterThan(calls / 20);
    expect(count.refused).toBeGreaterThan(calls / 20);
  });
});
