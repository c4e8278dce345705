/** What a container is doing, as the kernel says and not as our records do. */
import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { isAlive } from "../../linux/process.ts";
import type { Config } from "../../spec/runtime/config.ts";
import type { Status } from "../../spec/runtime/state.ts";
import type { ContainerState } from "../api.ts";
import { driverOf } from "../cgroup/driver.ts";
import { isFrozen } from "../cgroup/freeze.ts";
import { readState, type StoredState, stateDirectory } from "./state-store.ts";

/** A container as a verb found it. */
export interface Found {
  readonly directory: string;
  readonly state: StoredState;
  readonly status: Status;
  /** What it was made from, where this process made it; else it is read from the directory when needed. */
  readonly config?: Config;
}

/** @throws {RuntError} NotFound: `container does not exist` */
export function findContainer(root: string, id: string, operation: string): Found {
  const state = readState(root, id, operation);
  const directory = stateDirectory(root, id);
  return { directory, state, status: statusOf(directory, state) };
}

function statusOf(directory: string, state: StoredState): Status {
  if (!state.init) return isAlive(state.creator.pid, state.creator.startTime) ? "creating" : "stopped";
  if (!isAlive(state.init.pid, state.init.startTime)) return "stopped";
  // Frozen comes first: a created container can be paused too, and would not answer to start.
  using driver = state.cgroup && driverOf(state.cgroup);
  if (driver?.cgroup && isFrozen(driver.cgroup)) return "paused";
  return existsSync(join(directory, "exec.fifo")) ? "created" : "running";
}

/** The document that `state` prints. */
export function describeContainer({ state, status }: Found): ContainerState {
  return {
    ociVersion: state.ociVersion,
    id: state.id,
    pid: status === "stopped" || status === "creating" ? 0 : (state.init?.pid ?? 0),
    status,
    bundle: state.bundle,
    rootfs: state.rootfs,
    created: state.created,
    annotations: state.annotations,
    owner: ownerName(state.uid),
  } as ContainerState;
}

function ownerName(uid: number): string {
  if (uid === 0) return "root";
  try {
    const user = userInfo();
    return user.uid === uid ? user.username : `#${uid}`;
  } catch {
    return `#${uid}`;
  }
}

/** An error of a container in the wrong state. */
export function wrongState(operation: string, id: string, what: string): RuntError {
  return new RuntError("FailedPrecondition", what, { operation, subject: `container ${id}` });
}
