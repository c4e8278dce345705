/** What create will do about the container's cgroup: decided from the configuration, carried out by a driver. */
import type { Config } from "../../spec/runtime/config.ts";
import type { Origin } from "../../spec/runtime/document-error.ts";
import type { LinuxResources } from "../../spec/runtime/resources.ts";
import type { CgroupManager } from "../api.ts";
import { wantsDelegation } from "./delegation.ts";
import { allowsEverything, type DevicePolicy, devicePolicy } from "./device-rules.ts";
import type { Hierarchy } from "./hierarchy.ts";
import type { LimitFacts, ResourceWrite } from "./limits/write.ts";
import { cgroupPath } from "./path.ts";
import { ignoredResources, resourceWrites } from "./resource-writes.ts";
import { withRoundedQuota } from "./systemd/properties.ts";
import { type ScopeName, scopeName } from "./systemd/scope-name.ts";

/** What `planCgroup` must know of the host. */
export interface CgroupFacts {
  readonly hierarchy: Hierarchy;
  /** The controllers that a cgroup at this path has or would have. */
  readonly controllersAt: (path: string) => ReadonlySet<string>;
}

/** Plain data, but for what a driver is told. */
export interface CgroupPlan {
  readonly manager: CgroupManager;
  readonly rootless: boolean;
  /** From the mount point; with "disabled" "". Of a user's systemd it is where such a scope usually is. */
  readonly path: string;
  readonly mountPoint: string;
  /** Was a place asked for, or may there be none? */
  readonly placed: boolean;
  /** Names for systemd, with that driver. */
  readonly scope?: ScopeName;
  readonly writes: readonly ResourceWrite[];
  readonly devices: DevicePolicy;
  /** Does the policy need a BPF program, or does it allow everything? */
  readonly filtersDevices: boolean;
  /** Host uid of the user who is made the cgroup's owner. */
  readonly owner?: number;
  /** Properties that are set and have no meaning under cgroup v2. */
  readonly ignored: readonly string[];
  readonly resources: LinuxResources;
  readonly annotations: Readonly<Record<string, string>>;
  readonly facts: LimitFacts;
}

/**
 * Plans the cgroup of container `id`. Reads nothing but its arguments.
 * @throws {RuntError} InvalidArgument for a bad path or limits that contradict each other; FailedPrecondition
 *   for a limit whose controller is missing
 */
export function planCgroup(
  config: Config,
  {
    id,
    manager,
    rootless,
    origin,
  }: { id: string; manager: CgroupManager; rootless: boolean; origin: Origin },
  { hierarchy, controllersAt }: CgroupFacts,
): CgroupPlan {
  const { cgroupsPath = "" } = config.linux;
  const resources = manager === "systemd" ? withRoundedQuota(config.linux.resources) : config.linux.resources;
  const scope = manager === "systemd" ? scopeName(cgroupsPath, id, rootless) : undefined;
  const path =
    manager === "disabled"
      ? ""
      : scope
        ? `${rootless ? hierarchy.userManager : ""}${scope.slicePath}/${scope.unit}`
        : cgroupPath(cgroupsPath, id, hierarchy.own);
  const facts: LimitFacts = { cgroupPath: path, controllers: controllersAt(path), origin };
  const devices = devicePolicy(resources.devices);
  const owner = wantsDelegation(config) ? hostUid(config) : undefined;
  return {
    manager,
    rootless,
    path,
    mountPoint: hierarchy.mountPoint,
    placed: cgroupsPath !== "",
    ...(scope && { scope }),
    writes: manager === "disabled" ? [] : resourceWrites(resources, facts),
    devices,
    filtersDevices: manager !== "disabled" && !allowsEverything(devices),
    ...(owner && { owner }),
    ignored: ignoredResources(resources),
    resources,
    annotations: config.annotations,
    facts,
  };
}

/** The user of the process as the host counts; undefined in a user namespace that is joined by path. */
function hostUid({ linux, process }: Config): number | undefined {
  const { uid } = process.user;
  const userNamespace = linux.namespaces.find((each) => each.type === "user");
  if (!userNamespace) return uid;
  const map = linux.uidMappings.find((each) => uid >= each.containerID && uid < each.containerID + each.size);
  return map && map.hostID + uid - map.containerID;
}
