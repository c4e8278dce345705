/** The driver that makes no cgroup: the container stays in that of the runtime. */
import { RuntError } from "../../errors.ts";
import type { Origin } from "../../spec/runtime/document-error.ts";
import type { LinuxResources } from "../../spec/runtime/resources.ts";
import type { CgroupManager } from "../api.ts";
import type { CgroupDriver, CgroupState } from "./driver.ts";

/** For `--cgroup-manager disabled`, and for a rootless container that nobody asked limits for. */
export class NoCgroupDriver implements CgroupDriver {
  readonly cgroup = undefined;
  readonly placement = "none";
  readonly state: CgroupState;

  constructor({
    manager,
    rootless,
    mountPoint,
  }: { manager: CgroupManager; rootless: boolean; mountPoint: string }) {
    this.state = { manager, rootless, mountPoint, path: "", devices: false };
  }

  prepare(): void {}
  attach(): void {}
  apply(): void {}

  update(_: LinuxResources, { operation }: Origin): void {
    throw new RuntError("FailedPrecondition", "cannot set limits: the container has no cgroup", {
      operation,
    });
  }

  updateDevices(): void {
    throw new RuntError("FailedPrecondition", "cannot set a device policy: the container has no cgroup", {
      operation: "update",
    });
  }

  async undo(): Promise<void> {}
  async remove(): Promise<void> {}
  [Symbol.dispose](): void {}
}
