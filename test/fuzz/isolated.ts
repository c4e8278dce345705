/** Runs a program of this folder where it can harm nobody, and watches that it goes on. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hierarchy } from "../../src/runtime/cgroup/hierarchy.ts";
import { ownPrefix, removeTree } from "../support/bundle.ts";

/** What such a program writes as its last line. */
export interface Verdict {
  /** How many of each outcome. */
  readonly count: Readonly<Record<string, number>>;
  /** What must not have happened, with what brought it about. */
  readonly findings: readonly string[];
}

/** How long one mutation may take until it counts as one that hangs. */
const patienceMs = 60_000;

/**
 * In namespaces and a cgroup of its own, on a read-only view of the host's files but for `directory`, with which it is
 * called: there are `bundle`, `tree`, `file` and a place for state in it.
 */
export async function isolated(program: string, order: object): Promise<Verdict> {
  const directory = mkdtempSync(join(tmpdir(), "runt-fuzz-"));
  const cgroup = join(hierarchy().mountPoint, `${ownPrefix}-fuzz-${Math.random().toString(36).slice(2)}`);
  mkdirSync(cgroup);
  furnish(directory);
  // The shell stays process 1 and reaps; whatever is left dies with it.
  const script = `
    mount -t cgroup2 none /sys/fs/cgroup || exit 1
    mount --bind "$1" "$1" && mount -o remount,bind,ro / || exit 1
    ip link set lo up
    "$2" "$3" "$4"
    exit $?`;
  const enter = `echo $$ >"$0/cgroup.procs" && exec unshare --mount --net --ipc --uts --pid --cgroup --fork --mount-proc --propagation private sh -c '${script}' "$@"`;
  const path = join(import.meta.dirname, program);
  const child = spawn(
    "sh",
    ["-c", enter, cgroup, "sh", directory, process.execPath, path, JSON.stringify({ directory, ...order })],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env.PATH, HOME: "/" },
    },
  );
  let [output, errors, last] = ["", "", performance.now()];
  child.stdout.on("data", (bytes: Buffer) => {
    output += bytes;
    last = performance.now();
  });
  child.stderr.on("data", (bytes: Buffer) => {
    errors = (errors + bytes).slice(-8000);
  });
  let hangs = false;
  const watchdog = setInterval(() => {
    hangs = performance.now() - last > patienceMs;
    if (hangs) writeFileSync(join(cgroup, "cgroup.kill"), "1");
  }, 1000);
  try {
    await once(child, "close");
    const current = join(directory, "current.json");
    const text = existsSync(current) ? readFileSync(current, "utf8") : "nothing";
    if (hangs) return { count: {}, findings: [`hangs: ${text}`] };
    const verdict = output.split("\n").find((line) => line.startsWith("{"));
    if (!verdict) return { count: {}, findings: [`ended without a word at ${text}: ${errors}`] };
    return JSON.parse(verdict) as Verdict;
  } finally {
    clearInterval(watchdog);
    await removeCgroup(cgroup);
    removeTree(directory);
  }
}

function furnish(directory: string): void {
  const rootfs = join(directory, "bundle/rootfs");
  for (const name of ["bin", "dev", "etc", "proc", "sys", "tmp", "data"])
    mkdirSync(join(rootfs, name), { recursive: true });
  copyFileSync("/bin/busybox", join(rootfs, "bin/busybox"));
  for (const name of ["sh", "true", "sleep", "cat", "false"])
    symlinkSync("busybox", join(rootfs, "bin", name));
  symlinkSync("/tmp", join(rootfs, "link"));
  writeFileSync(join(rootfs, "etc/file"), "text");
  mkdirSync(join(directory, "tree/below"), { recursive: true });
  writeFileSync(join(directory, "file"), "text");
}

async function removeCgroup(path: string): Promise<void> {
  writeFileSync(join(path, "cgroup.kill"), "1");
  for (let i = 0; i < 1000; i++) {
    try {
      spawnSync("find", [path, "-mindepth", "1", "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]);
      rmdirSync(path);
      return;
    } catch {
      await sleep(20);
    }
  }
}
