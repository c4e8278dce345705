/**
 * A program for configurations.test.ts, run by `isolated`: makes containers from mutated configurations through the
 * library, and looks after each that it is gone. Prints a dot now and then, and a verdict.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RuntError } from "../../src/errors.ts";
import { createContainer } from "../../src/runtime/library/container.ts";
import { Config } from "../../src/spec/runtime/config.ts";
import { stringifyJson } from "../../src/spec/runtime/json.ts";
import { Random } from "../native/random.ts";
import { dangerous, poolsFor } from "./pools.ts";
import { seeds } from "./seeds.ts";
import { type Json, Shaper } from "./shape.ts";
import { opened, openFiles, traces } from "./traces.ts";
import { wordingProblem } from "./wording.ts";

const order = JSON.parse(process.argv[2]!) as { directory: string; seed: number; mutations: number };
const root = join(order.directory, "state");
const random = new Random(order.seed);
const shaper = new Shaper(random, poolsFor(order.directory));
const start = seeds(order.directory);
const count: Record<string, number> = {
  ran: 0,
  "refused before anything was done": 0,
  "failed on the way": 0,
  "left out": 0,
};
const findings: string[] = [];

/** How long create, start and delete may take together. A poststart hook of a second is part of it. */
const limitMs = 20_000;

async function live(config: Json): Promise<"ran" | RuntError> {
  const bundle = join(order.directory, "bundle");
  const aborting = new AbortController();
  const making = createContainer({ bundle, config, root, stdio: "ignore", signal: aborting.signal });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`takes more than ${limitMs} ms`)), limitMs);
  });
  const whole = async (): Promise<"ran"> => {
    await using container = await making;
    if (random.below(3) > 0) await container.start();
    return "ran";
  };
  try {
    return await Promise.race([whole(), late]);
  } catch (error) {
    if (error instanceof RuntError) return error;
    aborting.abort();
    await making.then((container) => container.delete()).catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** A process that was killed takes a moment to be gone, and a stream to be closed. */
async function settled(before: ReadonlySet<string>): Promise<string[]> {
  for (let i = 0; ; i++) {
    const left = [...traces(root).filter((line) => !before.has(line)), ...opened(files)];
    if (left.length === 0 || i === 1000) return left;
    await sleep(10);
  }
}

for (const config of start) await live(structuredClone(config));
await sleep(200);
const before = new Set(traces(root));
let files = openFiles();

for (let n = 0; n < order.mutations && findings.length < 20; n++) {
  let config = start[random.below(start.length)];
  const places: string[] = [];
  for (let i = random.below(4); i >= 0; i--) {
    const { value, at } = shaper.mutated(Config, config);
    config = value;
    places.push(at);
  }
  const reason = dangerous(config);
  if (reason) {
    count["left out"]!++;
    n--;
    continue;
  }
  const text = stringifyJson(config);
  writeFileSync(join(order.directory, "current.json"), text);
  const what = (): string => `mutation ${n} of seed ${order.seed} at ${places.join(", ")}: ${text}`;
  try {
    const result = await live(config);
    if (result === "ran") count.ran!++;
    else {
      count[result.kind === "InvalidArgument" ? "refused before anything was done" : "failed on the way"]!++;
      const problem = wordingProblem(result);
      if (problem)
        findings.push(`${problem}: ${result.message} (${JSON.stringify(result.site)}) for ${what()}`);
    }
  } catch (error) {
    findings.push(`${(error as Error).stack} for ${what()}`);
  }
  const left = await settled(before);
  if (left.length > 0) {
    findings.push(`left: ${left.join("; ")} by ${what()}`);
    for (const line of left) before.add(line);
    files = openFiles();
  }
  if (n % 5 === 0) process.stdout.write(".\n");
}
process.stdout.write(`${JSON.stringify({ count, findings })}\n`);
process.exit(0);
