/** Cgroups for tests: made below the mount of this machine, named after the test process, removed with what is in them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { CgroupManager } from "../../../src/runtime/api.ts";
import type { Cgroup } from "../../../src/runtime/cgroup/cgroup.ts";
import { type CgroupPlan, planCgroup } from "../../../src/runtime/cgroup/cgroup-plan.ts";
import { type CgroupDriver, driverFor } from "../../../src/runtime/cgroup/driver.ts";
import { cgroupFacts } from "../../../src/runtime/cgroup/facts.ts";
import { killAll } from "../../../src/runtime/cgroup/kill.ts";
import { removeCgroup } from "../../../src/runtime/cgroup/remove.ts";
import { readConfig } from "../../../src/spec/runtime/config.ts";
import { freshName } from "../../support/bundle.ts";
import { origin } from "./resources.ts";

export { freshName };

export interface PlanOptions {
  manager?: CgroupManager;
  rootless?: boolean;
  cgroupsPath?: string;
  resources?: object;
  id?: string;
  uid?: number;
  linux?: object;
  mounts?: object[];
  annotations?: Record<string, string>;
}

/** The plan for a minimal container; by default at a fresh place of its own. */
export function aPlan({
  manager = "cgroupfs",
  rootless = false,
  cgroupsPath = `/${freshName()}`,
  resources = {},
  id = freshName(),
  uid = 0,
  linux = {},
  mounts = [],
  annotations = {},
}: PlanOptions = {}): CgroupPlan {
  const namespaces = [{ type: "mount" }, { type: "pid" }];
  const config = readConfig(
    {
      ociVersion: "1.2.0",
      root: { path: "rootfs" },
      process: { cwd: "/", args: ["true"], user: { uid, gid: 0 } },
      linux: { namespaces, cgroupsPath, resources, ...linux },
      mounts,
      annotations,
    },
    "config.json",
  );
  return planCgroup(config, { id, manager, rootless, origin }, cgroupFacts(manager));
}

/** A driver that has made its cgroup; at the end everything in it is killed and removed. */
export async function aDriver(options?: PlanOptions): Promise<CgroupDriver & AsyncDisposable> {
  const driver = driverFor(aPlan(options));
  await driver.prepare();
  return Object.assign(driver, {
    async [Symbol.asyncDispose]() {
      if (driver.cgroup) await killAll(driver.cgroup);
      await driver.undo();
      driver[Symbol.dispose]();
    },
  });
}

/** Removes cgroups that a test made beside those of its drivers. */
export async function cleanUp(...cgroups: (Cgroup | undefined)[]): Promise<void> {
  for (const cgroup of cgroups) {
    if (!cgroup) continue;
    await killAll(cgroup);
    await removeCgroup(cgroup);
  }
}

/** A shell that waits until it is in its cgroup and then runs `script`. */
export class Shell implements AsyncDisposable {
  readonly child: ChildProcess;
  output = "";
  readonly #closed: Promise<unknown>;

  private constructor(script: string) {
    // A process group of its own, so that what the shell starts can be ended with it.
    this.child = spawn("/bin/sh", ["-c", `read go; ${script}`], { stdio: "pipe", detached: true });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.on("data", (data) => {
        this.output += data;
      });
    }
    this.#closed = once(this.child, "close");
  }

  /** Starts `script` in the cgroup of `driver`. */
  static async in(driver: CgroupDriver, script: string): Promise<Shell> {
    const shell = new Shell(script);
    await driver.attach(shell.pid);
    shell.child.stdin!.write("go\n");
    return shell;
  }

  /** Starts `script` where we are ourselves. */
  static start(script: string): Shell {
    const shell = new Shell(script);
    shell.child.stdin!.write("go\n");
    return shell;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Exit status, or the name of the signal. */
  async end(): Promise<number | NodeJS.Signals> {
    await this.#closed;
    return this.child.signalCode ?? this.child.exitCode!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {}
    await this.#closed;
  }
}
