/**
 * `npm run bench`: how far runt is from what the kernel alone takes, and from runc and crun.
 *
 * ```
 * node bench/run.ts [--rounds N] [--out FILE] [--only library,engine,start,run,memory,parallel,monitor,shell,network,many]
 * ```
 * Needs root and a C compiler; for everything but the library, what `npm run build` makes.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type BenchBundle, helloConfig, makeBundle } from "./bundle.ts";
import { command, findProgram, refusal } from "./commands.ts";
import { engineCost } from "./engine.ts";
import { floor } from "./floor.ts";
import { inParallel, library, type Phases, StateRoot, summarizePhases } from "./library.ts";
import { manyContainers } from "./many.ts";
import { memory } from "./memory.ts";
import { monitors } from "./monitor.ts";
import { networkCostApart } from "./network.ts";
import { shell } from "./shell.ts";
import { interleave, type Subject, summarize } from "./statistics.ts";
import { printLines, printTable, type Row, row } from "./table.ts";

const root = resolve(import.meta.dirname, "..");
const runtOci = join(root, "bin/runt-oci");
const node = join(root, "dist/native/node");

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "400" },
    out: { type: "string", default: join(root, "bench/results/latest.json") },
    only: { type: "string", default: "library,engine,start,run,memory,parallel,monitor,shell,network,many" },
  },
});
const rounds = Number(values.rounds);
const parts: Record<string, (bundle: BenchBundle, directory: string) => Promise<unknown>> = {
  library: measureLibrary,
  engine: measureEngine,
  start: measureStart,
  run: measureRun,
  memory: measureMemory,
  parallel: measureParallel,
  monitor: measureMonitor,
  shell: measureShell,
  network: measureNetwork,
  many: measureMany,
};

if (process.geteuid!() !== 0) throw new Error("bench/run.ts: needs root, to make namespaces and cgroups");
const directory = mkdtempSync(join(tmpdir(), "runt-bench-"));
try {
  const bundle = makeBundle(join(directory, "bundle"), await helloConfig(root));
  const machine = {
    kernel: release(),
    cpu: cpus()[0]?.model ?? "",
    cores: cpus().length,
    node: process.version,
  };
  const results: Record<string, unknown> = { when: new Date().toISOString(), machine };
  for (const part of values.only.split(",")) {
    const measure = parts[part];
    if (!measure)
      throw new Error(`bench/run.ts: no part ${part}; there are ${Object.keys(parts).join(", ")}`);
    results[part] = await measure(bundle, directory);
  }
  mkdirSync(dirname(values.out), { recursive: true });
  writeFileSync(values.out, `${JSON.stringify(results, undefined, 2)}\n`);
  console.log(`\nwritten to ${values.out}`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** create → start → exit → delete through the library against the floor. */
async function measureLibrary(bundle: BenchBundle, directory: string): Promise<unknown> {
  using state = new StateRoot();
  const phases: Phases = { create: [], start: [], wait: [], delete: [] };
  const subjects = [floor(directory, bundle), library(bundle.path, state.path, phases)];
  const samples = await interleave(subjects, { rounds, block: 50, warmUp: 200 });
  const rows = rowsOf(subjects, samples, { "runt library": 2 });
  const { namespaces } = bundle.config.linux;
  printTable(
    `One container: ${namespaces.length} namespaces, ${bundle.config.mounts.length} mounts, a cgroup`,
    rows,
  );
  const parts = summarizePhases(phases);
  const text = Object.entries(parts).map(([name, ms]) => `${name} ${ms.toFixed(2)}`);
  console.log(`${"  of the library, p50 ms".padEnd(34)}${text.join(", ")}`);
  return { rows, phases: parts };
}

/** A container of an image through the library, against the OCI runtime's own. */
async function measureEngine(bundle: BenchBundle): Promise<unknown> {
  const result = await engineCost(bundle, Math.ceil(rounds / 4));
  const { oci, sameConfig, engine, kept, unconfined } = result;
  printTable("A container of an image, from the library", [
    row("OCI runtime, bundles/hello", oci, sameConfig),
    row("OCI runtime, the engine's config", sameConfig, sameConfig),
    row("engine, removed with its end", engine, sameConfig, 2),
    row("engine, removed afterwards", kept, sameConfig),
    row("engine, without a seccomp filter", unconfined, sameConfig),
  ]);
  printLines("", {
    "engine against bundles/hello": (engine.p50 / oci.p50).toFixed(2),
    "a program's first container": `${result.firstMs.toFixed(0)} ms, the engine's opening with it`,
  });
  return result;
}

/** How long the command takes to say its version, against Node that does nothing. */
async function measureStart(): Promise<unknown> {
  if (!isBuilt()) return null;
  const subjects = [
    command("node -e 0", node, () => ["-e", "0"]),
    command("runt-oci --version", runtOci, () => ["--version"]),
    ...peers().map(({ name, file }) => command(`${name} --version`, file, () => ["--version"])),
  ];
  const samples = await interleave(subjects, { rounds: Math.ceil(rounds / 4), block: 10, warmUp: 5 });
  const rows = rowsOf(subjects, samples, { "runt-oci --version": 1.3 });
  printTable("Start of the command", rows);
  return { rows };
}

/** `run` of the same bundle by every runtime that can. */
async function measureRun(bundle: BenchBundle): Promise<unknown> {
  if (!isBuilt()) return null;
  using state = new StateRoot();
  const id = (name: string, round: number): string => `runt-bench-${name}-${process.pid}-${round}`;
  const args = (name: string) => (round: number) => [
    "--root",
    join(state.path, name),
    "run",
    "--bundle",
    bundle.path,
    id(name, round),
  ];
  const refused: Record<string, string> = {};
  const subjects: Subject[] = [];
  for (const { name, file } of [...peers(), { name: "runt-oci", file: runtOci }]) {
    const why = refusal(file, args(name)(-1));
    if (why === undefined) subjects.push(command(`${name} run`, file, args(name)));
    else refused[name] = why;
  }
  const samples = await interleave(subjects, { rounds: Math.ceil(rounds / 4), block: 10, warmUp: 5 });
  // Without runc there is nothing to be measured against.
  const targets = subjects[0]?.name === "runc run" ? { "runt-oci run": 1.6 } : undefined;
  const rows = rowsOf(subjects, samples, targets ?? {});
  printTable("run of the same bundle", rows);
  for (const [name, why] of Object.entries(refused)) console.log(`${name} cannot run it here: ${why}`);
  return { rows, refused };
}

async function measureMemory(bundle: BenchBundle): Promise<unknown> {
  using state = new StateRoot();
  const result = await memory(bundle.path, state.path);
  const kb = (n: number): string => `${n.toFixed(0)} kB`;
  const created = result.createdShim + result.createdInit;
  printLines("Memory (PSS), mean of ten containers", {
    "created: shim + init": `${kb(result.createdShim)} + ${kb(result.createdInit)}  ${created <= 1024 ? "within" : "ABOVE"} 1024 kB`,
    "running: shim": kb(result.runningShim),
  });
  return result;
}

async function measureParallel(bundle: BenchBundle): Promise<unknown> {
  using state = new StateRoot();
  const result = await inParallel(bundle.path, state.path, 200);
  printLines("Containers begun at once from one process", {
    containers: `${result.containers}, ${result.failures} failed${result.firstFailure ? `: ${result.firstFailure}` : ""}`,
    throughput: `${result.perSecond.toFixed(0)}/s, ${result.perSecondPerCore.toFixed(0)}/s per core`,
  });
  return result;
}

/** A hundred monitors at once; one that has much to do. */
async function measureMonitor(bundle: BenchBundle, directory: string): Promise<unknown> {
  using state = new StateRoot();
  const result = await monitors(bundle, state.path, join(directory, "monitors"));
  const kb = (n: number): string => `${n.toFixed(0)} kB  ${n <= 200 ? "within" : "ABOVE"} 200 kB`;
  printLines(`Monitors: PSS of each of ${result.monitors}`, {
    "started by one program": kb(result.sharedPss),
    "started by a program each": kb(result.alonePss),
    "output, with log and client": `${result.outputMbPerSecond.toFixed(0)} MB/s, ${result.cpuMsPerMb.toFixed(1)} ms of CPU for a MB`,
    "create, start, exit record": `${result.runMs.toFixed(2)} ms`,
  });
  return result;
}

/** `runt run` against podman and containerd. */
async function measureShell(): Promise<unknown> {
  return isBuilt() ? await shell(Math.ceil(rounds / 10)) : null;
}

/** What a bridge and a published port add to a container of the library. */
async function measureNetwork(bundle: BenchBundle): Promise<unknown> {
  return networkCostApart(bundle.path, Math.ceil(rounds / 4));
}

/** A hundred containers that do nothing, and lists of many. */
async function measureMany(bundle: BenchBundle, directory: string): Promise<unknown> {
  if (!isBuilt()) return null;
  const result = await manyContainers(bundle, join(directory, "many"), Math.ceil(rounds / 10));
  const mb = result.monitorsKb / 1024;
  printLines("A hundred idle containers", {
    "their monitors together, PSS": `${mb.toFixed(1)} MB  ${mb <= 20 ? "within" : "ABOVE"} 20 MB`,
  });
  return result;
}

/** The first subject is what the others are compared with. */
function rowsOf(
  subjects: readonly Subject[],
  samples: ReadonlyMap<string, readonly number[]>,
  targets: Readonly<Record<string, number>>,
): Row[] {
  const summaries = subjects.map(({ name }) => summarize(samples.get(name)!));
  return subjects.map(({ name }, i) => row(name, summaries[i]!, summaries[0]!, targets[name]));
}

function peers(): { name: string; file: string }[] {
  return ["runc", "crun"].flatMap((name) => {
    const file = findProgram(name);
    return file ? [{ name, file }] : [];
  });
}

function isBuilt(): boolean {
  const built = existsSync(runtOci) && existsSync(join(root, "dist/cli")) && existsSync(node);
  if (!built) console.log("\nskipped the commands: not built yet (npm run build)");
  return built;
}
