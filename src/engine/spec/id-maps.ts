/**
 * The configuration of a container in a user namespace: whose ids are whose, and which mounts show their files' owners as
 * the container counts. What is on disk is numbered as in the container. Pure.
 */
import type { LinuxIDMapping } from "../../spec/runtime/id-mapping.ts";
import type { ContainerRecord } from "../record.ts";
import type { IdMaps } from "../request.ts";
import type { DeviceNode } from "./devices.ts";
import type { SpecMount } from "./mounts.ts";

type Config = Record<string, unknown>;

interface MappedMount extends SpecMount {
  readonly uidMappings?: readonly LinuxIDMapping[];
  readonly gidMappings?: readonly LinuxIDMapping[];
}

/** @param config as for a container without one @param maps of the container */
export function withIdMaps(config: Config, { request, definition }: ContainerRecord, maps: IdMaps): Config {
  const { linux, mounts } = config as {
    linux: { devices: readonly DeviceNode[] };
    mounts: readonly SpecMount[];
  };
  const mapped = { uidMappings: maps.uid, gidMappings: maps.gid };
  const own = isSame(maps) || definition.owners === "stored" ? {} : mapped;
  const asked = new Map(definition.mounts.map((mount) => [mount.destination, mount]));
  const shown = (mount: SpecMount): MappedMount[] => {
    const { destination, type } = mount;
    const by = asked.get(destination);
    // Nothing is mounted in another's namespaces of processes and messages but by who owns them.
    if (!by && destination === "/proc" && request.namespaces.pid === "host") {
      return [bound(destination, "/proc", ["rbind", ...mount.options])];
    }
    if (!by && destination === "/dev/mqueue" && sharesMessages(request.namespaces.ipc)) return [];
    if (by?.type === "bind") {
      if (by.idMaps === undefined) return [mount];
      return [{ ...mount, ...(by.idMaps === "container" ? own : mappingsOf(by.idMaps)) }];
    }
    if (by?.type === "volume" || by?.type === "image") return [{ ...mount, ...own }];
    // Files of the engine; but not what is the host's and everybody's.
    const isFile = type === "bind" && destination.startsWith("/etc/");
    return [destination === "/" || (!by && isFile) ? { ...mount, ...own } : mount];
  };
  const nodes = linux.devices.filter(({ source }) => source === undefined);
  const root = request.rootfsOwners
    ? [{ ...bound("/", request.rootfs!, ["rbind", "rprivate"]), ...own }]
    : [];
  return {
    ...config,
    mounts: [...root, ...mounts.flatMap(shown), ...linux.devices.flatMap(boundDevice)],
    linux: { ...linux, devices: nodes, ...mapped },
  };
}

/** Nobody makes devices in a user namespace: the host's are bound, by the runtime those that have the same path there. */
function boundDevice({ path, source }: DeviceNode): SpecMount[] {
  return source === undefined ? [] : [bound(path, source, ["bind", "nosuid", "noexec"])];
}

function bound(destination: string, source: string, options: string[]): SpecMount {
  return { destination, type: "bind", source, options };
}

/** The same numbers outside as inside. */
export function isSame({ uid, gid }: IdMaps): boolean {
  return [...uid, ...gid].every(({ containerID, hostID }) => containerID === hostID);
}

function mappingsOf({ uid, gid }: IdMaps) {
  return { uidMappings: uid, gidMappings: gid };
}

function sharesMessages(ipc: ContainerRecord["request"]["namespaces"]["ipc"]): boolean {
  return ipc === "host" || typeof ipc === "object";
}
