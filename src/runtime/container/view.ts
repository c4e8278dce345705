/** A root file system with its mounts, open, of a container that does not run: nothing of it shows on the host. */
import { closeSync, constants, openSync } from "node:fs";
import { Fd } from "../../linux/fd.ts";
import { O_PATH } from "../../linux/openat2.ts";
import { SIGKILL } from "../../linux/process.ts";
import { OCI_VERSION_MAX } from "../../spec/runtime/versions.ts";
import { loadBundle } from "../bundle/load.ts";
import { launch } from "../create/launch.ts";
import { IdleShim } from "../create/shim.ts";
import { HostSteps } from "../create/steps.ts";
import { bundleFacts, hostFacts } from "../host/measure.ts";
import { PlanContext } from "../plan/context.ts";
import { planView } from "../plan/view.ts";
import { signalProcess } from "./kill.ts";

export interface ViewOptions {
  /** The verb, for errors. */
  readonly operation: string;
  /** Absolute path of the root file system, or of what the mount at "/" goes over. */
  readonly rootfs: string;
  readonly readonly: boolean;
  /** As in config.json. */
  readonly mounts: readonly object[];
}

export interface View extends Disposable {
  /** The root directory. */
  readonly root: Fd;
}

/** Mounts it, until it is disposed of or this process ends. @throws {RuntError} */
export async function openView({ operation, rootfs, readonly, mounts }: ViewOptions): Promise<View> {
  const { config, path } = await loadBundle(rootfs, {
    operation,
    config: {
      ociVersion: OCI_VERSION_MAX,
      process: { args: ["-"], cwd: "/", user: { uid: 0, gid: 0 }, env: ["HOME=/"] },
      root: { path: rootfs, readonly },
      mounts,
      linux: { namespaces: [{ type: "mount" }, { type: "pid" }] },
    },
  });
  const host = hostFacts();
  const facts = bundleFacts(config, path, { noPivot: false, operation });
  const context = new PlanContext(config, host, facts, {
    id: "view",
    bundle: path,
    stateDirectory: path,
    console: undefined,
    pivot: "pivot_root",
    keyring: "inherited",
    preserved: [],
    listenFds: 0,
    stay: "untilExit",
    dieWithRuntime: true,
    notifyDirectory: undefined,
    cgroup: { path: undefined, placement: "none", writes: [] },
  });
  using shim = new IdleShim();
  using steps = new HostSteps({
    operation,
    state: { ociVersion: config.ociVersion, id: "view", status: "creating", bundle: path, annotations: {} },
    saveState: () => {},
    makeCgroup: () => undefined,
    attachCgroup: async () => {},
  });
  const nothing = openSync("/dev/null", "r+");
  try {
    const stdio = [nothing, nothing, nothing] as const;
    const launched = await launch(planView(context), steps, { operation, shim, stdio, waiting: "events" });
    const end = () => {
      signalProcess({ pid: launched.pid, startTime: launched.startTime }, SIGKILL);
      launched[Symbol.dispose]();
    };
    try {
      const root = new Fd(openSync(`/proc/${launched.pid}/root`, constants.O_DIRECTORY | O_PATH));
      const dispose = () => {
        root[Symbol.dispose]();
        end();
      };
      return { root, [Symbol.dispose]: dispose };
    } catch (error) {
      end();
      throw error;
    }
  } finally {
    closeSync(nothing);
  }
}
