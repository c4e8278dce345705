/**
 * How a container gets its cgroup, and who looks after it. A driver makes the cgroup, puts the container into
 * it and takes it away again; what can be done with a cgroup that exists (freeze, kill, statistics) is the
 * same for all of them and takes `driver.cgroup`.
 */
import { RuntError } from "../../errors.ts";
import type { Origin } from "../../spec/runtime/document-error.ts";
import type { LinuxDeviceCgroup, LinuxResources } from "../../spec/runtime/resources.ts";
import type { CgroupManager } from "../api.ts";
import type { Cgroup } from "./cgroup.ts";
import type { CgroupPlan } from "./cgroup-plan.ts";
import { CgroupfsDriver } from "./cgroupfs.ts";
import { NoCgroupDriver } from "./no-cgroup.ts";
import { SystemdDriver } from "./systemd/systemd.ts";

/** What state.json keeps of a cgroup: enough for another process to find and to remove it. */
export interface CgroupState {
  readonly manager: CgroupManager;
  readonly rootless: boolean;
  readonly mountPoint: string;
  /** From the mount point; "" where the container has no cgroup of its own. */
  readonly path: string;
  /** The systemd unit, with that driver. */
  readonly unit?: string;
  /** Is there a device program of ours on it? */
  readonly devices: boolean;
}

/** Methods that return a promise or nothing do their work at once where they can: cgroupfs needs no waiting. */
export interface CgroupDriver extends Disposable {
  /** The container's cgroup; undefined where it has none of its own. Valid as soon as `prepare` is through. */
  readonly cgroup: Cgroup | undefined;
  /**
   * How init gets into it: born there by clone3(CLONE_INTO_CGROUP) on `cgroup.fd`, moved by `attach` before it
   * does anything, or not at all.
   */
  readonly placement: "clone" | "attach" | "none";
  /** For state.json; what it says of `path` and `devices` is final after `apply`. */
  readonly state: CgroupState;
  /**
   * Before clone. Afterwards `undo` must be called if anything fails.
   * @throws {RuntError} FailedPrecondition for a cgroup in use; PermissionDenied
   */
  prepare(): void | Promise<void>;
  /** Puts process `pid` into the cgroup; for "clone" there is no need. */
  attach(pid: number): void | Promise<void>;
  /**
   * Limits, device policy and owner. For placement "clone" as early as after `prepare`, so that limits hold
   * from the first moment; for "attach" after that.
   * @throws {RuntError} naming the property that cannot be had
   */
  apply(): void | Promise<void>;
  /**
   * New limits for a running container; devices are left as they are. Pass the whole resources, not only what
   * changes. When one limit is refused, those already written are taken back.
   */
  update(resources: LinuxResources, origin: Origin): void | Promise<void>;
  /** A new device policy for a running container, without a moment of none. */
  updateDevices(devices: readonly LinuxDeviceCgroup[]): void | Promise<void>;
  /** Takes back `prepare`, once no process is left: also the directories above that it had to make. */
  undo(): Promise<void>;
  /** Removes the cgroup, once its processes are killed; does not mind that it is gone. */
  remove(): Promise<void>;
}

/** The driver for a container that is to be made. Nothing happens yet. */
export function driverFor(plan: CgroupPlan): CgroupDriver {
  switch (plan.manager) {
    case "cgroupfs":
      return CgroupfsDriver.fromPlan(plan);
    case "systemd":
      return SystemdDriver.fromPlan(plan);
    case "disabled":
      return new NoCgroupDriver(plan);
  }
}

/** The driver of a container that exists. Nothing is read yet. */
export function driverOf(state: CgroupState): CgroupDriver {
  if (state.path === "") return new NoCgroupDriver(state);
  switch (state.manager) {
    case "cgroupfs":
      return CgroupfsDriver.fromState(state);
    case "systemd":
      return SystemdDriver.fromState(state);
    case "disabled":
      return new NoCgroupDriver(state);
  }
}

/** The driver's cgroup, for a verb that cannot do without. @throws {RuntError} FailedPrecondition */
export function requireCgroup(driver: CgroupDriver, operation: string): Cgroup {
  if (driver.cgroup) return driver.cgroup;
  throw new RuntError("FailedPrecondition", `cannot ${operation}: the container has no cgroup`, {
    operation,
  });
}
