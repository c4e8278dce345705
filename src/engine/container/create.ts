/** `create`: a name, an image's layers with a writable one on top, volumes. Nothing runs, and nothing is mounted. */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { RuntError } from "../../errors.ts";
import { MergedView } from "../../image/snapshot/merged.ts";
import type { Abort } from "../../linux/abort.ts";
import { hostName } from "../../linux/uname.ts";
import type { ContainerConfig } from "../../spec/image/config.ts";
import type { EngineContext } from "../context.ts";
import { type ContainerRecord, type Definition, neverRun } from "../record.ts";
import type { ContainerRequest } from "../request.ts";
import { isConflict } from "../store/database.ts";
import { timestamp } from "../time.ts";
import type { ResolvedUserNamespace } from "../user-namespace/resolve.ts";
import { resolveMounts, type WantedVolume } from "../volume/resolve.ts";
import { insertVolume, makeDirectory } from "../volume/volume.ts";
import { checkRequest } from "./check.ts";
import { definitionOf, hostnameOf, summaryOf } from "./definition.ts";
import { nameTaken } from "./errors.ts";
import { eventOf } from "./event.ts";
import { findId, findRecord } from "./find.ts";
import { imageFor, type PullOptions } from "./image.ts";
import { checkName, inventName, newId } from "./names.ts";
import { finishRemoval, thisProcess } from "./removal.ts";

export interface CreateOptions {
  /** For an image that is to be pulled. */
  readonly pull?: PullOptions | undefined;
  readonly signal?: Abort | undefined;
}

export interface CreatedContainer {
  readonly id: string;
  readonly name: string;
  /** What is not as it was asked for. */
  readonly warnings: readonly string[];
}

/** A container that has all that it needs, and that others do not see yet. */
export interface MadeContainer {
  /** With the status "creating"; should this process die, the next command takes it away again. */
  readonly record: ContainerRecord;
  readonly warnings: readonly string[];
}

/** Makes a container. @throws {RuntError} as `makeContainer` */
export async function createContainer(
  context: EngineContext,
  request: ContainerRequest,
  options: CreateOptions = {},
): Promise<CreatedContainer> {
  const { record, warnings } = await makeContainer(context, request, options);
  const { id, name } = recordCreated(context, record);
  return { id, name, warnings };
}

/** From here on others see it. @returns its record as it is then */
export function recordCreated({ store }: EngineContext, record: ContainerRecord): ContainerRecord {
  store.transaction(() => {
    store.containers.update(record.id, { status: "created", owner: null });
    store.events.append(eventOf(record, "create"));
  });
  return { ...record, status: "created", owner: undefined };
}

/**
 * Makes a container that only this process knows of.
 * @throws {RuntError} with nothing left behind: AlreadyExists for a name; NotFound for an image, a container or a file that
 *   is named; InvalidArgument for what does not go together
 */
export async function makeContainer(
  context: EngineContext,
  request: ContainerRequest,
  options: CreateOptions,
): Promise<MadeContainer> {
  if (request.name !== undefined) checkName(request.name, "create");
  const warnings = checkRequest(request);
  const found = await imageFor(context, request, options.pull, options.signal);
  const config = found?.config;
  const image = found && { id: found.id, name: found.name, target: found.target, top: found.top };
  const id = newId();
  const named = withIds(context, request);
  const userNamespace =
    named.namespaces.user === "host" ? undefined : await userNamespaceOf(context, named, image, config);
  const asked = userNamespace?.request ?? named;
  const { mounts, volumes } = await resolveMounts(context, asked, config);
  const definition = definitionOf(asked, config, {
    image,
    hostname: hostnameIn(context, asked) ?? hostnameOf(asked, id, hostName()),
    mounts,
  });
  const fresh: ContainerRecord = {
    id,
    name: request.name ?? "",
    created: timestamp(),
    status: "creating",
    summary: summaryOf(asked, definition),
    request: asked,
    definition,
    run: neverRun,
    owner: thisProcess(),
  };
  const record = await insert(context, volumes, fresh, userNamespace);
  try {
    options.signal?.throwIfAborted();
    await makeFiles(context, record, volumes);
  } catch (error) {
    await finishRemoval(context, record, { volumes: true }).catch(() => {});
    throw error;
  }
  return { record, warnings };
}

async function userNamespaceOf(
  context: EngineContext,
  request: ContainerRequest,
  image: Definition["image"],
  config: ContainerConfig | undefined,
): Promise<ResolvedUserNamespace> {
  const [{ resolveUserNamespace }, snapshots] = await Promise.all([
    import("../user-namespace/resolve.ts"),
    context.snapshots(),
  ]);
  const layers = () => (request.rootfs === undefined ? snapshots.lowers(image?.top) : [request.rootfs]);
  return resolveUserNamespace(context, request, layers, config?.User ?? "");
}

/** Other containers by their IDs: names may be another's tomorrow. @throws {RuntError} NotFound */
function withIds(context: EngineContext, request: ContainerRequest): ContainerRequest {
  const { network, namespaces } = request;
  const byId = <T>(value: T): T =>
    typeof value === "object" && value !== null && "container" in value
      ? { ...value, container: findRecord(context, value.container as string, "create").id }
      : value;
  return {
    ...request,
    network: { ...network, mode: byId(network.mode) },
    namespaces: {
      ...namespaces,
      pid: byId(namespaces.pid),
      ipc: byId(namespaces.ipc),
      user: byId(namespaces.user),
    },
  };
}

/** Who shares another container's network is known there by the other's name. */
function hostnameIn(context: EngineContext, { network, namespaces }: ContainerRequest): string | undefined {
  if (typeof network.mode === "string" || !("container" in network.mode) || namespaces.uts === "host") {
    return undefined;
  }
  return findRecord(context, network.mode.container, "create").definition.hostname;
}

/** Takes name and volumes at once; from here on the next command knows what to take away again. */
async function insert(
  context: EngineContext,
  volumes: readonly WantedVolume[],
  record: ContainerRecord,
  userNamespace: ResolvedUserNamespace | undefined,
): Promise<ContainerRecord> {
  const { store } = context;
  for (let attempt = 0; ; attempt++) {
    let named = record.name === "" ? { ...record, name: inventName(attempt) } : record;
    try {
      store.transaction(() => {
        const idMaps = userNamespace?.take(record.id);
        if (idMaps)
          named = { ...named, definition: { ...named.definition, idMaps, owners: userNamespace?.owners } };
        store.containers.insert(named);
        for (const { record: volume } of volumes) {
          insertVolume(context, volume);
          store.volumes.use(volume.name, record.id);
        }
      });
      return named;
    } catch (error) {
      // Only another name helps against a name that is taken.
      if (!isConflict(error, "containers.name")) throw error;
      if (record.name === "") continue;
      const holder = store.containers.idOfName(record.name);
      const { finishAbandoned } = await import("../reconcile.ts");
      // Of somebody who has died over it, which nobody has seen yet.
      if (attempt === 0 && holder !== undefined && (await finishAbandoned(context, holder))) continue;
      throw nameTaken(record.name, holderOf(context, record.name), "create");
    }
  }
}

function holderOf(context: EngineContext, name: string): string {
  try {
    return findId(context, name, "create");
  } catch {
    return "that is just being removed";
  }
}

async function makeFiles(
  context: EngineContext,
  { id, request, definition }: ContainerRecord,
  volumes: readonly WantedVolume[],
): Promise<void> {
  const directory = context.layout.container(id);
  let layers: () => readonly string[];
  if (request.rootfs === undefined) {
    const snapshots = await context.snapshots();
    const top = definition.image?.top;
    const writable = snapshots.createWritable(top, { directory });
    layers = () => [writable.init, ...snapshots.lowers(top)];
    if (definition.owners === "stored") {
      const { copiedLayers, copyLayers } = await import("../user-namespace/copied-layers.ts");
      copyLayers(writable, layers(), definition.idMaps!);
      layers = () => [copiedLayers(writable)];
    }
  } else {
    const { rootfs } = request;
    mkdirSync(directory, { mode: 0o700 });
    layers = () => [rootfs];
  }
  for (const mount of definition.mounts) {
    if (mount.type !== "bind" || mount.missing !== "make") continue;
    (await import("../volume/sources.ts")).makeBindSource(mount, "create");
  }
  if (volumes.length === 0) return;
  const view = new MergedView(layers());
  const { copyUp } = await import("../volume/copy-up.ts");
  for (const { record, destination, copyUp: wanted } of volumes) {
    const data = makeDirectory(context, record.name);
    if (wanted) await copyUp(view, destination, dirname(data));
    if (definition.owners === "stored") {
      (await import("../user-namespace/copied-layers.ts")).giveToRoot(data, definition.idMaps!);
    }
  }
  for (const mount of definition.mounts) {
    if (mount.type === "volume" && mount.subpath !== undefined) checkSubpath(mount.source, mount.subpath);
  }
}

function checkSubpath(source: string, subpath: string): void {
  if (!join("/", subpath).startsWith("/..") && !subpath.split("/").includes("..")) return;
  throw new RuntError("InvalidArgument", `volume-subpath ${subpath} leads out of the volume`, {
    operation: "create",
    path: source,
  });
}
