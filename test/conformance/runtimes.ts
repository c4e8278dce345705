/** The programs that are compared, and the mount namespace that they are run in. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A runtime by name, and how it is called. */
export interface Runtime {
  /** "runt", and of others with their version: "runc 1.4.0". */
  readonly name: string;
  readonly program: string;
}

const built = join(import.meta.dirname, "../../bin/runt-oci");
/** Where build-runc puts what it has made. */
const cache = process.env.RUNT_CONFORMANCE_CACHE ?? "/var/cache/runt-conformance";

/** Ours. */
export const runt: Runtime = { name: "runt", program: built };

/** The others that are on this machine: Debian's, and what build-runc has made. */
export function peers(): Runtime[] {
  const made = existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith("runc-")) : [];
  const programs = [...made.map((name) => join(cache, name)), which("runc"), which("crun")];
  return programs.flatMap((program) => (program ? [{ name: nameOf(program), program }] : []));
}

function which(program: string): string | undefined {
  const { status, stdout } = spawnSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

function nameOf(program: string): string {
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  const [, name = "unknown", version = ""] = /^(\w+) version (\d+\.\d+(?:\.\d+)?)/.exec(stdout) ?? [];
  return `${name} ${version}`;
}

/**
 * A mount namespace with cgroup2 at /sys/fs/cgroup. On a host with v1 hierarchies crun would not start, and runc
 * would use those; seen from in here the host has version 2 only, with such controllers as are left for it.
 */
export class Lane implements AsyncDisposable {
  readonly #holder: ChildProcess;
  /** Files of namespaces that no container of ours has. */
  readonly namespaces: string;

  constructor(holder: ChildProcess) {
    this.#holder = holder;
    this.namespaces = `/proc/${holder.pid}/ns`;
  }

  /** The words before a command that make it run in here, in `directory`. */
  prefix(directory: string): readonly string[] {
    return ["nsenter", `--mount=${this.namespaces}/mnt`, `--wdns=${directory}`, "--"];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#holder.kill("SIGKILL");
    await once(this.#holder, "exit");
  }
}

/** @throws when the namespaces do not come about */
export async function aLane(): Promise<Lane> {
  const script = `
    [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || mount -t cgroup2 none /sys/fs/cgroup || exit 1
    ip link set lo up
    exec sleep infinity`;
  // Gone with us, however we end.
  const holder = spawn(
    "setpriv",
    [
      "--pdeathsig",
      "KILL",
      "unshare",
      "-m",
      "-n",
      "-i",
      "-u",
      "--propagation",
      "private",
      "sh",
      "-c",
      script,
    ],
    {
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  for (let i = 0; i < 2000; i++) {
    if (holder.exitCode !== null) throw new Error("cannot make a mount namespace with cgroup2");
    if (holder.pid && runsSleep(holder.pid)) return new Lane(holder);
    await sleep(5);
  }
  throw new Error("the mount namespace took too long");
}

function runsSleep(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`).includes("sleep");
  } catch {
    return false;
  }
}
