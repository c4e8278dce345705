/** What a test needs of the machine; where something is missing the test is skipped, and the run says why. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { release } from "node:os";
import { type TestContext, test } from "vitest";
import { hierarchy } from "../../src/runtime/cgroup/hierarchy.ts";

const capabilityNumbers: Record<string, bigint> = {
  CAP_SYS_RESOURCE: 24n,
  CAP_SYS_ADMIN: 21n,
  CAP_SYS_NICE: 23n,
};

function hasCapability(name: string): boolean {
  const bits = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? "0";
  return ((BigInt(`0x${bits}`) >> capabilityNumbers[name]!) & 1n) === 1n;
}

function hasController(name: string): boolean {
  try {
    return hierarchy().controllers.has(name);
  } catch {
    return false;
  }
}

function hasCgroup2(): boolean {
  try {
    return existsSync(hierarchy().mountPoint);
  } catch {
    return false;
  }
}

function kernelIsAtLeast(wanted: string): boolean {
  const [major = 0, minor = 0] = release().split(/[.-]/).map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split(".").map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

const checks: Record<string, () => boolean> = {
  root: () => process.getuid?.() === 0,
  cgroup2: hasCgroup2,
  systemd: () => existsSync("/run/systemd/system"),
  apparmor: () => existsSync("/sys/kernel/security/apparmor"),
  selinux: () => existsSync("/sys/fs/selinux/enforce"),
  "no apparmor": () =>
    !existsSync("/sys/kernel/security/apparmor") && !existsSync("/sys/module/apparmor/parameters/enabled"),
  "no selinux": () => !existsSync("/sys/fs/selinux/enforce"),
  "no CAP_SYS_RESOURCE": () => !hasCapability("CAP_SYS_RESOURCE"),
  "time namespace": () => existsSync("/proc/self/ns/time"),
  "two CPUs": () => /^Cpus_allowed_list:\s*\d+[-,]/m.test(readFileSync("/proc/self/status", "latin1")),
  // For what the host lane shows just as well: under emulation it takes ten times as long.
  "real processor": () => !/^model name\s*:.*\bTCG\b/m.test(readFileSync("/proc/cpuinfo", "latin1")),
  numa: () => existsSync("/proc/self/numa_maps"),
  "default route": () => spawnSync("ip", ["route", "show", "default"]).stdout?.length > 0,
  dummy: () => spawnSync("ip", ["link", "add", "type", "dummy", "help"]).status !== null && canDummy(),
};

let dummy: boolean | undefined;
function canDummy(): boolean {
  dummy ??= spawnSync("unshare", ["-n", "ip", "link", "add", "d0", "type", "dummy"]).status === 0;
  return dummy;
}

/**
 * The first of `wanted` that this machine has not. Beside the names above: "CAP_…", "memory controller",
 * "no memory controller", "kernel 6.3", and the name of any program as "program:NAME".
 */
export function missing(...wanted: string[]): string | undefined {
  return wanted.find((name) => !has(name));
}

function has(name: string): boolean {
  const check = checks[name];
  if (check) return check();
  if (name.startsWith("CAP_")) return hasCapability(name);
  if (name.startsWith("kernel ")) return kernelIsAtLeast(name.slice(7));
  if (name.startsWith("program:")) return spawnSync("which", [name.slice(8)]).status === 0;
  const [, no, controller] = /^(no )?(\w+) controller$/.exec(name) ?? [];
  if (controller) return hasController(controller) === !no;
  throw new Error(`nobody knows how to check for "${name}"`);
}

type Body = (context: TestContext) => unknown;

/** `test` for what asks for `wanted`: skipped with the name of what is missing. */
export function needs(...wanted: string[]): (name: string, body: Body, timeoutMs?: number) => void {
  return (name, body, timeoutMs) => {
    test(
      name,
      async (context) => {
        const gone = missing(...wanted);
        context.skip(gone !== undefined, `needs ${gone}`);
        await body(context);
      },
      timeoutMs,
    );
  };
}

/** A test of real containers. */
export const asRoot = needs("root", "cgroup2");

/** Inode link of one of our own namespaces: "mnt:[4026531841]". */
export function ownNamespace(file: string): string {
  return readlinkSync(`/proc/self/ns/${file}`);
}
