/** What monitors cost: memory of a hundred idle ones, and how fast one takes a container's output. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createMonitored, findMonitor, MonitorClient, readExit } from "../src/engine/monitor/index.ts";
import { deleteContainer } from "../src/runtime/container/delete.ts";
import { startContainer } from "../src/runtime/container/start.ts";
import type { RuntimeContext } from "../src/runtime/index.ts";
import type { BenchBundle } from "./bundle.ts";
import { pssKb } from "./memory.ts";
import { summarize } from "./statistics.ts";

export interface MonitorResult {
  readonly monitors: number;
  /** Kilobytes, of one monitor of many that one program has started: they share what they can. */
  readonly sharedPss: number;
  /** The same, each started by a program of its own. */
  readonly alonePss: number;
  readonly outputMbPerSecond: number;
  /** Time of the processor that the monitor took for a megabyte of output with a log and a client, ms. */
  readonly cpuMsPerMb: number;
  /** create, start, exit record: ms. */
  readonly runMs: number;
}

const waiting = ["/bin/true", "wait"];

/** One program that makes containers and leaves: `node bench/monitor.ts BUNDLE ROOT DIRECTORY FIRST COUNT`. */
if (import.meta.filename === process.argv[1]) {
  const [bundle, root, directory, first, count] = process.argv.slice(2) as [
    string,
    string,
    string,
    string,
    string,
  ];
  for (let i = 0; i < Number(count); i++) await launch(bundle, root, directory, Number(first) + i);
}

export async function monitors(bundle: BenchBundle, root: string, directory: string): Promise<MonitorResult> {
  const many = 100;
  const sharedPss = await pssOf(bundle.path, root, join(directory, "shared"), [[0, many]]);
  const alone = Array.from({ length: many }, (_, i): [number, number] => [i, 1]);
  const alonePss = await pssOf(bundle.path, root, join(directory, "alone"), alone);
  const { mbPerSecond, cpuMsPerMb } = await throughput(bundle, root, join(directory, "output"));
  const runMs = await runs(bundle.path, root, join(directory, "runs"));
  return { monitors: many, sharedPss, alonePss, outputMbPerSecond: mbPerSecond, cpuMsPerMb, runMs };
}

function contextOf(root: string): RuntimeContext {
  return { root, cgroupManager: "cgroupfs", rootless: "auto", log: () => {} };
}

async function launch(
  bundle: string,
  root: string,
  directory: string,
  n: number,
  args: readonly string[] = waiting,
): Promise<string> {
  const config = JSON.parse(readFileSync(`${bundle}/config.json`, "utf8")) as {
    process: { args: readonly string[] };
    linux: { cgroupsPath?: string };
  };
  config.process.args = args;
  const id = `runt-bench-monitor-${n}`;
  delete config.linux.cgroupsPath;
  await createMonitored(contextOf(root), id, {
    bundle,
    config,
    monitor: {
      directory: join(directory, id),
      oomScoreAdj: 0,
      input: "none",
      log: {
        path: join(directory, `${id}.log`),
        maxSizeBytes: 10 << 20,
        maxFiles: 3,
        carriageReturns: "keep",
      },
      exitCommand: { argv: ["/bin/true"], env: [], errors: undefined },
      restart: { on: "never", soonMs: 100, laterMs: 100, longRunMs: 10_000 },
      health: undefined,
    },
  });
  await startContainer(contextOf(root), id);
  return id;
}

/** @param programs first number and count of each program that makes containers */
async function pssOf(
  bundle: string,
  root: string,
  directory: string,
  programs: readonly (readonly [number, number])[],
): Promise<number> {
  mkdirSync(directory, { recursive: true });
  const ids = programs.flatMap(([first, count]) =>
    Array.from({ length: count }, (_, i) => `runt-bench-monitor-${first + i}`),
  );
  try {
    for (const [first, count] of programs) {
      const args = [import.meta.filename, bundle, root, directory, String(first), String(count)];
      execFileSync(process.execPath, args, { stdio: "inherit" });
    }
    let total = 0;
    for (const id of ids) {
      const found = await findMonitor(join(directory, id));
      if (found.state !== "alive") throw new Error(`the monitor of ${id} is ${found.state}`);
      using client = found.client;
      total += pssKb((await client.status()).monitor);
    }
    return total / ids.length;
  } finally {
    for (const id of ids) await deleteContainer(contextOf(root), id, { force: true });
    await sleep(200);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A program that writes lines of 100 bytes as fast as it is let. */
const writer = `#include <string.h>
#include <unistd.h>
int main (int argc, char **argv) {
  char block[16000]; (void) argv;
  if (argc < 2) return 0;
  memset (block, 'x', sizeof block);
  for (int i = 99; i < 16000; i += 100) block[i] = '\\n';
  for (int i = 0; i < 6250; i++)
    for (int done = 0; done < 16000;) {
      int n = write (1, block + done, sizeof block - done);
      if (n <= 0) return 1;
      done += n;
    }
  return 0; }
`;

async function throughput(
  { path, rootfs }: BenchBundle,
  root: string,
  directory: string,
): Promise<{ mbPerSecond: number; cpuMsPerMb: number }> {
  mkdirSync(directory, { recursive: true });
  const megabytes = 100;
  execFileSync("cc", ["-O2", "-static", "-x", "c", "-o", join(rootfs, "bin/writer"), "-"], { input: writer });
  const begin = performance.now();
  const id = await launch(path, root, directory, 0, ["/bin/writer", "much"]);
  let cpuMs = 0;
  try {
    using client = await MonitorClient.connect(join(directory, id));
    const { monitor } = await client.status();
    const { stdout, exited } = await client.attach({ stdout: true });
    stdout!.resume();
    while (!readExit(join(directory, id))) {
      cpuMs = cpuOf(monitor) ?? cpuMs;
      await sleep(5);
    }
    const seconds = (performance.now() - begin) / 1000;
    await exited;
    if (statSync(join(directory, `${id}.log`)).size === 0) throw new Error("nothing was logged");
    return { mbPerSecond: megabytes / seconds, cpuMsPerMb: cpuMs / megabytes };
  } finally {
    await deleteContainer(contextOf(root), id, { force: true });
    rmSync(directory, { recursive: true, force: true });
  }
}

/** User and system time in ms. */
function cpuOf(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return undefined;
  }
}

async function runs(bundle: string, root: string, directory: string): Promise<number> {
  mkdirSync(directory, { recursive: true });
  const took: number[] = [];
  for (let i = 0; i < 150; i++) {
    const begin = performance.now();
    const id = await launch(bundle, root, directory, i, ["/bin/true"]);
    while (!readExit(join(directory, id))) await new Promise((resolve) => setImmediate(resolve));
    if (i >= 50) took.push(performance.now() - begin);
    await deleteContainer(contextOf(root), id, { force: true });
  }
  rmSync(directory, { recursive: true, force: true });
  return summarize(took).p50;
}
