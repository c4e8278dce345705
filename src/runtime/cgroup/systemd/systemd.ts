/** The systemd driver: the cgroup is that of a scope unit, which systemd makes and watches over. */
import { RuntError } from "../../../errors.ts";
import { DBusError } from "../../../linux/dbus.ts";
import type { Origin } from "../../../spec/runtime/document-error.ts";
import type { LinuxDeviceCgroup, LinuxResources } from "../../../spec/runtime/resources.ts";
import { applyPlan, updateLimits } from "../apply-plan.ts";
import { Cgroup } from "../cgroup.ts";
import type { CgroupPlan } from "../cgroup-plan.ts";
import { enableControllersAbove, refuseInUse } from "../create.ts";
import { applyDevicePolicy } from "../device-filter.ts";
import { devicePolicy } from "../device-rules.ts";
import type { CgroupDriver, CgroupState } from "../driver.ts";
import { cgroupOfProcess } from "../join.ts";
import { removeCgroup } from "../remove.ts";
import { annotatedProperties } from "./annotations.ts";
import { deviceProperties } from "./device-properties.ts";
import { isSystemdBooted, SystemdManager } from "./manager.ts";
import { type Property, property, resourceProperties, withRoundedQuota } from "./properties.ts";
import { oomPolicy } from "./unified-properties.ts";

export class SystemdDriver implements CgroupDriver {
  readonly placement = "attach";
  readonly #plan: CgroupPlan | undefined;
  readonly #rootless: boolean;
  readonly #unit: string;
  #cgroup: Cgroup;
  #devices: boolean;
  #started = false;
  #manager: Promise<SystemdManager> | undefined;

  private constructor(cgroup: Cgroup, unit: string, rootless: boolean, devices: boolean, plan?: CgroupPlan) {
    this.#cgroup = cgroup;
    this.#unit = unit;
    this.#rootless = rootless;
    this.#devices = devices;
    this.#plan = plan;
  }

  static fromPlan(plan: CgroupPlan): SystemdDriver {
    const cgroup = new Cgroup(plan.mountPoint, plan.path);
    return new SystemdDriver(cgroup, plan.scope?.unit ?? "", plan.rootless, false, plan);
  }

  static fromState({ mountPoint, path, unit = "", rootless, devices }: CgroupState): SystemdDriver {
    return new SystemdDriver(new Cgroup(mountPoint, path), unit, rootless, devices);
  }

  get cgroup(): Cgroup {
    return this.#cgroup;
  }

  get state(): CgroupState {
    const { mountPoint, path } = this.#cgroup;
    const unit = this.#unit;
    return { manager: "systemd", rootless: this.#rootless, mountPoint, path, unit, devices: this.#devices };
  }

  /** Connects; the unit is made by `attach`, because a scope cannot begin without a process. */
  async prepare(): Promise<void> {
    if (!isSystemdBooted()) {
      throw new RuntError(
        "FailedPrecondition",
        "systemd not running on this host, cannot use systemd cgroups manager",
        {
          operation: "create",
          hint: "use --cgroup-manager cgroupfs",
        },
      );
    }
    if (this.#cgroup.exists()) refuseInUse(this.#cgroup);
    await this.#connect();
  }

  async attach(pid: number): Promise<void> {
    if (!this.#plan) return this.#attachToRunning(pid);
    const manager = await this.#connect();
    try {
      await manager.startTransientUnit(this.#unit, scopeProperties(this.#plan, pid, manager.version));
      this.#started = true;
    } catch (error) {
      throw unitError(
        error,
        this.#unit,
        `unable to start unit "${this.#unit}"`,
        this.#plan.facts.origin.operation,
      );
    }
    // Where the manager is itself in a cgroup is for it to know: for a user's manager we can only guess.
    const actual = cgroupOfProcess(this.#cgroup.mountPoint, pid);
    // Closed in any case: what was open may be the directory of an earlier unit of that name.
    this.#cgroup[Symbol.dispose]();
    if (actual) this.#cgroup = actual;
  }

  apply(): void {
    if (!this.#plan) return;
    // systemd hands down the controllers that it knows; hugetlb and others it does not.
    if (!this.#rootless) enableControllersAbove(this.#cgroup);
    this.#devices = applyPlan(this.#cgroup, this.#plan, { fresh: false });
  }

  async update(resources: LinuxResources, origin: Origin): Promise<void> {
    const manager = await this.#connect();
    const rounded = withRoundedQuota(resources);
    const properties = resourceProperties(rounded, manager.version, origin);
    const takeBack = updateLimits(this.#cgroup, rounded, origin);
    try {
      if (properties.length > 0) await manager.setUnitProperties(this.#unit, properties);
    } catch (error) {
      takeBack();
      throw unitError(error, this.#unit, "unable to set unit properties", origin.operation);
    }
  }

  async updateDevices(devices: readonly LinuxDeviceCgroup[]): Promise<void> {
    const policy = devicePolicy(devices);
    const manager = await this.#connect();
    // systemd first: its program then allows all that the new policy does, while ours is still the old one.
    await manager.setUnitProperties(this.#unit, deviceProperties(policy));
    const options = { operation: "update", rootless: this.#rootless, fresh: false };
    this.#devices = applyDevicePolicy(this.#cgroup, policy, options);
  }

  async undo(): Promise<void> {
    if (this.#started) await this.remove();
    this.#started = false;
  }

  async remove(): Promise<void> {
    // An empty scope goes by itself, but one that has failed stays until it is told to.
    if (isSystemdBooted()) {
      const manager = await this.#connect();
      try {
        await manager.stopUnit(this.#unit);
      } catch (error) {
        throw unitError(error, this.#unit, `unable to stop unit "${this.#unit}"`, "delete");
      }
    }
    await removeCgroup(this.#cgroup);
  }

  [Symbol.dispose](): void {
    this.#cgroup[Symbol.dispose]();
    this.#manager?.then((manager) => manager[Symbol.dispose]()).catch(() => {});
    this.#manager = undefined;
  }

  #connect(): Promise<SystemdManager> {
    this.#manager ??= SystemdManager.connect(this.#rootless ? "user" : "system");
    return this.#manager;
  }

  async #attachToRunning(pid: number): Promise<void> {
    const manager = await this.#connect();
    try {
      await manager.attachProcessesToUnit(this.#unit, "/", [pid]);
    } catch (error) {
      throw unitError(error, this.#unit, `cannot move process ${pid} into unit ${this.#unit}`, "exec");
    }
  }
}

/** What the scope of a new container is started with. */
export function scopeProperties(plan: CgroupPlan, pid: number, version: number): Property[] {
  const { scope, resources, annotations, devices, facts } = plan;
  return [
    property("Description", "s", `runt container ${scope?.unit.replace(/\.scope$/, "") ?? ""}`),
    property("Slice", "s", scope?.slice ?? ""),
    // The cgroups below belong to the container, which may be running a systemd itself.
    property("Delegate", "b", true),
    property("PIDs", "au", [pid]),
    property("MemoryAccounting", "b", true),
    property("CPUAccounting", "b", true),
    property("IOAccounting", "b", true),
    property("TasksAccounting", "b", true),
    property("DefaultDependencies", "b", false),
    ...annotatedProperties(annotations, facts.origin),
    ...oomPolicy(resources.unified, version),
    ...deviceProperties(devices),
    ...resourceProperties(resources, version, facts.origin),
  ];
}

function unitError(error: unknown, unit: string, what: string, operation: string): unknown {
  if (!(error instanceof DBusError)) return error;
  const kind = /AccessDenied|InteractiveAuthorizationRequired|AuthFailed/.test(error.errorName)
    ? "PermissionDenied"
    : error.errorName.endsWith(".UnitExists")
      ? "AlreadyExists"
      : /InvalidArgs|PropertyReadOnly|BadUnitSetting/.test(error.errorName)
        ? "InvalidArgument"
        : "Internal";
  return new RuntError(kind, `${what}: ${error.message}`, { operation, subject: unit }, error);
}
