/** What a container can leave, seen from a program that is alone in its namespaces and its cgroup. */
import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from "node:fs";
import { join } from "node:path";

/** One line for each thing that is there, by what it is. */
export function traces(root: string): string[] {
  return [...cgroups(), ...processes(), ...mounts(), ...state(root)];
}

/**
 * The program itself is in the topmost one. Parents of a container's cgroup stay, as with every runtime: others may be
 * about to use them. They are taken away here.
 */
function cgroups(top = "/sys/fs/cgroup"): string[] {
  for (const parent of ["fuzz/deep", "fuzz"]) {
    try {
      rmdirSync(join(top, parent));
    } catch {} // not there, or not empty
  }
  return cgroupsBelow(top);
}

function cgroupsBelow(top: string): string[] {
  return readdirSync(top, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => [`cgroup ${join(top, entry.name)}`, ...cgroupsBelow(join(top, entry.name))]);
}

/** Only those of this pid namespace can be seen here. A zombie is one that nobody reaps. */
function processes(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== 1 && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        return [`process ${readFileSync(`/proc/${pid}/stat`, "latin1").split(" ", 3).join(" ")}`];
      } catch {
        return [];
      }
    });
}

function mounts(): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => `mount ${line.split(" ")[4]}`);
}

function state(root: string): string[] {
  return existsSync(root) ? readdirSync(root).map((name) => `state ${name}`) : [];
}

/** Fds of ours by what they are of, without the device programs, of which one for each policy is kept on purpose. */
export function openFiles(): Map<string, number> {
  const count = new Map<string, number>();
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`).replace(/:\[\d+\]$/, "");
      if (!target.includes("bpf-prog")) count.set(target, (count.get(target) ?? 0) + 1);
    } catch {} // the one that lists them
  }
  return count;
}

/** What is open more often than it was, one line each. */
export function opened(before: ReadonlyMap<string, number>): string[] {
  return [...openFiles()]
    .filter(([target, n]) => n > (before.get(target) ?? 0))
    .map(([target, n]) => `fd of ${target}: ${before.get(target) ?? 0} before, ${n} now`);
}
