/** Looks at the host, the image's files and other containers, for what a configuration needs to know. */
import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RuntError, reasonOf } from "../../errors.ts";
import { MergedView } from "../../image/snapshot/merged.ts";
import type { SnapshotMount } from "../../image/snapshot/overlay.ts";
import { allowMountAgain } from "../../image/snapshot/writable.ts";
import { resolveUser } from "../../image/unpack/user.ts";
import { hostFacts } from "../../runtime/host/measure.ts";
import { isOrdinaryUser } from "../../runtime/library/default-root.ts";
import { CAPABILITIES } from "../../spec/runtime/capabilities.ts";
import type { EngineContext } from "../context.ts";
import type { NetworkPlan } from "../network-driver.ts";
import type { ContainerRecord } from "../record.ts";
import type { ContainerRequest, Sharing } from "../request.ts";
import type { SpecFacts } from "../spec/config.ts";
import { allDevices, blockDevicesOf, devicesOf, noDevices } from "../spec/devices.ts";
import { parseDeviceRule } from "../spec/resources.ts";
import { defaultSeccomp } from "../spec/seccomp-profile.ts";
import { refuse } from "./errors.ts";
import { findRunning } from "./find.ts";

/** Files of accounts are not larger, except to do harm. */
const accountFileBytes = 4 << 20;

/** Where our small init is in a container that asks for it. */
const initPath = "/sbin/docker-init";

/** @throws {RuntError} for what is asked for and is not there */
export async function specFacts(
  context: EngineContext,
  record: ContainerRecord,
  network: NetworkPlan,
): Promise<SpecFacts> {
  const { request, definition, id } = record;
  const { layout } = context;
  const root = await rootOf(context, record, "for its program");
  const view = new MergedView(root.layers);
  const text = (file: string) => view.readText(file, accountFileBytes) ?? "";
  const group = text("/etc/group");
  const { security } = request;
  const filesOf = layout.container(network.filesOf ?? id);
  const files = ["hostname", "hosts", "resolv.conf"].map((name) => ({
    destination: `/etc/${name}`,
    source: join(filesOf, name),
  }));
  if (request.init) files.push({ destination: initPath, source: await initProgram() });
  const { volumes, images } = await sourcesOf(context, record);
  const ordinaryUser = isOrdinaryUser();
  const user = resolveUser(definition.user, { passwd: text("/etc/passwd"), group });
  if (definition.mounts.some((mount) => "chown" in mount && mount.chown)) {
    (await import("../volume/give.ts")).giveMounts(definition, user);
  }
  const devices = devicesOf(request.devices.filter(({ host }) => host.startsWith("/")));
  return {
    id,
    rootfs: root.path,
    user,
    groups: request.groups.map((name) => groupId(name, group)),
    capabilities: knownCapabilities(),
    ordinaryUser,
    pids: pidsOf(context, record),
    network: network.namespace,
    mounts: {
      root: root.mounts,
      files,
      sharedMemory: sharedMemoryOf(context, record),
      volumes,
      images,
      hostSys: ordinaryUser && network.namespace === "host",
    },
    devices: security.privileged ? [...allDevices(), ...devices.nodes] : devices.nodes,
    resources: {
      blockDevices: blockDevicesOf([...new Set(request.resources.blkio.map(({ path }) => path))]),
      devices: security.privileged ? noDevices : devices,
      rules: request.deviceCgroupRules.map((rule) => {
        const parsed = parseDeviceRule(rule);
        if (parsed) return parsed;
        throw new RuntError("InvalidArgument", `invalid device cgroup rule: ${rule}`, {
          operation: "create",
        });
      }),
      privileged: security.privileged,
    },
    seccomp: await seccompOf(security.privileged ? "unconfined" : security.seccomp),
    apparmor: await appArmorOf(security),
    init: request.init ? initPath : undefined,
  };
}

/** What the mounts are of that were asked for. @throws {RuntError} NotFound where that is not there any more */
async function sourcesOf(
  context: EngineContext,
  { definition, request }: ContainerRecord,
): Promise<Pick<SpecFacts["mounts"], "volumes" | "images">> {
  const volumes = new Map<string, string>();
  const images = new Map<string, readonly SnapshotMount[]>();
  if (definition.mounts.length === 0) return { volumes, images };
  const { checkBindSource, imagePart, volumePart } = await import("../volume/sources.ts");
  for (const mount of definition.mounts) {
    checkBindSource(mount, "start");
    if (mount.type === "volume" && mount.subpath !== undefined) {
      const part = volumePart(mount);
      // Ours looks it up once more, and mounts what it has found; another runtime takes a path.
      if (request.runtime !== undefined) volumes.set(mount.destination, part);
    }
    if (mount.type === "image") images.set(mount.destination, imagePart(await context.snapshots(), mount));
  }
  return { volumes, images };
}

interface Root {
  /** For `root.path`. */
  readonly path: string;
  readonly mounts: readonly SnapshotMount[];
  /** Where its files are, top to bottom. */
  readonly layers: readonly string[];
}

/**
 * The overlay of a container's own layers on its image's. What the program of a container writes that is removed at its
 * end need not reach the disk.
 */
export async function rootOf(
  context: EngineContext,
  { id, request, definition, status }: ContainerRecord,
  use: "for its program" | "to look at",
): Promise<Root> {
  if (request.rootfs !== undefined) return { path: request.rootfs, mounts: [], layers: [request.rootfs] };
  const snapshots = await context.snapshots();
  const top = definition.image?.top;
  const writable = snapshots.writable({ directory: context.layout.container(id) });
  if (definition.owners === "stored") {
    const { copiedLayers, copiedMounts } = await import("../user-namespace/copied-layers.ts");
    return {
      path: context.layout.rootfs,
      mounts: copiedMounts(writable, "rw"),
      layers: [writable.upper, copiedLayers(writable)],
    };
  }
  const isNew = status === "creating";
  // Of a start that failed; what a power failure leaves of such a container is removed.
  if (request.autoRemove && !isNew) allowMountAgain(writable);
  const volatile = request.autoRemove && use === "for its program";
  const chain = snapshots.chain(top);
  const image = chain.map(({ chainID }) => snapshots.diff(chainID));
  return {
    path: context.layout.rootfs,
    mounts: snapshots.mounts(chain, { writable, access: "rw", volatile }),
    // Its own are empty, but for files that are mounted over.
    layers: isNew ? image : [writable.upper, writable.init, ...image],
  };
}

let capabilities: readonly string[] | undefined;

function knownCapabilities(): readonly string[] {
  const { lastCapability } = hostFacts();
  capabilities ??= Object.entries(CAPABILITIES).flatMap(([name, number]) =>
    Number(number) <= lastCapability ? [name] : [],
  );
  return capabilities;
}

function groupId(name: string, group: string): number {
  if (/^\d+$/.test(name)) return Number(name);
  const line = group.split("\n").find((candidate) => candidate.startsWith(`${name}:`));
  const gid = line?.split(":")[2];
  if (gid !== undefined && /^\d+$/.test(gid)) return Number(gid);
  throw new RuntError("InvalidArgument", `unable to find group ${name}: no matching entries in group file`, {
    operation: "start",
  });
}

/** Init of each container that a namespace is shared with; it must run. */
function pidsOf(context: EngineContext, { request, name }: ContainerRecord): ReadonlyMap<string, number> {
  const { pid, ipc, user } = request.namespaces;
  const pids = new Map<string, number>();
  for (const sharing of [pid, ipc, user] as readonly (Sharing | string | object)[]) {
    if (typeof sharing !== "object" || !("container" in sharing)) continue;
    const other = findRunning(context, sharing.container as string, "start");
    if (sharing === ipc && other.request.namespaces.ipc === "private") {
      const hint = "start that one with --ipc shareable";
      throw refuse("start", name, `the IPC namespace of container ${other.name} is not shareable`, hint);
    }
    pids.set(sharing.container as string, other.run.init!.pid);
  }
  return pids;
}

/** The host's, another container's, or one of our own that others may join: made here. */
function sharedMemoryOf({ layout }: EngineContext, { id, request }: ContainerRecord): string | undefined {
  const { ipc } = request.namespaces;
  if (ipc === "host") return "/dev/shm";
  if (typeof ipc === "object" && "container" in ipc) {
    const path = layout.sharedMemory(ipc.container);
    return existsSync(path) ? path : undefined;
  }
  if (ipc !== "shareable") return undefined;
  const path = layout.sharedMemory(id);
  mkdirSync(path, { recursive: true, mode: 0o711 });
  chmodSync(path, 0o1777);
  return path;
}

async function appArmorOf(security: ContainerRequest["security"]): Promise<string | undefined> {
  const { lsm, privileged } = hostFacts();
  // Only root of the machine may load ours. What is asked for by name is the runtime's to refuse.
  if (!lsm.apparmor || !privileged) return security.apparmor === "unconfined" ? undefined : security.apparmor;
  const { appArmorHost, defaultProfile, loadDefaultProfile, profileName } = await import(
    "../spec/apparmor.ts"
  );
  const host = appArmorHost(true);
  const name = profileName(security, host);
  if (name === defaultProfile && host.parser !== undefined) loadDefaultProfile(host);
  return name;
}

async function initProgram(): Promise<string> {
  const { nativePath } = await import("../../linux/native.ts");
  return nativePath("runt-init");
}

async function seccompOf(word: string): Promise<SpecFacts["seccomp"]> {
  if (word === "unconfined") return () => undefined;
  if (word === "default") return profileOf;
  const { readSeccompFile } = await import("../spec/seccomp-file.ts");
  try {
    const profile = readSeccompFile(readFileSync(word, "utf8"));
    return (held) => profile(held);
  } catch (error) {
    throw new RuntError(
      "InvalidArgument",
      `opening seccomp profile (${word}) failed: ${reasonOf(error)}`,
      { operation: "create", path: word },
      error,
    );
  }
}

const profiles = new Map<string, object>();

/** One for each set of capabilities: there are few, and to make one takes long. */
function profileOf(held: readonly string[]): object {
  const key = held.join();
  let profile = profiles.get(key);
  if (!profile) {
    profile = defaultSeccomp(held);
    profiles.set(key, profile);
  }
  return profile;
}
