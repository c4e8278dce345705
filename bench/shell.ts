/**
 * `run --rm IMAGE true` as a person types it: runt, podman and containerd's ctr in turn, each with the storage and the
 * network that is quickest for it. In a room of their own (test/callers/support/room.ts): the machine's containers,
 * links and rules are not touched.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Containerd } from "../test/callers/support/containerd.ts";
import { imageName } from "../test/callers/support/image.ts";
import { findProgram, refusal } from "./commands.ts";
import { interleave, type Subject, type Summary, summarize } from "./statistics.ts";
import { printTable, row } from "./table.ts";

const runt = resolve(import.meta.dirname, "../bin/runt");

/** Where each engine keeps its things. */
interface Place {
  readonly directory: string;
  readonly rounds: number;
}

export interface ShellRow {
  readonly summary: Summary;
  /** Milliseconds of CPU for one run, of everybody who had a part in it: daemons, monitors, the container. */
  readonly cpuMs: number;
}

/** @returns by the subject's name */
export async function shell(rounds: number): Promise<Record<string, ShellRow> | null> {
  const missing = ["podman", "conmon", "containerd", "ctr"].filter((name) => !findProgram(name));
  if (missing.length > 0) {
    console.log(`\nskipped the shell: no ${missing.join(", no ")}`);
    return null;
  }
  const engine = await Containerd.open();
  await using room = engine.room;
  const archive = join(room.directory, "image.tar");
  // The default snapshotter is overlayfs.
  await engine.ok("images", "import", archive);
  for (const program of [runtIn(room.directory), podmanIn(room.directory)])
    await room.ok([...program, "load", "--input", archive]);
  const place: Place = { directory: room.directory, rounds };
  // Where the room is: a program that first had to be brought there would be measured with it.
  const [file, ...args] = room.enter([process.execPath, import.meta.filename, JSON.stringify(place)]);
  const text = execFileSync(file!, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  const rows: Record<string, ShellRow> = JSON.parse(text);
  print(rows);
  return rows;
}

function runtIn(directory: string): string[] {
  return [runt, "--root", join(directory, "runt.run"), "--data-root", join(directory, "runt")];
}

/** overlay, and what a host without systemd needs. */
function podmanIn(directory: string): string[] {
  const places = ["root", "runroot", "tmpdir"].map((name) => `--${name}=${join(directory, name)}`);
  return [
    "podman",
    ...places,
    "--storage-driver=overlay",
    "--events-backend=file",
    "--cgroup-manager=cgroupfs",
  ];
}

/** In the room. */
async function measure({ directory, rounds }: Place): Promise<Record<string, ShellRow>> {
  const [podman, ours] = [podmanIn(directory), runtIn(directory)];
  const ctr = ["ctr", "--address", join(directory, "containerd/socket"), "run", "--rm", "--cpu-shares=0"];
  // What each limits unasked it cannot where there is no such controller.
  const podmanRun = (...flags: string[]) => [
    ...podman,
    ...runtime,
    ...["run", "--rm", "--pids-limit=-1"],
    // It raises these two above the hard limits, which not every root may.
    ...["--ulimit=nofile=1000:1000", "--ulimit=nproc=1000:1000"],
    ...[...flags, imageName, "true"],
  ];
  // crun, which is quicker, raises a third one.
  const runtime: string[] = [];
  const [file, ...args] = podmanRun("--network=none");
  if (refusal(file!, args)) runtime.push("--runtime=runc");
  const lines: Record<string, (round: number) => string[]> = {
    "ctr run": (round) => [...ctr, imageName, `bench-${round}`, "true"],
    "podman run": () => podmanRun("--network=none"),
    "runt run": () => [...ours, "run", "--rm", "--network=none", imageName, "true"],
    "podman run, bridge": () => podmanRun(),
    "runt run, bridge": () => [...ours, "run", "--rm", imageName, "true"],
    "runt ps": () => [...ours, "ps"],
    "runt --version": () => [runt, "--version"],
  };
  const cpu: Record<string, number[]> = {};
  const subjects = Object.entries(lines).map(([name, line]): Subject => {
    let round = 0;
    cpu[name] = [];
    return {
      name,
      run: (count) => Array.from({ length: count }, () => once(line(round++), cpu[name]!)),
    };
  });
  const samples = await interleave(subjects, { rounds, block: 5, warmUp: 2 });
  return Object.fromEntries(
    subjects.map(({ name }) => [
      name,
      { summary: summarize(samples.get(name)!), cpuMs: summarize(cpu[name]!.slice(2)).p50 },
    ]),
  );
}

/** @returns how long it took */
function once([file, ...args]: string[], cpu: number[]): number {
  const used = cpuMs();
  const begin = performance.now();
  const { status, stderr, error } = spawnSync(file!, args, { stdio: ["ignore", "ignore", "pipe"] });
  const took = performance.now() - begin;
  if (status !== 0) throw new Error(`${file} ${args.join(" ")}: status ${status} ${error ?? ""}${stderr}`);
  cpu.push(cpuMs() - used);
  return took;
}

/** What the room has used until now. */
function cpuMs(): number {
  return Number(/^usage_usec (\d+)/m.exec(readFileSync("/sys/fs/cgroup/cpu.stat", "latin1"))![1]) / 1000;
}

function print(rows: Readonly<Record<string, ShellRow>>): void {
  const compare = (title: string, baseline: string, targets: Readonly<Record<string, number | undefined>>) =>
    printTable(
      title,
      [baseline, ...Object.keys(targets)].map((name) =>
        row(name, rows[name]!.summary, rows[baseline]!.summary, targets[name]),
      ),
    );
  compare("run --rm IMAGE true, no network", "ctr run", { "runt run": 0.5 });
  compare("the same against podman", "podman run", { "runt run": 0.35 });
  compare("on a bridge network", "podman run, bridge", { "runt run, bridge": 0.35 });
  compare("commands that start nothing", "runt --version", { "runt ps": undefined });
  console.log("\nCPU of everybody who had a part in it, p50 ms");
  for (const [name, { cpuMs: ms }] of Object.entries(rows)) console.log(`${name.padEnd(34)}${ms.toFixed(1)}`);
}

if (import.meta.filename === process.argv[1])
  console.log(JSON.stringify(await measure(JSON.parse(process.argv[2]!))));
