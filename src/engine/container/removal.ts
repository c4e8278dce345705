/** The removal of a container that does not run, and what is left of one that was stopped halfway. */
import { existsSync, readdirSync, renameSync, rmdirSync, rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { deleteTree, refuseMounts } from "../../image/snapshot/aside.ts";
import { dropUse } from "../../image/snapshot/uses.ts";
import { ownStartTime } from "../../linux/process.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { EngineContext } from "../context.ts";
import { ociRuntime } from "../oci/oci.ts";
import type { ContainerRecord } from "../record.ts";
import { emptyTrash, removeUnusedAnonymous } from "../volume/volume.ts";
import { eventOf } from "./event.ts";
import { shortId } from "./names.ts";

/**
 * The caller has the lock, and knows that it does not run.
 * The row goes last: until then the next command knows that there is something to be finished.
 */
export async function removeLocked(
  context: EngineContext,
  record: ContainerRecord,
  options: { readonly volumes?: boolean | undefined },
): Promise<void> {
  const { id } = record;
  context.store.containers.update(id, { status: "removing", owner: thisProcess() });
  await finishRemoval(context, record, options);
}

/** As the owner of a container. */
export function thisProcess(): { readonly pid: number; readonly startTime: number } {
  return { pid: process.pid, startTime: ownStartTime() };
}

export interface RemovalOptions {
  /** Its anonymous volumes too. */
  readonly volumes?: boolean | undefined;
  /** Whether the kernel has nothing of it any more, and its network is taken apart. */
  readonly isApart?: boolean | undefined;
}

/** What is left of a removal, from wherever it was stopped. */
export async function finishRemoval(
  context: EngineContext,
  record: ContainerRecord,
  { volumes = false, isApart = false }: RemovalOptions,
): Promise<void> {
  const { id } = record;
  const { store, layout } = context;
  if (!isApart) {
    if (existsSync(join(layout.runRoot, id))) await (await ociRuntime(context, record)).delete();
    await (await context.network()).teardown(record);
  }
  if (record.request.namespaces.ipc === "shareable") await deleteTree(layout.sharedMemory(id));
  await removeDirectory(context, record);
  const snapshots = await context.snapshots();
  dropUse(snapshots.layout.uses, layout.container(id));
  let hadVolumes = false;
  store.transaction(() => {
    if (record.definition.mounts.some(({ type }) => type === "volume")) {
      const names = store.volumes.usedBy(id);
      hadVolumes = names.length > 0;
      store.volumes.dropUses(id);
      if (volumes) removeUnusedAnonymous(context, names);
    }
    if (record.definition.idMaps) store.idRanges.drop(id);
    store.containers.delete(id);
    if (record.status !== "creating") store.events.append(eventOf(record, "destroy"));
  });
  if (hadVolumes && volumes) await emptyTrash(context);
}

/** Aside first: half of a container's files is no container. */
async function removeDirectory(
  { layout }: EngineContext,
  { id, request, definition }: ContainerRecord,
): Promise<void> {
  const aside = join(layout.containers, `.removed-${shortId(id)}`);
  try {
    renameSync(layout.container(id), aside);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
  refuseMounts(aside);
  try {
    // Most have written nothing, and then this is quickest.
    const hasLayer = request.rootfs === undefined && definition.owners === undefined;
    if (hasLayer && isEmpty(join(aside, "upper"))) rmSync(aside, { recursive: true });
    else removeSmall(aside, { left: fewFiles });
  } catch {
    await deleteTree(aside);
  }
}

function isEmpty(directory: string): boolean {
  return readdirSync(directory).length === 0;
}

const fewFiles = 200;

/** What takes less than to ask a thread for it. @throws where there is more, or something in the way */
function removeSmall(path: string, budget: { left: number }): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (budget.left-- === 0) throw new RangeError("too many files");
    const inner = join(path, entry.name);
    if (entry.isDirectory()) removeSmall(inner, budget);
    else unlinkSync(inner);
  }
  rmdirSync(path);
}
