/**
 * How fast layers become files, against GNU tar, containerd, skopeo with umoci, and gunzip alone.
 *
 * ```
 * node bench/unpack.ts [--rounds N] [--dir DIR] [--only small,large,six] [--out FILE]
 * ```
 * Needs root, debootstrap, and what `npm run build` makes. Nothing is removed before the end: ext4 does not use an inode
 * again for some seconds after its file was deleted, and looks for others one by one, so that every unpacking after an
 * `rm -r` takes ten times as long.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { findProgram } from "./commands.ts";
import { interleave, type Subject, summarize } from "./statistics.ts";
import { printLines, printTable, row } from "./table.ts";

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
let directories = 0;

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

/** 800 MB of files in 300 MB of gzip. */
async function large(): Promise<unknown> {
  const blob = gzipped(copies("large.tar", 4, ""));
  const layout = join(work, "layout");
  run(`umoci init --layout ${layout} && umoci new --image ${layout}:bench`);
  // Its layer is this very blob: what umoci compresses itself would be another one.
  run(
    `gunzip -c ${blob} >${work}/layer.tar && umoci raw add-layer --image ${layout}:bench ${work}/layer.tar && rm ${work}/layer.tar`,
  );
  await using containerd = await Containerd.start();
  const archive = join(work, "archive.tar");
  run(`skopeo copy --quiet oci:${layout}:bench oci-archive:${archive}:bench:latest`);
  let round = 0;
  const subjects: Subject[] = [
    unpacking("runt", "threads:2", [blob]),
    unpacking("gunzip alone", "gunzip", [blob]),
    shell(
      "skopeo copy + umoci unpack",
      (dir) =>
        `skopeo copy --quiet oci-archive:${archive}:bench:latest oci:${dir}/layout:bench && umoci unpack --image ${dir}/layout:bench ${dir}/bundle`,
    ),
    ...(containerd ? [containerd.import(archive, () => `bench/${process.pid}-${round++}:latest`)] : []),
  ];
  const samples = await interleave(subjects, { rounds, block: 1, warmUp: 1 });
  const summary = (name: string) => summarize(samples.get(name)!);
  const own = summary("runt");
  const rows = subjects.map(({ name }) => row(name, summary(name), own));
  const bytes = Number(execFileSync("bash", ["-c", `gunzip -c ${blob} | wc -c`]).toString());
  printTable(`One layer: ${megabytes(blob)} MB of gzip, ${(bytes / 1e6).toFixed(0)} MB of archive`, rows);
  const rate = (name: string) => `${(bytes / 1e3 / summary(name).p50).toFixed(0)} MB/s`;
  const report = reports.get("runt")!.at(-1)!;
  printLines("", {
    "runt, of gunzip's floor": `${rate("runt")}, ${rate("gunzip alone")}`,
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

/** Nobody pays for what the one before him has left to be written. */
function freshDirectory(): string {
  spawnSync("sync");
  const dir = join(work, `d${directories++}`);
  mkdirSync(dir);
  return dir;
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

/** A containerd of its own, with its images below the work directory. */
class Containerd implements AsyncDisposable {
  readonly #process: ReturnType<typeof spawn>;
  readonly #address: string;

  private constructor(child: ReturnType<typeof spawn>, address: string) {
    this.#process = child;
    this.#address = address;
  }

  static async start(): Promise<Containerd | undefined> {
    const file = findProgram("containerd");
    if (!file) return undefined;
    const dir = freshDirectory();
    const address = join(dir, "containerd.sock");
    writeFileSync(
      join(dir, "config.toml"),
      `version = 2\nroot = "${dir}/root"\nstate = "${dir}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${address}"\n`,
    );
    const child = spawn(file, ["--config", join(dir, "config.toml")], { stdio: "ignore" });
    for (let i = 0; i < 100 && !existsSync(address); i++) await sleep(100);
    return new Containerd(child, address);
  }

  import(archive: string, reference: () => string): Subject {
    // Under another name each time, and with nothing of it in the store: it would know the layer by its digest.
    return shell("containerd import + unpack", () => {
      const ctr = `ctr --address ${this.#address} --namespace n${directories}`;
      return `${ctr} images import --snapshotter overlayfs --base-name ${reference().split(":")[0]} ${archive}`;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill();
    await new Promise((resolve) => this.#process.once("exit", resolve));
  }
}

try {
  await bundleProgram();
  const results: Record<string, unknown> = { when: new Date().toISOString() };
  for (const part of values.only.split(",")) results[part] = await parts[part]!();
  writeFileSync(values.out, `${JSON.stringify(results, undefined, 2)}\n`);
  console.log(`\nwritten to ${values.out}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
