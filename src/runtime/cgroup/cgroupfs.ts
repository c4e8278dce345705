/** The cgroupfs driver: the runtime makes directories and writes files itself. */
import type { Origin } from "../../spec/runtime/document-error.ts";
import type { LinuxDeviceCgroup, LinuxResources } from "../../spec/runtime/resources.ts";
import { applyPlan, updateLimits } from "./apply-plan.ts";
import { Cgroup } from "./cgroup.ts";
import type { CgroupPlan } from "./cgroup-plan.ts";
import { createCgroup, type Made, removeMade } from "./create.ts";
import { applyDevicePolicy } from "./device-filter.ts";
import { devicePolicy } from "./device-rules.ts";
import type { CgroupDriver, CgroupState } from "./driver.ts";
import { joinCgroup } from "./join.ts";
import { removeCgroup } from "./remove.ts";
import { domainControllerOf } from "./resource-writes.ts";
import { rootlessRefusal } from "./rootless.ts";

export class CgroupfsDriver implements CgroupDriver {
  readonly #plan: CgroupPlan | undefined;
  readonly #rootless: boolean;
  #cgroup: Cgroup | undefined;
  /** Undefined until `prepare` is through: until then the cgroup may be somebody else's. */
  #made: Made | undefined;
  #devices: boolean;

  private constructor(cgroup: Cgroup, rootless: boolean, devices: boolean, plan?: CgroupPlan) {
    this.#cgroup = cgroup;
    this.#rootless = rootless;
    this.#devices = devices;
    this.#plan = plan;
  }

  static fromPlan(plan: CgroupPlan): CgroupfsDriver {
    return new CgroupfsDriver(new Cgroup(plan.mountPoint, plan.path), plan.rootless, false, plan);
  }

  static fromState({ mountPoint, path, rootless, devices }: CgroupState): CgroupfsDriver {
    return new CgroupfsDriver(new Cgroup(mountPoint, path), rootless, devices);
  }

  get cgroup(): Cgroup | undefined {
    return this.#cgroup;
  }

  get placement(): "clone" | "none" {
    return this.#cgroup ? "clone" : "none";
  }

  get state(): CgroupState {
    const cgroup = this.#cgroup;
    return {
      manager: "cgroupfs",
      rootless: this.#rootless,
      mountPoint: cgroup?.mountPoint ?? "",
      path: cgroup?.path ?? "",
      devices: this.#devices,
    };
  }

  prepare(): void {
    if (!this.#plan || !this.#cgroup) return;
    try {
      this.#made = createCgroup(this.#cgroup, domainControllerOf(this.#plan.writes));
    } catch (error) {
      const refusal = rootlessRefusal(this.#plan, error);
      if (refusal) throw refusal;
      this.#cgroup = undefined;
    }
  }

  attach(pid: number): void | Promise<void> {
    if (this.#cgroup) return joinCgroup(this.#cgroup, pid);
  }

  apply(): void {
    if (this.#plan && this.#cgroup) {
      this.#devices = applyPlan(this.#cgroup, this.#plan, { fresh: this.#isNew });
    }
  }

  update(resources: LinuxResources, origin: Origin): void {
    if (this.#cgroup) updateLimits(this.#cgroup, resources, origin);
  }

  updateDevices(devices: readonly LinuxDeviceCgroup[]): void {
    if (!this.#cgroup) return;
    const options = { operation: "update", rootless: this.#rootless, fresh: false };
    this.#devices = applyDevicePolicy(this.#cgroup, devicePolicy(devices), options);
  }

  async undo(): Promise<void> {
    if (!this.#made) return;
    await this.remove();
    removeMade(this.#made.filter((each) => each !== this.#cgroup));
    this.#made = undefined;
  }

  async remove(): Promise<void> {
    if (this.#cgroup) await removeCgroup(this.#cgroup);
  }

  [Symbol.dispose](): void {
    this.#cgroup?.[Symbol.dispose]();
  }

  get #isNew(): boolean {
    return this.#made?.some((each) => each === this.#cgroup) ?? false;
  }
}
