/** Containers for the safety tests: a bundle in a directory of its own, and what the kernel says afterwards. */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type {
  CreateOptions,
  ExecOptions,
  ExitStatus,
  RunOptions,
  RuntimeContext,
} from "../../src/runtime/api.ts";
import { hierarchy } from "../../src/runtime/cgroup/hierarchy.ts";
import * as runtime from "../../src/runtime/index.ts";
import { eventually } from "../support/container.ts";

/** What is missing for tests that make containers; undefined when nothing is. */
export const missing = process.getuid?.() === 0 ? undefined : "needs root";

// biome-ignore lint/suspicious/noExplicitAny: configs are changed freely, also into wrong ones
export type Json = any;

const namespaces = ["pid", "mount", "ipc", "uts", "network", "cgroup"].map((type) => ({ type }));

/** The mounts of a usual container. */
export const usualMounts: readonly Json[] = [
  { destination: "/proc", type: "proc", source: "proc" },
  { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=1m"] },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
  },
];

/** Of the names of all containers here, and of their cgroups; pids come again in a long run. */
export const cgroupPrefix = `safety-${process.pid}-${randomBytes(2).toString("hex")}-`;

let count = 0;

/** A bundle with busybox in it, a state directory, and containers that are gone when it is disposed of. */
export class Sandbox implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "runt-safety-"));
  readonly bundle = join(this.directory, "bundle");
  readonly rootfs = join(this.bundle, "rootfs");
  /** A place outside of the rootfs that nothing may touch. */
  readonly outside = join(this.directory, "outside");
  readonly root: string;
  readonly context: RuntimeContext;
  readonly warnings: string[] = [];
  config: Json;

  constructor(options: { root?: string } = {}) {
    this.root = options.root ?? join(this.directory, "state");
    for (const path of ["bin", "etc", "tmp", "proc", "dev", "sys"])
      mkdirSync(join(this.rootfs, path), { recursive: true });
    // A user of a user namespace goes through it too.
    chmodSync(this.directory, 0o755);
    mkdirSync(this.outside);
    copyFileSync("/bin/busybox", join(this.rootfs, "bin/busybox"));
    for (const name of [
      "sh",
      "cat",
      "ls",
      "sleep",
      "true",
      "mount",
      "id",
      "readlink",
      "stat",
      "echo",
      "grep",
      "test",
      "kill",
    ]) {
      symlinkSync("busybox", join(this.rootfs, "bin", name));
    }
    this.context = {
      root: this.root,
      cgroupManager: "cgroupfs",
      rootless: "auto",
      log: (_level, message) => void this.warnings.push(message),
    };
    this.config = {
      ociVersion: "1.2.0",
      process: { args: ["/bin/true"], cwd: "/", env: ["PATH=/bin", "HOME=/"], user: { uid: 0, gid: 0 } },
      root: { path: "rootfs" },
      mounts: structuredClone(usualMounts),
      linux: { namespaces: structuredClone(namespaces) },
    };
  }

  /** A container ID that no other test has, which is also its cgroup's path. */
  id(): string {
    return `${cgroupPrefix}${count++}`;
  }

  /** Writes config.json as it now is. */
  write(): void {
    writeFileSync(join(this.bundle, "config.json"), JSON.stringify(this.config));
  }

  script(text: string): void {
    this.config.process.args = ["/bin/sh", "-c", text];
  }

  /** Runs it to its end, with what it wrote to stdout and stderr. */
  async run(options: Partial<RunOptions> = {}): Promise<{ status: ExitStatus | undefined; output: string }> {
    this.write();
    const file = join(this.directory, `output-${count++}`);
    const output = openSync(file, "w");
    const input = openSync("/dev/null", "r");
    try {
      const id = this.id();
      const stdio = [input, output, output] as const;
      const status = await runtime.run(this.context, id, { bundle: this.bundle, stdio, ...options });
      return { status, output: readFileSync(file, "utf8") };
    } finally {
      closeSync(output);
      closeSync(input);
    }
  }

  /** Makes one that waits for `start`. */
  async create(options: Partial<CreateOptions> = {}): Promise<{ id: string; pid: number }> {
    this.write();
    const id = this.id();
    const input = openSync("/dev/null", "r+");
    try {
      await runtime.create(this.context, id, {
        bundle: this.bundle,
        stdio: [input, input, input],
        ...options,
      });
    } finally {
      closeSync(input);
    }
    return { id, pid: runtime.state(this.context, id).pid! };
  }

  /** One that runs `sleep`. */
  async running(): Promise<{ id: string; pid: number }> {
    this.config.process.args = ["/bin/sleep", "60"];
    const made = await this.create();
    await runtime.start(this.context, made.id);
    return made;
  }

  /** What an exec wrote to stdout. */
  async exec(id: string, options: ExecOptions): Promise<{ status: ExitStatus | undefined; output: string }> {
    const file = join(this.directory, `output-${count++}`);
    const output = openSync(file, "w");
    const input = openSync("/dev/null", "r");
    try {
      const status = await runtime.exec(this.context, id, { stdio: [input, output, output], ...options });
      return { status, output: readFileSync(file, "utf8") };
    } finally {
      closeSync(output);
      closeSync(input);
    }
  }

  /** What a run that must fail throws. */
  async refusal(options: Partial<RunOptions> = {}): Promise<Json> {
    try {
      const { output } = await this.run(options);
      return { message: `ran: ${output}` };
    } catch (error) {
      return error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      for (const { id } of safely(() => runtime.list(this.context)) ?? []) {
        await runtime.deleteContainer(this.context, id, { force: true });
      }
    } finally {
      rmSync(this.directory, { recursive: true, force: true });
    }
  }
}

function safely<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

/** All that a container could leave on this machine, as the kernel tells it. */
export interface Footprint {
  readonly mounts: readonly string[];
  readonly cgroups: readonly string[];
  readonly processes: readonly string[];
  readonly state: readonly string[];
}

/** Mounts below the sandbox, our cgroups, processes that are a shim or run busybox of ours, entries of the state directory. */
export function footprint(sandbox: Sandbox): Footprint {
  return { ...traces(sandbox), processes: processesOf(sandbox) };
}

/** The same without processes, for which all of /proc must be read. */
export function traces(sandbox: Sandbox): Omit<Footprint, "processes"> {
  const mountInfo = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return {
    mounts: mountInfo.filter(
      (line) => line.includes(sandbox.directory) && !line.includes(` ${sandbox.root} `),
    ),
    cgroups: cgroupsOf(cgroupPrefix),
    state: existsSync(sandbox.root) ? readdirSync(sandbox.root) : [],
  };
}

export const nothing: Footprint = { mounts: [], cgroups: [], processes: [], state: [] };

/** Paths of cgroups whose name starts so, at any depth. */
function cgroupsOf(prefix: string): string[] {
  const found: string[] = [];
  const walk = (directory: string): void => {
    for (const entry of safely(() => readdirSync(directory, { withFileTypes: true })) ?? []) {
      if (!entry.isDirectory()) continue;
      const path = join(directory, entry.name);
      if (entry.name.startsWith(prefix)) found.push(path);
      walk(path);
    }
  };
  walk(hierarchy().mountPoint);
  return found;
}

/** Processes that were started for a container of this sandbox: in its cgroups, with its root, or a shim of its runtime. */
export function processesOf(sandbox: Sandbox): string[] {
  const found: string[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const read = (file: string): string => safely(() => readFileSync(`/proc/${pid}/${file}`, "latin1")) ?? "";
    const stat = read("stat");
    if (stat === "" || /\) [ZX] /.test(stat)) continue;
    const cgroup = read("cgroup");
    const mounts = read("mountinfo");
    const ours =
      cgroup.includes(`/${cgroupPrefix}`) || (!mounts.includes(" / / ") && mounts.includes(sandbox.bundle));
    if (ours) found.push(`${pid} ${read("cmdline").replaceAll("\0", " ")}`);
  }
  return found;
}

/** Waits until `check` gives something. */
export async function until<T>(check: () => T | undefined | false, what: string): Promise<T> {
  return (await eventually(() => check() || undefined, what)) as T;
}

/** Nothing is left of the sandbox's containers; processes that were killed may take a moment to be gone. */
export async function expectNothing(sandbox: Sandbox): Promise<void> {
  await until(() => processesOf(sandbox).length === 0, "processes are gone").catch(() => {});
  expect(footprint(sandbox)).toEqual(nothing);
}

/** Runs a program of the host. */
export function host(program: string, ...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(program, args, { encoding: "utf8" });
}

export { runtime };
