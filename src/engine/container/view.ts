/**
 * A container's root file system as an open directory, whether it runs or not: what `cp` and `export` read and write.
 *
 * One that runs has it in its own mount namespace. For one that does not, layers and volumes are mounted in a namespace
 * that is made for it: nothing shows on the host, and all of it goes when we do, even if we are killed.
 */
import { constants, existsSync, openSync } from "node:fs";
import { constants as os } from "node:os";
import type { SnapshotMount } from "../../image/snapshot/overlay.ts";
import { Fd } from "../../linux/fd.ts";
import { O_PATH } from "../../linux/openat2.ts";
import { isAlive } from "../../linux/process.ts";
import { SystemError } from "../../linux/system-error.ts";
import { openView as openStopped } from "../../runtime/container/view.ts";
import type { EngineContext } from "../context.ts";
import type { ContainerRecord, ProcessId } from "../record.ts";
import { settle } from "../settle.ts";
import { mountsOf } from "../spec/mounts.ts";
import { volumePart } from "../volume/sources.ts";
import { refuse } from "./errors.ts";
import { rootOf } from "./facts.ts";
import { findRecord } from "./find.ts";
import { IdMap } from "./id-map.ts";
import { lockContainer } from "./lock.ts";
import { isOurs } from "./observe.ts";

export interface RootView extends AsyncDisposable {
  readonly record: ContainerRecord;
  /** The root directory. Whoever looks further from here does so with RESOLVE_IN_ROOT. */
  readonly root: Fd;
  /** Owners as the container counts them, and as we see them at `root`. */
  readonly ids: IdMap;
}

/**
 * Opens what the container sees, its volumes too. Unless it runs nobody else can start or change it meanwhile.
 * @throws {RuntError} NotFound
 */
export async function openView(context: EngineContext, text: string, operation: string): Promise<RootView> {
  const early = findRecord(context, text, operation);
  const running = viewOfRunning(early);
  if (running) return running;
  await using stack = new AsyncDisposableStack();
  const lock = stack.use(await lockContainer(context, early.id, operation));
  const record = await settle(context, lock.record, "another");
  // Started, or restarted, while we waited.
  const now = viewOfRunning(record);
  if (now) return now;
  if (record.status === "removing") throw refuse(operation, record.name, "container is marked for removal");
  const root = await rootOf(context, record, "to look at");
  const { request, definition } = record;
  const places = definition.mounts.filter(
    (mount) => mount.type === "volume" || (mount.type === "bind" && existsSync(mount.source)),
  );
  for (const mount of places) if (mount.type === "volume") volumePart(mount);
  const volumes = mountsOf(request, places, {
    root: [],
    files: [],
    sharedMemory: undefined,
    hostSys: false,
    volumes: new Map(),
    images: new Map(),
  }).filter(({ destination }) => places.some((mount) => mount.destination === destination));
  const view = stack.use(
    await openStopped({
      operation,
      rootfs: root.path,
      readonly: request.readonlyRootfs,
      mounts: [...root.mounts, ...volumes],
    }),
  );
  return { record, root: view.root, ids: storedIds(record), [Symbol.asyncDispose]: disposal(stack.move()) };
}

/** What is on disk is numbered as in the container, mostly. */
function storedIds({ definition }: ContainerRecord): IdMap {
  return definition.owners === "stored" ? IdMap.of(definition.idMaps) : IdMap.same;
}

/**
 * Opens image and writable layer as one, without volumes or anything else that is mounted, and read-only.
 * @throws {RuntError} NotFound
 */
export async function openLayers(context: EngineContext, text: string, operation: string): Promise<RootView> {
  const record = findRecord(context, text, operation);
  await using stack = new AsyncDisposableStack();
  const mounts = await readOnlyLayers(context, record);
  const path = record.request.rootfs ?? context.layout.rootfs;
  const view = stack.use(await openStopped({ operation, rootfs: path, readonly: true, mounts }));
  return { record, root: view.root, ids: storedIds(record), [Symbol.asyncDispose]: disposal(stack.move()) };
}

async function readOnlyLayers(context: EngineContext, record: ContainerRecord): Promise<SnapshotMount[]> {
  if (record.request.rootfs !== undefined) return [];
  const snapshots = await context.snapshots();
  const writable = snapshots.writable({ directory: context.layout.container(record.id) });
  if (record.definition.owners === "stored") {
    return (await import("../user-namespace/copied-layers.ts")).copiedMounts(writable, "ro");
  }
  return snapshots.mounts(record.definition.image?.top, { writable, access: "ro" });
}

/** Undefined unless its program runs. */
function viewOfRunning(record: ContainerRecord): RootView | undefined {
  const { run, status } = record;
  const { init } = run;
  if ((status !== "running" && status !== "paused") || !init || !isOurs(run, init)) return undefined;
  let root: Fd;
  let ids: IdMap;
  try {
    root = openRoot(init);
    ids = IdMap.ofProcess(init.pid);
  } catch {
    return undefined; // it has just ended
  }
  const dispose = async () => root[Symbol.dispose]();
  return { record, root, ids, [Symbol.asyncDispose]: dispose };
}

/** The root directory of a process, for its owner. @throws {SystemError} where it has ended */
export function openRoot({ pid, startTime }: ProcessId): Fd {
  const root = openDirectory(`/proc/${pid}/root`);
  // Only now it is certain whose directory that is.
  if (isAlive(pid, startTime)) return root;
  root[Symbol.dispose]();
  throw new SystemError("open", os.errno.ESRCH, { path: `/proc/${pid}/root` });
}

function openDirectory(path: string): Fd {
  return new Fd(openSync(path, constants.O_DIRECTORY | O_PATH));
}

function disposal(stack: AsyncDisposableStack): () => Promise<void> {
  return () => stack.disposeAsync();
}
