/** config.json of a container: request, definition and facts about the host, put together. Pure. */
import type { ImageUser } from "../../image/unpack/user.ts";
import { OCI_VERSION_MAX } from "../../spec/runtime/versions.ts";
import type { NetworkPlan } from "../network-driver.ts";
import type { Definition } from "../record.ts";
import type { ContainerRequest } from "../request.ts";
import { capabilitiesOf } from "./capabilities.ts";
import type { DeviceNode } from "./devices.ts";
import { maskedPaths, readonlyPaths } from "./hidden-paths.ts";
import { type MountFacts, mountsOf, rootfsPropagationOf } from "./mounts.ts";
import { namespacesOf } from "./namespaces.ts";
import { type ResourceFacts, resourcesOf } from "./resources.ts";
import { rlimitsOf } from "./rlimits.ts";

/** What is to be known beside what was asked for. */
export interface SpecFacts {
  readonly id: string;
  /** Absolute path of the directory that the root file system is mounted over, or is. */
  readonly rootfs: string;
  readonly user: ImageUser;
  /** Numbers of `request.groups`. */
  readonly groups: readonly number[];
  /** All capabilities of this kernel. */
  readonly capabilities: readonly string[];
  /** Whether nobody need be told where cgroups of containers are: a container may go without one. */
  readonly ordinaryUser: boolean;
  /** Of containers that are joined, by what the request calls them: init's pid. */
  readonly pids: ReadonlyMap<string, number>;
  readonly network: NetworkPlan["namespace"];
  readonly mounts: MountFacts;
  readonly devices: readonly DeviceNode[];
  readonly resources: ResourceFacts;
  /** `linux.seccomp`; undefined: unconfined. */
  readonly seccomp: (capabilities: readonly string[]) => object | undefined;
  /** Name of the AppArmor profile; undefined: none. */
  readonly apparmor: string | undefined;
  /** Path in the container of the program that is pid 1 with `--init`. */
  readonly init: string | undefined;
}

/** @throws {RuntError} InvalidArgument */
export function configOf(
  request: ContainerRequest,
  definition: Definition,
  facts: SpecFacts,
): Record<string, unknown> {
  const { security, namespaces, resources } = request;
  const bounding = capabilitiesOf(
    { add: security.capAdd, drop: security.capDrop, privileged: security.privileged },
    facts.capabilities,
  );
  const hidden = security.systemPaths === "hidden" && !security.privileged;
  const propagation = rootfsPropagationOf(definition.mounts);
  const seccomp = facts.seccomp(bounding);
  return {
    ociVersion: OCI_VERSION_MAX,
    process: processOf(request, definition, facts, bounding),
    root: { path: facts.rootfs, readonly: request.readonlyRootfs },
    ...(namespaces.uts === "private" && {
      hostname: definition.hostname,
      ...(request.domainname !== undefined && { domainname: request.domainname }),
    }),
    mounts: mountsOf(request, definition.mounts, facts.mounts),
    annotations: request.annotations,
    linux: {
      namespaces: namespacesOf(namespaces, facts.network, (container) => facts.pids.get(container)!),
      ...(facts.ordinaryUser && resources.cgroupParent === undefined
        ? {}
        : { cgroupsPath: cgroupsPathOf(resources.cgroupParent, facts.id) }),
      resources: resourcesOf(resources, facts.resources),
      devices: facts.devices,
      sysctl: request.sysctls,
      ...(propagation !== undefined && { rootfsPropagation: propagation }),
      ...(seccomp && { seccomp }),
      ...(hidden && { maskedPaths, readonlyPaths }),
    },
  };
}

/** Where the container's cgroup is, below the one that the manager begins with. */
export function cgroupsPathOf(parent: string | undefined, id: string): string {
  return `${(parent ?? "/runt").replace(/\/+$/, "")}/${id}`;
}

function processOf(
  request: ContainerRequest,
  { args, env, cwd }: Definition,
  { user, groups, init, apparmor }: SpecFacts,
  bounding: readonly string[],
): object {
  const { security, resources, ulimits, tty, consoleSize } = request;
  const { uid, gid } = user;
  // His own group too: a file that denies something to a group must deny it to him (CVE-2022-36109).
  const additionalGids = [...new Set([gid, ...user.additionalGids, ...groups])];
  // Who is not root gets his capabilities from the files that he executes, as he would on a host.
  const effective = uid === 0 ? bounding : [];
  return {
    terminal: tty,
    ...(tty && consoleSize && { consoleSize }),
    user: { uid, gid, additionalGids },
    args: init === undefined ? args : [init, "--", ...args],
    env: env.some((entry) => entry.startsWith("HOME=")) ? env : [...env, `HOME=${user.home || "/"}`],
    cwd,
    capabilities: { bounding, effective, permitted: effective },
    rlimits: rlimitsOf(ulimits),
    noNewPrivileges: security.noNewPrivileges,
    ...(resources.oomScoreAdj !== undefined && { oomScoreAdj: resources.oomScoreAdj }),
    ...(apparmor !== undefined && { apparmorProfile: apparmor }),
  };
}
