/** From the mounts of a request to mounts whose sources are known; later words for one destination win. */
import { join, posix } from "node:path";
import { RuntError } from "../../errors.ts";
import { randomHex } from "../../linux/random.ts";
import type { ContainerConfig } from "../../spec/image/config.ts";
import { findRecord } from "../container/find.ts";
import { imageFor } from "../container/image.ts";
import type { EngineContext } from "../context.ts";
import type { ResolvedMount } from "../record.ts";
import type { ContainerRequest, MountRequest } from "../request.ts";
import type { VolumeRecord } from "../store/volumes.ts";
import { timestamp } from "../time.ts";

/** A volume that a container is to have, and whether it gets what the image has there. */
export interface WantedVolume {
  readonly record: VolumeRecord;
  readonly destination: string;
  readonly copyUp: boolean;
}

export interface ResolvedMounts {
  /** In the order in which they are to be mounted: outer ones first. */
  readonly mounts: readonly ResolvedMount[];
  readonly volumes: readonly WantedVolume[];
}

/** @throws {RuntError} InvalidArgument, NotFound */
export async function resolveMounts(
  context: EngineContext,
  request: ContainerRequest,
  image: ContainerConfig | undefined,
): Promise<ResolvedMounts> {
  const mounts = new Map<string, ResolvedMount>();
  const volumes = new Map<string, WantedVolume>();
  const add = (mount: ResolvedMount, volume?: WantedVolume): void => {
    const destination = normal(mount.destination);
    mounts.set(destination, { ...mount, destination });
    volumes.delete(destination);
    if (volume) volumes.set(destination, { ...volume, destination });
  };
  for (const destination of Object.keys(image?.Volumes ?? {})) {
    const { mount, volume } = volumeMount(context, anonymousAt(destination));
    add(mount, volume);
  }
  for (const { container, readonly } of request.volumesFrom) {
    const { definition } = findRecord(context, container, "volumes-from");
    for (const mount of definition.mounts) {
      if (mount.type === "tmpfs" || mount.type === "image") continue;
      // A volume is not filled a second time; that it is used is noted all the same.
      const record = mount.type === "volume" ? context.store.volumes.get(mount.name) : undefined;
      const taken = { ...mount, readonly: mount.readonly || readonly };
      add(taken, record && { record, destination: mount.destination, copyUp: false });
    }
  }
  const asked = new Set<string>();
  for (const mount of request.mounts) {
    const destination = normal(mount.destination);
    if (asked.has(destination)) {
      throw new RuntError("InvalidArgument", `duplicate mount point: ${destination}`, {
        operation: "create",
      });
    }
    asked.add(destination);
    if (destination === "/") {
      throw new RuntError("InvalidArgument", "invalid mount: the destination can't be '/'", {
        operation: "create",
      });
    }
    if (mount.type === "volume") {
      const resolved = volumeMount(context, mount);
      add(resolved.mount, resolved.volume);
    } else if (mount.type === "image") add(await imageMount(context, mount, request));
    else {
      if (mount.type === "bind" && mount.missing === "refuse") {
        (await import("./sources.ts")).checkBindSource(mount, "create");
      }
      add(mount);
    }
  }
  const depth = (path: string): number => path.split("/").length;
  return {
    mounts: [...mounts.values()].sort((a, b) => depth(a.destination) - depth(b.destination)),
    volumes: [...volumes.values()],
  };
}

function normal(destination: string): string {
  const path = posix.resolve("/", destination);
  return path;
}

type VolumeMount = Extract<MountRequest, { type: "volume" }>;

function anonymousAt(destination: string): VolumeMount {
  return {
    type: "volume",
    destination,
    readonly: false,
    name: undefined,
    copyUp: true,
    subpath: undefined,
    driverOptions: {},
    labels: {},
  };
}

function volumeMount(
  { layout }: EngineContext,
  mount: VolumeMount,
): { mount: ResolvedMount; volume: WantedVolume } {
  const anonymous = mount.name === undefined;
  const name = mount.name ?? randomHex(32);
  if (!anonymous) checkVolumeName(name);
  const { destination, readonly, copyUp, subpath, driverOptions, labels, chown } = mount;
  const source = join(layout.volumes, name, "_data");
  return {
    mount: {
      type: "volume",
      destination,
      readonly,
      name,
      source,
      anonymous,
      subpath,
      ...(chown && { chown }),
    },
    volume: {
      record: { name, created: timestamp(), anonymous, driver: "local", options: driverOptions, labels },
      destination,
      copyUp: copyUp && subpath === undefined,
    },
  };
}

/** @throws {RuntError} InvalidArgument */
export function checkVolumeName(name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return;
  throw new RuntError(
    "InvalidArgument",
    `${JSON.stringify(name)} is no name for a volume: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    { operation: "volume", hint: "for a directory of the host give its absolute path" },
  );
}

async function imageMount(
  context: EngineContext,
  mount: Extract<MountRequest, { type: "image" }>,
  { pull, platform }: ContainerRequest,
): Promise<ResolvedMount> {
  const { destination, image: text, subpath } = mount;
  const found = await imageFor(context, { image: text, pull, platform });
  const top = found?.top;
  if (top === undefined) {
    throw new RuntError("InvalidArgument", `image ${text} has no files to mount`, { operation: "create" });
  }
  return { type: "image", destination, readonly: true, image: text, top, subpath };
}
