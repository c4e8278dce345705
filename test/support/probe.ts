/** The static program that looks around inside a container, and the shape of what it reports. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { type MountInfo, parseMountInfo } from "../../src/linux/mountinfo.ts";

/** What stat(2), statfs(2) and open(2) say of one path. */
export interface PathReport {
  /** errno of lstat(2); then nothing else is there. */
  readonly error?: number;
  /** As `find -type` writes it, and "-" for a file. */
  readonly type: "-" | "d" | "l" | "c" | "b" | "p" | "s";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly major: number;
  readonly minor: number;
  readonly size: number;
  readonly device: number;
  readonly inode: number;
  /** Of a symlink. */
  readonly target?: string;
  /** Magic number of the file system. */
  readonly fs: number;
  /** ST_* flags of statfs(2). */
  readonly flags: number;
  /** 0, or −errno of opening it so. A directory is written to with O_TMPFILE. */
  readonly read: number;
  readonly write: number;
  /** Names in a directory. */
  readonly entries?: readonly string[];
  /** Of a regular file. */
  readonly content?: string | null;
}

/** All that the probe knows of itself. Limits: −1 is infinity. */
export interface Report {
  readonly fds: Readonly<Record<string, string>>;
  readonly pid: number;
  readonly ppid: number;
  readonly sid: number;
  readonly pgid: number;
  readonly uid: number;
  readonly euid: number;
  readonly suid: number;
  readonly gid: number;
  readonly egid: number;
  readonly sgid: number;
  readonly groups: readonly number[];
  readonly cwd: string | null;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly umask: number;
  readonly hostname: string;
  readonly domainname: string;
  readonly machine: string;
  readonly personality: number;
  readonly noNewPrivs: number;
  readonly dumpable: number;
  readonly deathSignal: number;
  readonly blockedSignals: readonly number[];
  readonly ignoredSignals: readonly number[];
  readonly rlimits: Readonly<Record<string, { readonly soft: number; readonly hard: number }>>;
  readonly namespaces: Readonly<Record<string, string | null>>;
  readonly scheduler: {
    readonly policy: number;
    readonly flags: number;
    readonly nice: number;
    readonly priority: number;
    readonly runtime: number;
    readonly deadline: number;
    readonly period: number;
  };
  readonly ioprio: number;
  readonly cpus: readonly number[];
  readonly mempolicy?: { readonly mode: number; readonly nodes: number };
  readonly tty: {
    readonly stdin: number;
    readonly stdout: number;
    readonly stderr: number;
    readonly name: string | null;
    readonly rows: number;
    readonly columns: number;
    readonly onlcr: number;
    readonly controlling: number;
    readonly foreground: number;
  };
  /** Seconds. */
  readonly clocks: { readonly monotonic: number; readonly boottime: number };
  readonly keyring: { readonly serial: number; readonly description: string };
  readonly exe: string | null;
  readonly cgroup: readonly string[];
  readonly oomScoreAdj: readonly string[];
  readonly uidMap: readonly string[];
  readonly gidMap: readonly string[];
  readonly setgroups: readonly string[];
  readonly label: readonly string[];
  readonly timensOffsets: readonly string[];
  readonly paths: Readonly<Record<string, PathReport>>;
  /** /proc/self/status by name: "CapEff" → "0000000000000000". */
  readonly status: Readonly<Record<string, string>>;
  readonly mounts: readonly MountInfo[];
}

/** Reads the probe's output. */
export function parseReport(text: string): Report {
  const { status, mounts, ...rest } = JSON.parse(text) as Omit<Report, "status" | "mounts"> & {
    status: string[];
    mounts: string[];
  };
  const fields = status.map((line) => [
    line.slice(0, line.indexOf(":")),
    line.slice(line.indexOf(":") + 1).trim(),
  ]);
  return { ...rest, status: Object.fromEntries(fields), mounts: parseMountInfo(mounts.join("\n")) };
}

/** The mount that is seen at `path`: the last of those that lie there. */
export function mountAt(report: Report, path: string): MountInfo | undefined {
  return report.mounts.findLast((mount) => mount.mountPoint === path);
}

let built: string | undefined;

/** Path of the program, compiled at first use and kept under a hash of its source. */
export function probePath(): string {
  built ??= build();
  return built;
}

function build(): string {
  const source = join(import.meta.dirname, "probe.c");
  const hash = createHash("sha256").update(readFileSync(source)).digest("hex").slice(0, 12);
  const name = `probe-${hash}`;
  const kept = join(import.meta.dirname, "../../dist/test");
  const places = [kept, join(tmpdir(), `runt-probe-${process.getuid?.()}`)].map((directory) =>
    join(directory, name),
  );
  const there = places.find((path) => existsSync(path));
  if (there) return there;
  for (const path of places) {
    try {
      mkdirSync(join(path, ".."), { recursive: true });
      // Two workers may compile at once; each renames a whole file.
      const temporary = `${path}.${process.pid}`;
      compile(source, temporary);
      renameSync(temporary, path);
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EROFS") throw error;
    }
  }
  throw new Error("no place to build the probe in");
}

function compile(source: string, output: string): void {
  const machine = arch() === "arm64" ? "aarch64" : "x86_64";
  const common = ["-std=gnu11", "-Wall", "-Wextra", "-O1", "-static", "-s", "-o", output, source];
  const kernelHeaders = ["-idirafter", "/usr/include", "-idirafter", `/usr/include/${machine}-linux-gnu`];
  const musl = spawnSync("musl-gcc", [...kernelHeaders, ...common], { encoding: "utf8" });
  if (musl.status === 0) return;
  const gcc = spawnSync("gcc", common, { encoding: "utf8" });
  if (gcc.status !== 0)
    throw new Error(`the probe does not compile: ${musl.stderr ?? musl.error}\n${gcc.stderr ?? gcc.error}`);
}
