/**
 * Configurations in which there is nothing to be checked, because nobody has asked for anything that could be wrong: what
 * most containers have. They are completed here, by hand; to load and to run the schema and its rules takes as long as to
 * make the container's cgroup, its state and its files. Pure.
 */
import type { Config } from "../../spec/runtime/config.ts";
import type { Definition } from "../record.ts";
import type { ContainerRequest } from "../request.ts";

type Unchecked = Record<string, unknown>;

/**
 * What the runtime would make of a configuration of `configOf`, exactly.
 * @returns undefined where it is to be read and checked as any other
 */
export function usualConfig(
  request: ContainerRequest,
  definition: Definition,
  made: Unchecked,
): Config | undefined {
  if (!asksForNothingSpecial(request, definition)) return undefined;
  // Of what `configOf` makes only lists that were left out are missing.
  const config = made as unknown as Config;
  const { process, mounts, linux } = config;
  const { capabilities, user } = process;
  const { resources, seccomp, maskedPaths, readonlyPaths } = linux;
  if (!areTexts(process.args) || !process.env.every(isVariable)) return undefined;
  if (![user.uid, user.gid, ...user.additionalGids].every(isId)) return undefined;
  // A limit of whatever kind.
  if (Object.keys(resources).length > 1 || resources.devices.length !== 1) return undefined;
  return {
    ociVersion: config.ociVersion,
    root: config.root,
    process: {
      ...process,
      ...(capabilities && { capabilities: { ...capabilities, inheritable: [], ambient: [] } }),
      rlimits: [],
    },
    ...(config.hostname !== undefined && { hostname: config.hostname }),
    mounts: mounts.map((mount) => ({ ...mount, uidMappings: [], gidMappings: [] })),
    hooks: {
      prestart: [],
      createRuntime: [],
      createContainer: [],
      startContainer: [],
      poststart: [],
      poststop: [],
    },
    annotations: nothing,
    linux: {
      namespaces: linux.namespaces,
      uidMappings: [],
      gidMappings: [],
      timeOffsets: {},
      devices: [],
      netDevices: nothing,
      ...(linux.cgroupsPath !== undefined && { cgroupsPath: linux.cgroupsPath }),
      resources: {
        devices: [{ allow: resources.devices[0]!.allow, type: "a", major: -1, minor: -1, access: "rwm" }],
        memory: {},
        cpu: {},
        pids: {},
        blockIO: {
          weightDevice: [],
          throttleReadBpsDevice: [],
          throttleWriteBpsDevice: [],
          throttleReadIOPSDevice: [],
          throttleWriteIOPSDevice: [],
        },
        hugepageLimits: [],
        rdma: nothing,
        unified: nothing,
      },
      sysctl: nothing,
      ...(seccomp && { seccomp }),
      maskedPaths: maskedPaths ?? [],
      readonlyPaths: readonlyPaths ?? [],
    },
  };
}

/** Names in a document are data, "__proto__" too. */
const nothing: Readonly<Record<string, never>> = Object.freeze(Object.create(null));

function asksForNothingSpecial(
  { namespaces, network, resources, security, ...request }: ContainerRequest,
  { cwd, hostname, mounts, idMaps }: Definition,
): boolean {
  const { rootfs, runtime, tty, domainname, readonlyRootfs, annotations, sysctls, ulimits } = request;
  const { pid, ipc, uts, cgroup, user } = namespaces;
  const { privileged, noNewPrivileges, seccomp, apparmor } = security;
  return (
    [rootfs, runtime, domainname, apparmor, idMaps].every((one) => one === undefined) &&
    [resources.oomScoreAdj, resources.cgroupParent].every((one) => one === undefined) &&
    [mounts, request.devices, request.deviceCgroupRules].every(({ length }) => length === 0) &&
    [annotations, sysctls, ulimits].every(isEmpty) &&
    [pid, ipc, uts, cgroup, user, network.mode].every((sharing) => typeof sharing === "string") &&
    user === "host" &&
    !tty &&
    !privileged &&
    [readonlyRootfs, noNewPrivileges].every((flag) => typeof flag === "boolean") &&
    (seccomp === "default" || seccomp === "unconfined") &&
    isText(cwd) &&
    cwd.startsWith("/") &&
    isText(hostname) &&
    hostname !== "" &&
    Buffer.byteLength(hostname) <= maxHostnameBytes
  );
}

/** The kernel has room for so many. */
const maxHostnameBytes = 64;

function isEmpty(record: object): boolean {
  for (const _ in record) return false;
  return true;
}

function areTexts(values: readonly unknown[]): boolean {
  return values.length > 0 && values.every(isText);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\0");
}

function isVariable(value: unknown): boolean {
  return isText(value) && value.indexOf("=") > 0;
}

function isId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id < 0xffff_ffff;
}
