/** Volumes: directories that outlive containers. */
import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { deleteTree } from "../../image/snapshot/aside.ts";
import { randomHex } from "../../linux/random.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { EngineContext } from "../context.ts";
import type { VolumeRecord } from "../store/volumes.ts";
import { timestamp } from "../time.ts";
import { checkVolumeName } from "./resolve.ts";

export interface VolumeOptions {
  /** Undefined: 64 random digits. */
  readonly name?: string | undefined;
  readonly driver?: string | undefined;
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** As docker's `volume inspect` prints it. */
export interface VolumeInspect {
  readonly CreatedAt: string;
  readonly Driver: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Mountpoint: string;
  readonly Name: string;
  readonly Options: Readonly<Record<string, string>>;
  readonly Scope: "local";
  /** Of those who use it: IDs of containers. */
  readonly Containers: readonly string[];
  readonly Anonymous: boolean;
}

/** Makes a volume; one of that name that is there already stays as it is. @throws {RuntError} InvalidArgument */
export async function createVolume(
  context: EngineContext,
  options: VolumeOptions = {},
): Promise<VolumeInspect> {
  const { driver = "local" } = options;
  if (driver !== "local") {
    throw new RuntError("InvalidArgument", `volume driver ${driver}: there is only "local"`, {
      operation: "volume",
    });
  }
  const name = options.name ?? randomHex(32);
  if (options.name !== undefined) checkVolumeName(name);
  insertVolume(context, {
    name,
    created: timestamp(),
    anonymous: options.name === undefined,
    driver,
    options: options.options ?? {},
    labels: options.labels ?? {},
  });
  makeDirectory(context, name);
  return describe(context, context.store.volumes.get(name)!);
}

/** In the table, with its event. */
export function insertVolume({ store }: EngineContext, record: VolumeRecord): boolean {
  return store.transaction(() => {
    const isNew = store.volumes.insert(record);
    if (isNew) {
      store.events.append({
        type: "volume",
        action: "create",
        actor: record.name,
        attributes: { driver: record.driver },
      });
    }
    return isNew;
  });
}

/** Its directory, if it is not there. */
export function makeDirectory({ layout }: EngineContext, name: string): string {
  const path = join(layout.volumes, name, "_data");
  // Whoever is root in a container gets to it by a mount; others of the host have no business here.
  mkdirSync(join(layout.volumes, name), { recursive: true, mode: 0o701 });
  try {
    mkdirSync(path, { mode: 0o755 });
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
  return path;
}

export function listVolumes(context: EngineContext): VolumeInspect[] {
  return context.store.volumes.list().map((record) => describe(context, record));
}

/** @throws {RuntError} NotFound */
export function inspectVolume(context: EngineContext, name: string): VolumeInspect {
  return describe(context, findVolume(context, name));
}

function findVolume({ store }: EngineContext, name: string): VolumeRecord {
  const record = store.volumes.get(name);
  if (record) return record;
  throw new RuntError("NotFound", `no such volume: ${name}`, {
    operation: "volume",
    subject: `volume ${name}`,
  });
}

function describe({ store, layout }: EngineContext, record: VolumeRecord): VolumeInspect {
  return {
    CreatedAt: record.created,
    Driver: record.driver,
    Labels: record.labels,
    Mountpoint: join(layout.volumes, record.name, "_data"),
    Name: record.name,
    Options: record.options,
    Scope: "local",
    Containers: store.volumes.usersOf(record.name),
    Anonymous: record.anonymous,
  };
}

/** @throws {RuntError} NotFound, unless `force`; FailedPrecondition where a container has it */
export async function removeVolume(
  context: EngineContext,
  name: string,
  options: { readonly force: boolean } = { force: false },
): Promise<void> {
  if (options.force && !context.store.volumes.get(name)) return;
  context.store.transaction(() => {
    findVolume(context, name);
    const users = context.store.volumes.usersOf(name);
    if (users.length > 0) {
      throw new RuntError("FailedPrecondition", `volume ${name} is in use by ${users.join(", ")}`, {
        operation: "volume",
        subject: `volume ${name}`,
      });
    }
    discard(context, name);
  });
  await emptyTrash(context);
}

export interface PruneVolumesOptions {
  /** Named ones too. */
  readonly all?: boolean;
  readonly matches?: (volume: VolumeRecord) => boolean;
}

/** Removes volumes that no container has. @returns names, and how many bytes they took */
export async function pruneVolumes(
  context: EngineContext,
  { all = false, matches = () => true }: PruneVolumesOptions = {},
): Promise<{ readonly removed: readonly string[]; readonly bytes: number }> {
  const { usageOf } = await import("../../image/snapshot/usage.ts");
  const { store, layout } = context;
  const used = store.volumes.used();
  const candidates = store.volumes
    .list()
    .filter((volume) => (all || volume.anonymous) && !used.has(volume.name) && matches(volume));
  const removed: string[] = [];
  let bytes = 0;
  for (const { name } of candidates) {
    const usage = await usageOf(join(layout.volumes, name)).catch(() => ({ bytes: 0 }));
    const isGone = store.transaction(() => {
      if (store.volumes.usersOf(name).length > 0 || !store.volumes.get(name)) return false;
      discard(context, name);
      return true;
    });
    if (!isGone) continue;
    removed.push(name);
    bytes += usage.bytes;
  }
  await emptyTrash(context);
  return { removed, bytes };
}

/** In a transaction: those of `names` that nobody has named and nobody uses any more. */
export function removeUnusedAnonymous(context: EngineContext, names: readonly string[]): void {
  const { volumes } = context.store;
  for (const name of names) {
    if (volumes.get(name)?.anonymous && volumes.usersOf(name).length === 0) discard(context, name);
  }
}

const trash = ".removed-";

/** In a transaction, so that nobody makes a volume of that name while its files go. */
function discard({ store, layout }: EngineContext, name: string): void {
  store.volumes.delete(name);
  store.events.append({ type: "volume", action: "destroy", actor: name, attributes: { driver: "local" } });
  try {
    renameSync(join(layout.volumes, name), join(layout.volumes, `${trash}${randomHex(8)}`));
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}

/** Deletes what was removed, by whomever. */
export async function emptyTrash({ layout }: EngineContext): Promise<void> {
  for (const name of readdirSync(layout.volumes)) {
    if (name.startsWith(trash)) await deleteTree(join(layout.volumes, name));
  }
}
