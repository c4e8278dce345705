/** What does not go together in a request. Pure. */
import { RuntError } from "../../errors.ts";
import type { ContainerRequest } from "../request.ts";

/**
 * @returns warnings
 * @throws {RuntError} InvalidArgument, with docker's words where it has some
 */
export function checkRequest(request: ContainerRequest): string[] {
  const { network, namespaces, autoRemove, restart, resources } = request;
  const warnings: string[] = [];
  const refuse = (what: string): never => {
    throw new RuntError("InvalidArgument", what, { operation: "create" });
  };
  if ((request.image === undefined) === (request.rootfs === undefined)) {
    refuse("a container is made of an image, or of a directory in its place");
  }
  if (autoRemove && restart.name !== "no")
    refuse("conflicting options: cannot specify both --restart and --rm");
  const joinsNetwork = typeof network.mode === "object" && "container" in network.mode;
  if (joinsNetwork || network.mode === "host") {
    const mode = joinsNetwork ? "container" : "host";
    if (network.ports.length > 0 || network.publishAll) {
      if (joinsNetwork) refuse("conflicting options: port publishing and the container type network mode");
      warnings.push("published ports are discarded when using host network mode");
    }
    if (joinsNetwork) {
      if (request.hostname !== undefined) refuse("conflicting options: hostname and the network mode");
      if (network.dns.length > 0) refuse("conflicting options: dns and the network mode");
      if (network.extraHosts.length > 0)
        refuse("conflicting options: custom host-to-IP mapping and the network mode");
    }
    const bound = Object.keys(request.sysctls).find((key) => key.startsWith("net."));
    if (bound !== undefined) refuse(`sysctl ${bound} is not allowed with ${mode} network mode`);
  }
  if (network.mode === "none" && (network.ports.length > 0 || network.publishAll)) {
    warnings.push("published ports are discarded without a network");
  }
  if (namespaces.uts === "host" && (request.hostname !== undefined || request.domainname !== undefined)) {
    refuse("conflicting options: hostname and the UTS mode");
  }
  refuseUnknown(request);
  if (namespaces.user !== "host" && request.security.privileged) {
    refuse("privileged mode is incompatible with user namespaces");
  }
  refuseWithUserNamespace(request, refuse);
  const { memory, memorySwap, memoryReservation, cpus } = resources;
  if (memory !== undefined && memory > 0 && memory < 6 << 20) refuse("minimum memory limit allowed is 6MB");
  if (memorySwap !== undefined && memorySwap > 0) {
    if (memory === undefined) refuse("you should always set the memory limit when using memoryswap limit");
    else if (memorySwap < memory) refuse("minimum memoryswap limit should be larger than memory limit");
  }
  if (memory !== undefined && memoryReservation !== undefined && memoryReservation > memory) {
    refuse("minimum memory limit can not be less than memory reservation limit");
  }
  if (cpus !== undefined && (resources.cpuPeriodUs !== undefined || resources.cpuQuotaUs !== undefined)) {
    refuse("conflicting options: nano CPUs cannot be updated as CPU period or quota is already set");
  }
  return warnings;
}

function refuseWithUserNamespace(
  { namespaces: { pid, user }, mounts, runtime, rootfsOwners }: ContainerRequest,
  refuse: (what: string) => never,
): void {
  if (user === "host") {
    if (rootfsOwners) refuse("--rootfs with idmap needs a user namespace: --userns");
    const mapped = mounts.find((mount) => mount.type === "bind" && mount.idMaps === "container");
    if (mapped) refuse(`mount at ${mapped.destination}: idmap needs a user namespace: --userns`);
    return;
  }
  if (runtime !== undefined) refuse(`--userns is for runt's own runtime, not for --runtime ${runtime}`);
  const joined = typeof user === "object" && "container" in user ? user.container : undefined;
  if (typeof pid === "object" && "container" in pid && pid.container !== joined) {
    refuse(`processes of a container are for its own users: --pid container:… needs the same --userns`);
  }
}

/** What there are words for, and nobody to do it. */
function refuseUnknown({ mounts }: ContainerRequest): void {
  const missing = (what: string, hint: string): never => {
    throw new RuntError("Unimplemented", what, { operation: "create", hint });
  };
  const driven = mounts.find(
    (mount) => mount.type === "volume" && Object.keys(mount.driverOptions).length > 0,
  );
  if (driven)
    missing(
      `volume at ${driven.destination}: driver options are not supported`,
      "bind what is mounted by hand",
    );
}
