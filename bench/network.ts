/**
 * What a network costs a container started from the library: one on the default bridge with a published port against one
 * whose network namespace stays empty.
 *
 * ```
 * node bench/network.ts [--rounds N]
 * ```
 * Runs in a network and a mount namespace of its own: the machine's links and rules are not touched. Needs root.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  type NetworkContext,
  networkContext,
  parsePortMapping,
  reconcileNetworks,
  setupNetwork,
  teardownNetwork,
} from "../src/engine/network/index.ts";
import { createContainer } from "../src/index.ts";
import { helloConfig, makeBundle } from "./bundle.ts";
import { StateRoot } from "./library.ts";
import { interleave, type Subject, type Summary, summarize } from "./statistics.ts";
import { printLines } from "./table.ts";

/** Milliseconds that a bridge network and a published port may add to a start. */
const targetMs = 8;
/**
 * Between two containers. What the kernel does after the last process of a namespace with a cable in it is gone takes
 * tens of milliseconds, and it lets nobody make a link meanwhile; a container by itself is what is measured.
 */
const settleMs = 80;
const marker = "RUNT_BENCH_NETWORK";

export interface NetworkResult {
  readonly without: Summary;
  readonly with: Summary;
  /** Of setting up alone, before the program runs. */
  readonly setup: Summary;
  readonly teardown: Summary;
  readonly addedMs: number;
}

/** For a process whose network namespace is its own. */
export async function networkCost(bundlePath: string, rounds: number): Promise<NetworkResult> {
  using state = new StateRoot();
  const context = networkContext({ root: join(state.path, "network"), instance: "runt-bench" });
  const setup: number[] = [];
  const teardown: number[] = [];
  const subjects: Subject[] = [
    { name: "without", run: (count) => repeat(count, () => run(bundlePath, state.path)) },
    {
      name: "with",
      run: (count) =>
        repeat(count, async () => {
          const parts = await run(bundlePath, state.path, context);
          setup.push(parts!.setup);
          teardown.push(parts!.teardown);
        }),
    },
  ];
  const samples = await interleave(subjects, { rounds, block: 10, warmUp: 20 });
  await reconcileNetworks(context, { isAlive: () => false, idle: "remove" });
  const [without, withNetwork] = subjects.map(({ name }) => summarize(samples.get(name)!));
  return {
    without: without!,
    with: withNetwork!,
    setup: summarize(setup),
    teardown: summarize(teardown),
    addedMs: withNetwork!.p50 - without!.p50,
  };
}

async function repeat(count: number, body: () => Promise<unknown>): Promise<number[]> {
  const took: number[] = [];
  for (let i = 0; i < count; i++) {
    const begin = performance.now();
    await body();
    took.push(performance.now() - begin);
    await sleep(settleMs);
  }
  return took;
}

async function run(
  bundle: string,
  root: string,
  context?: NetworkContext,
): Promise<{ setup: number; teardown: number } | undefined> {
  const container = await createContainer({ bundle, root, stdio: "ignore" });
  const begin = performance.now();
  if (context) {
    await setupNetwork(context, {
      id: container.id,
      namespace: `/proc/${container.pid}/ns/net`,
      networks: [{ network: "bridge" }],
      ports: parsePortMapping("8080:80"),
    });
  }
  const ready = performance.now();
  await container.start();
  await container.wait();
  const ended = performance.now();
  if (context) await teardownNetwork(context, container.id, { namespace: null });
  const gone = performance.now();
  await container.delete();
  return context && { setup: ready - begin, teardown: gone - ended };
}

/** `networkCost` in a process whose network is its own, and what people read of it. */
export function networkCostApart(bundlePath: string, rounds: number): NetworkResult {
  const words = [process.execPath, ...process.execArgv, import.meta.filename, bundlePath, String(rounds)];
  const { status, stdout } = spawnSync(
    "unshare",
    ["--net", "--mount", "--propagation", "private", ...words],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, [marker]: "1" } },
  );
  if (status !== 0) throw new Error(`bench/network.ts: status ${status}`);
  const result: NetworkResult = JSON.parse(stdout);
  const line = ({ p10, p50, p90 }: Summary): string =>
    `p10 ${p10.toFixed(2)}  p50 ${p50.toFixed(2)}  p90 ${p90.toFixed(2)} ms`;
  const verdict = result.addedMs <= targetMs ? "within" : "ABOVE";
  printLines(`A container's network, ${result.with.runs} rounds`, {
    "without a network": line(result.without),
    "bridge and one published port": line(result.with),
    "of that: setup": line(result.setup),
    "of that: teardown": line(result.teardown),
    added: `${result.addedMs.toFixed(2)} ms  ${verdict} ${targetMs}`,
  });
  return result;
}

if (import.meta.filename === process.argv[1] && process.env[marker]) {
  const [bundlePath, rounds] = process.argv.slice(2);
  console.log(JSON.stringify(await networkCost(bundlePath!, Number(rounds))));
} else if (import.meta.filename === process.argv[1]) {
  const { values } = parseArgs({ options: { rounds: { type: "string", default: "100" } } });
  const directory = mkdtempSync(join(tmpdir(), "runt-bench-network-"));
  try {
    const template = await helloConfig(resolve(import.meta.dirname, ".."));
    networkCostApart(makeBundle(join(directory, "bundle"), template).path, Number(values.rounds));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
