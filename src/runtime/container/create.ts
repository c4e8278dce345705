/** `create`: carries out the plan, and writes down what the other verbs will need. @see runtime-spec 1.3 runtime.md#create */
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { RuntError } from "../../errors.ts";
import type { Abort } from "../../linux/abort.ts";
import { ownStartTime, pidfd_open } from "../../linux/process.ts";
import { connectUnix, SOCK_STREAM, sendFds } from "../../linux/socket.ts";
import type { Config } from "../../spec/runtime/config.ts";
import type { CreateOptions, RuntimeContext } from "../api.ts";
import { loadBundle } from "../bundle/load.ts";
import { type Launched, launch } from "../create/launch.ts";
import { IdleShim } from "../create/shim.ts";
import { HostSteps } from "../create/steps.ts";
import { writeConfigOf } from "./config-store.ts";
import { undoCreate } from "./delete.ts";
import { type CreateMode, type Prepared, prepare } from "./prepare.ts";
import {
  checkId,
  makeStateDirectory,
  type ProcessId,
  type StoredState,
  stageState,
  writeState,
} from "./state-store.ts";
import type { Found } from "./status.ts";

/** A container that is created, and the line to its init. */
export interface Created {
  readonly found: Found;
  readonly launched: Launched;
}

/**
 * Makes a container and leaves its init waiting for `start`. When it throws, nothing is left behind.
 * @throws {RuntError}
 */
export async function createContainer(
  context: RuntimeContext,
  id: string,
  options: CreateOptions,
  mode: CreateMode,
  signal?: Abort,
): Promise<Created> {
  checkId(id, mode.operation);
  using own = mode.shim ? undefined : new IdleShim();
  const shim = mode.shim ?? own!;
  const bundle =
    mode.loaded ?? (await loadBundle(options.bundle, { config: options.config, operation: mode.operation }));
  if (makesNetworkAlone(bundle.config)) shim.anticipateNetwork();
  const prepared = await prepare(context, id, options, { ...mode, loaded: bundle });
  for (const warning of prepared.plan.warnings) context.log("warning", warning);
  let state = firstState(id, options, prepared);
  let made = false;
  // Until it is prepared the cgroup may be another container's, which our failure must not touch.
  let ownsCgroup = false;
  using cgroup = prepared.cgroup;
  const { ociVersion, annotations } = prepared.bundle.config;
  using steps = new HostSteps({
    operation: mode.operation,
    state: { ociVersion, id, status: "creating", bundle: prepared.bundle.path, annotations },
    saveState: () => {
      makeStateDirectory(context.root, id);
      made = true;
      writeState(prepared.stateDirectory, state);
      if (options.notifySocket) mkdirSync(join(prepared.stateDirectory, "notify"), { mode: 0o755 });
    },
    makeCgroup: async () => {
      await cgroup.prepare();
      ownsCgroup = true;
      if (cgroup.placement === "attach") return undefined;
      await cgroup.apply();
      return cgroup.cgroup?.fd;
    },
    attachCgroup: async (pid) => {
      await cgroup.attach(pid);
      await cgroup.apply();
    },
  });
  let commit: (() => void) | undefined;
  const stage = (init: ProcessId): void => {
    state = { ...state, cgroup: cgroup.state, init };
    commit = stageState(prepared.stateDirectory, state);
  };
  const meanwhile = async (init: ProcessId): Promise<void> => {
    writeConfigOf(prepared.stateDirectory, prepared.bundle.config);
    // Where init is still to be put into its cgroup, what there is to know of that is not known yet.
    if (cgroup.placement !== "attach") stage(init);
    await mode.meanwhile?.();
  };
  try {
    const stdio = options.stdio ?? [0, 1, 2];
    const { operation, waiting } = mode;
    const launched = await launch(prepared.plan, steps, {
      operation,
      shim,
      stdio,
      waiting,
      signal,
      meanwhile,
    });
    try {
      if (!commit) stage({ pid: launched.pid, startTime: launched.startTime });
      commit?.();
      if (options.pidfdSocket) sendPidfd(options.pidfdSocket, launched.pid, "standard");
      if (options.pidFile) writePidFile(options.pidFile, launched.pid);
      launched.proceed();
    } catch (error) {
      launched[Symbol.dispose]();
      throw error;
    }
    const { config } = prepared.bundle;
    return { found: { directory: prepared.stateDirectory, state, status: "created", config }, launched };
  } catch (error) {
    if (made) {
      const { cgroup: _, ...rest } = state;
      const found: Found = {
        directory: prepared.stateDirectory,
        state: ownsCgroup ? { ...state, cgroup: cgroup.state } : rest,
        status: "stopped",
        config: prepared.bundle.config,
      };
      await undoCreate(context, found);
      await cgroup.undo().catch(() => {});
    }
    throw error;
  }
}

/** With a user namespace, the others must be made in it, and that takes the plan. */
function makesNetworkAlone({ linux: { namespaces } }: Config): boolean {
  return (
    namespaces.some(({ type, path }) => type === "network" && path === undefined) &&
    !namespaces.some(({ type }) => type === "user")
  );
}

function firstState(id: string, options: CreateOptions, prepared: Prepared): StoredState {
  const { config, path } = prepared.bundle;
  return {
    version: 1,
    ociVersion: config.ociVersion,
    id,
    bundle: path,
    rootfs: prepared.rootfs,
    created: new Date().toISOString().replace("Z", "000000Z"),
    uid: process.geteuid!(),
    annotations: config.annotations,
    creator: { pid: process.pid, startTime: ownStartTime() },
    cgroup: prepared.cgroup.state,
    namespaceFlags: prepared.namespaceFlags,
    keyring: options.noNewKeyring ? "inherited" : "new",
    ...(options.notifySocket ? { notifySocket: options.notifySocket } : {}),
    hasHooks: config.hooks.poststart.length + config.hooks.poststop.length > 0,
  };
}

/** Decimal, without a newline, and never half-written: callers read it the moment it appears. */
export function writePidFile(path: string, pid: number): void {
  const temporary = join(dirname(path), `.${basename(path)}`);
  try {
    const fd = openSync(temporary, "wx", 0o666);
    try {
      writeSync(fd, String(pid));
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new RuntError(
      "Unavailable",
      `cannot write the pid file: ${(error as Error).message}`,
      { operation: "create", path },
      error,
    );
  }
}

/** @param kind as runc says it: "standard" for init, "setns" for exec */
export function sendPidfd(path: string, pid: number, kind: "standard" | "setns"): void {
  using socket = connectUnix(path, SOCK_STREAM);
  using pidfd = pidfd_open(pid);
  sendFds(socket, kind, [pidfd.n]);
}
