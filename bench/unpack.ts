/**
 * How fast layers become files, against GNU tar, containerd, skopeo with umoci, and gunzip alone.
 *
 * ```
 * node bench/unpack.ts [--rounds N] [--dir DIR] [--only small,large,six] [--out FILE]
 * ```
 * Needs root, debootstrap, what `npm run build` makes, and 9 GB in DIR. Every run has a new ext4 of its own, in a file
 * that is a loop device: on one that is used already, the runs before decide. ext4 does not use an inode again for some
 * seconds after its file was deleted, and looks for others one by one, which makes unpacking take ten times as long; and
 * where memory is full of files, each new page has to be won from an old one.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { findProgram } from "./commands.ts";
import { interleave, type Subject, summarize } from "./statistics.ts";
import { printLines, printTable, row } from "./table.ts";

// In a mount namespace of its own: one that somebody else begins meanwhile would have our file systems too, and keep them.
if (process.env.RUNT_BENCH_MOUNTS === undefined) {
  const again = [
    "unshare",
    "--mount",
    "--propagation",
    "private",
    process.execPath,
    ...process.argv.slice(1),
  ];
  process.execve!("/usr/bin/unshare", again, { ...process.env, RUNT_BENCH_MOUNTS: "private" });
}

const root = resolve(import.meta.dirname, "..");
const node = join(root, "dist/native/node");
const program = join(root, "dist/bench/unpack-program.mjs");
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    dir: { type: "string", default: tmpdir() },
    only: { type: "string", default: "small,large,six" },
    out: { type: "string", default: join(root, "bench/results/unpack.json") },
  },
});
const rounds = Number(values.rounds);

interface Report {
  readonly ms: number;
  readonly cpuMs: number;
  readonly idleBytes: number;
  readonly maxBytes: number;
}

const parts: Record<string, () => Promise<unknown>> = { small, large, six };
const reports = new Map<string, Report[]>();
const work = mkdtempSync(join(values.dir, "runt-bench-unpack-"));
const mountPoint = join(work, "fs");
const diskBytes = 5e9;
let loop: string | undefined;

/** As the library is built: TypeScript read at run time would take its own time and memory. */
async function bundleProgram(): Promise<void> {
  const common = {
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node24",
    absWorkingDir: root,
  } as const;
  await build({ ...common, entryPoints: ["bench/unpack-program.ts"], outfile: program });
  await build({
    ...common,
    entryPoints: ["src/image/layer/thread.ts"],
    outfile: join(root, "dist/threads/layer.mjs"),
  });
}

/** 20,000 small files: a Debian three times, without what is large in it. */
async function small(): Promise<unknown> {
  const tar = copies("small.tar", 3, "-size -200k");
  const subjects = [
    shell("tar xf", (dir) => `tar -x -f ${tar} -C ${dir}`),
    unpacking("runt", "threads:2", [tar]),
  ];
  const samples = await interleave(subjects, { rounds, block: 1, warmUp: 1 });
  const [peer, own] = subjects.map(({ name }) => summarize(samples.get(name)!));
  const files =
    execFileSync("tar", ["-tf", tar], { maxBuffer: 1 << 28 })
      .toString()
      .split("\n").length - 1;
  const rows = [row("tar xf", peer!, peer!), row("runt", own!, peer!, 1.2)];
  printTable(`A Debian of ${files} entries, ${megabytes(tar)} MB, not compressed`, rows);
  return { rows };
}

/** 800 MB of files in 300 MB of gzip: a Debian six times. All of them read the same blob. */
async function large(): Promise<unknown> {
  const tar = copies("large.tar", 6, "");
  const layout = join(work, "layout");
  run(`umoci init --layout ${layout} && umoci new --image ${layout}:bench`);
  run(`umoci raw add-layer --image ${layout}:bench ${tar} && rm ${tar}`);
  const blobs = join(layout, "blobs/sha256");
  const [blob = ""] = readdirSync(blobs)
    .map((name) => join(blobs, name))
    .toSorted((a, b) => statSync(b).size - statSync(a).size);
  // A tag and no name: containerd leaves out what another name stands on, and says nothing.
  const archive = join(work, "archive.tar");
  run(`skopeo copy --quiet oci:${layout}:bench oci-archive:${archive}:latest`);
  run(`cat ${blob} ${archive} >/dev/null`);
  const runt = join(root, "bin/runt");
  const subjects: Subject[] = [
    shell("runt load", (dir) => `${runt} --data-root ${dir} load --quiet --input ${archive}`),
    unpacking("runt, the layer alone", "threads:2", [blob]),
    unpacking("gunzip alone", "gunzip", [blob]),
    shell(
      "skopeo copy + umoci unpack",
      (dir) =>
        `skopeo copy --quiet oci-archive:${archive}:latest oci:${dir}/layout:bench && umoci unpack --image ${dir}/layout:bench ${dir}/bundle`,
    ),
    ...(findProgram("containerd") ? [containerdImport(archive)] : []),
  ];
  const samples = await interleave(subjects, { rounds, block: 1, warmUp: 0 });
  const summary = (name: string) => summarize(samples.get(name)!);
  const own = summary("runt load");
  const rows = subjects.map(({ name }) => row(name, summary(name), own));
  const bytes = Number(execFileSync("bash", ["-c", `gunzip -c ${blob} | wc -c`]).toString());
  printTable(`One layer: ${megabytes(blob)} MB of gzip, ${(bytes / 1e6).toFixed(0)} MB of archive`, rows);
  const rate = (name: string) => `${(bytes / 1e3 / summary(name).p50).toFixed(0)} MB/s`;
  const report = reports.get("runt, the layer alone")!.at(-1)!;
  const part = (name: string) => (own.p50 / summary(name).p50).toFixed(2);
  printLines("", {
    "runt load, of skopeo + umoci": `${part("skopeo copy + umoci unpack")}  (at most 0.5)`,
    ...(samples.has("containerd import + unpack") && {
      "runt load, of containerd": `${part("containerd import + unpack")}  (at most 1)${findProgram("unpigz") ? ", which uses unpigz" : ""}`,
    }),
    "runt, of gunzip's floor": `${rate("runt, the layer alone")}, ${rate("gunzip alone")}`,
    "peak memory above idle": `${((report.maxBytes - report.idleBytes) / 2 ** 20).toFixed(0)} MiB  (at most 150)`,
  });
  return { rows, memory: report };
}

/** Six layers of one image on one thread, on two, and all on the main thread. */
async function six(): Promise<unknown> {
  const blob = gzipped(copies("six.tar", 1, ""));
  const blobs = Array.from({ length: 6 }, () => blob);
  const subjects = ["here", "threads:1", "threads:2"].map((mode) => unpacking(mode, mode, blobs));
  const samples = await interleave(subjects, { rounds, block: 1, warmUp: 1 });
  const [first, ...others] = subjects.map(({ name }) => summarize(samples.get(name)!));
  const rows = [first!, ...others].map((summary, i) => row(subjects[i]!.name, summary, first!));
  printTable("Six layers at once", rows);
  const cores = subjects.map(({ name }) => {
    const { cpuMs, ms, maxBytes, idleBytes } = reports.get(name)!.at(-1)!;
    return [
      name,
      `${(cpuMs / ms).toFixed(2)} cores, ${((maxBytes - idleBytes) / 2 ** 20).toFixed(0)} MiB above idle`,
    ];
  });
  printLines("", Object.fromEntries(cores));
  return { rows };
}

function unpacking(name: string, mode: string, files: readonly string[]): Subject {
  return {
    name,
    run: (times) =>
      Array.from({ length: times }, () => {
        const text = execFileSync(node, [program, mode, freshDirectory(), ...files], { encoding: "utf8" });
        const report = JSON.parse(text) as Report;
        reports.set(name, [...(reports.get(name) ?? []), report]);
        return report.ms;
      }),
  };
}

function shell(name: string, script: (dir: string) => string): Subject {
  return {
    name,
    run: (times) =>
      Array.from({ length: times }, () => {
        const dir = freshDirectory();
        const begin = performance.now();
        run(script(dir));
        return performance.now() - begin;
      }),
  };
}

/** On a file system on which nothing has been yet. */
function freshDirectory(): string {
  unmount();
  if (!loop) {
    const disk = join(work, "disk");
    run(`fallocate -l ${diskBytes} ${disk}`);
    loop = execFileSync("losetup", ["--direct-io=on", "--find", "--show", disk], { encoding: "utf8" }).trim();
  }
  run(`mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=1,lazy_journal_init=1 ${loop}`);
  run(`mkdir -p ${mountPoint} && mount -o noinit_itable ${loop} ${mountPoint}`);
  const dir = join(mountPoint, "d");
  mkdirSync(dir);
  spawnSync("sync");
  return dir;
}

function unmount(): void {
  spawnSync("umount", [mountPoint]);
}

function run(script: string): void {
  const { status, stderr } = spawnSync("bash", ["-ec", script], {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
}

/** So many copies of a Debian root file system in one archive. */
function copies(name: string, count: number, find: string): string {
  const path = join(work, name);
  const debian = execFileSync(join(root, "test/support/debian-rootfs"), { encoding: "utf8" }).trim();
  const tree = join(work, `${name}.tree`);
  for (let i = 0; i < count; i++)
    run(
      `mkdir -p ${tree}/copy${i} && tar -x --xattrs --xattrs-include='*' -C ${tree}/copy${i} -f ${debian} 2>/dev/null`,
    );
  const list = `cd ${tree} && find . ${find === "" ? "" : `\\( -type d -o ${find} \\)`} -print0 | sort -z`;
  run(`${list} | tar --null --no-recursion --format=posix --xattrs --xattrs-include='*' -cf ${path} -T -`);
  run(`cat ${path} >/dev/null`);
  return path;
}

function gzipped(tar: string): string {
  if (!existsSync(`${tar}.gz`)) run(`gzip -6 -k ${tar}`);
  return `${tar}.gz`;
}

function megabytes(path: string): string {
  return (statSync(path).size / 1e6).toFixed(0);
}

/** By a new containerd each time: one that has the blob in any namespace would take it from there. */
function containerdImport(archive: string): Subject {
  return {
    name: "containerd import + unpack",
    run: async (times) => {
      const samples: number[] = [];
      for (let i = 0; i < times; i++) samples.push(await importOnce(archive));
      return samples;
    },
  };
}

async function importOnce(archive: string): Promise<number> {
  const dir = freshDirectory();
  const address = join(dir, "containerd.sock");
  writeFileSync(
    join(dir, "config.toml"),
    `version = 2\nroot = "${dir}/root"\nstate = "${dir}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${address}"\n`,
  );
  const child = spawn("containerd", ["--config", join(dir, "config.toml")], { stdio: "ignore" });
  try {
    for (let i = 0; i < 100 && !existsSync(address); i++) await sleep(100);
    const begin = performance.now();
    run(
      `ctr --address ${address} images import --snapshotter overlayfs --base-name bench.test/layer ${archive}`,
    );
    const ms = performance.now() - begin;
    const layer = join(dir, "root/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs");
    if (!existsSync(join(layer, "copy0/etc/passwd")))
      throw new Error("containerd has not unpacked the layer");
    return ms;
  } finally {
    child.kill();
    await new Promise((resolve) => child.once("exit", resolve));
  }
}

try {
  await bundleProgram();
  const results: Record<string, unknown> = { when: new Date().toISOString() };
  for (const part of values.only.split(",")) results[part] = await parts[part]!();
  writeFileSync(values.out, `${JSON.stringify(results, undefined, 2)}\n`);
  console.log(`\nwritten to ${values.out}`);
} finally {
  unmount();
  if (loop) spawnSync("losetup", ["--detach", loop]);
  rmSync(work, { recursive: true, force: true });
}
