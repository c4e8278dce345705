/** What tests must not leave behind on the machine: looked at before and after every file. */
import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from "node:fs";
import { readMountInfo } from "../../src/linux/mountinfo.ts";
import { hierarchy } from "../../src/runtime/cgroup/hierarchy.ts";
import { ownPrefix } from "./bundle.ts";
import { stateRoot } from "./container.ts";

/** Things that can leak, as lists of names. */
export interface Snapshot {
  readonly mounts: readonly string[];
  readonly cgroups: readonly string[];
  readonly processes: readonly string[];
  readonly networks: readonly string[];
  readonly files: readonly string[];
  /** Of containers. */
  readonly states: readonly string[];
}

/** The machine as it is now, as far as this test process can have changed it. */
export function snapshot(): Snapshot {
  return {
    mounts: mounts(),
    cgroups: cgroups(),
    processes: processes(),
    networks: networks(),
    files: openFiles(),
    states: states(),
  };
}

/** What is in `after` and was not in `before`, one line each. */
export function leaksSince(before: Snapshot, after: Snapshot = snapshot()): string[] {
  const leaks: string[] = [];
  for (const kind of Object.keys(after) as (keyof Snapshot)[]) {
    const known = new Set(before[kind]);
    leaks.push(...after[kind].filter((name) => !known.has(name)).map((name) => `${kind}: ${name}`));
  }
  if (existsSync(stateRoot) && readdirSync(stateRoot).length === 0) rmdirSync(stateRoot);
  return leaks;
}

function states(): string[] {
  return existsSync(stateRoot) ? readdirSync(stateRoot).map((id) => `${stateRoot}/${id}`) : [];
}

function mounts(): string[] {
  return readMountInfo().map((mount) => `${mount.mountPoint} (${mount.fsType})`);
}

/** Only ours: other tests run at the same time. */
function cgroups(): string[] {
  let top: string;
  try {
    top = hierarchy().mountPoint;
  } catch {
    return [];
  }
  return readdirSync(top).filter((name) => name.startsWith(`${ownPrefix}-`));
}

/** Children of ours, and shims and probes that are nobody's. */
function processes(): string[] {
  const found: string[] = [];
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      const name = readFileSync(`/proc/${pid}/comm`, "latin1").trim();
      const cgroup = readFileSync(`/proc/${pid}/cgroup`, "latin1");
      const ours = cgroup.includes(`${ownPrefix}-`);
      if (parent === process.pid || ours) found.push(`${name} ${pid}`);
    } catch {} // it ended while we looked
  }
  return found;
}

/** Named network namespaces, and links in our own. */
function networks(): string[] {
  const names = (path: string): string[] =>
    existsSync(path) ? readdirSync(path).map((name) => `${path}/${name}`) : [];
  return [...names("/run/netns"), ...names("/sys/class/net")];
}

/** Fds that the runtime keeps for the life of its process, one of each; of device programs one for each policy. */
const kept = /^(\/memfd:runt-shim|\/sys\/fs\/cgroup[^ ]*$)/;

/** Our own fds, numbered by target, without those that Node and the test runner open and close as they please. */
function openFiles(): string[] {
  const count = new Map<string, number>();
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      if (
        /^(anon_inode:(bpf-prog|\[(event|io_uring))|pipe:|socket:|\/proc\/|.*node_modules|.*\.(ts|js|node|so)$)/.test(
          target,
        )
      )
        continue;
      count.set(target, (count.get(target) ?? 0) + 1);
    } catch {} // the one that lists them
  }
  return [...count].flatMap(([target, n]) =>
    Array.from({ length: kept.test(target) ? n - 1 : n }, (_, i) => `fd ${target}, open ${i + 1} times`),
  );
}
