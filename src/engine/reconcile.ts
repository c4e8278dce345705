/**
 * Repairs what a crash has left, whatever died and when: this process, a monitor, a container, the machine. What is
 * written down is compared with what the kernel has; to find nothing wrong costs a look at one file per container that runs.
 */
import { constants, existsSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../errors.ts";
import { Fd } from "../linux/fd.ts";
import { flock, tryLock } from "../linux/flock.ts";
import { isAlive } from "../linux/process.ts";
import { hasCode } from "../linux/system-error.ts";
import { lockContainer, tryLockContainer } from "./container/lock.ts";
import { isOurs, lacksProxy, type Observed, observe } from "./container/observe.ts";
import { finishRemoval } from "./container/removal.ts";
import type { EngineContext } from "./context.ts";
import { isResponderMissing } from "./network/responder.ts";
import { ociRuntime } from "./oci/oci.ts";
import type { ContainerRecord } from "./record.ts";
import { settle } from "./settle.ts";
import type { ListedRecord } from "./store/containers.ts";

/** A container, and what it was found to do. */
export interface FoundContainer {
  readonly record: ListedRecord;
  readonly observed: Observed;
}

/**
 * Puts right what is wrong. What somebody else is busy with is left to him.
 * @returns all containers as they are then, oldest first
 */
export async function reconcile(context: EngineContext): Promise<FoundContainer[]> {
  const found = look(context);
  const present = presentIn(context);
  const isMute = found.some(wantsNames) && isResponderMissing({ root: context.layout.network });
  let repaired = false;
  for (const { record, observed } of found) {
    const repair = repairFor(context, record, observed, present, isMute);
    if (!repair) continue;
    repaired = true;
    try {
      await repair();
    } catch (error) {
      // Gone by now; or it cannot be put right, which must not keep others from being looked at.
      if (error instanceof RuntError && error.kind === "NotFound") continue;
      context.log("warning", `container ${record.name}: cannot be put right: ${(error as Error).message}`);
    }
  }
  return repaired ? look(context) : found;
}

function look(context: EngineContext): FoundContainer[] {
  return context.store.containers.list().map((record) => ({ record, observed: observe(context, record) }));
}

function wantsNames({ record: { status, run }, observed }: FoundContainer): boolean {
  return (status === "running" || status === "paused") && !observed.stale && run.network?.hasNames === true;
}

/** The same, and networks of containers that are gone: asks the kernel for all its links and rules. */
export async function reconcileAll(context: EngineContext): Promise<void> {
  await reconcile(context);
  const driver = await context.network();
  const get = (id: string) => context.store.containers.get(id);
  await driver.reconcile(
    (id) => get(id) !== undefined,
    (id) => {
      const run = get(id)?.run;
      return run !== undefined && isOurs(run, run.init);
    },
  );
}

/** IDs of what the OCI runtime knows, and of what has something of a network. */
function presentIn({ layout }: EngineContext): ReadonlySet<string> {
  const networked = namesIn(join(layout.network, "containers")).map((name) => name.replace(/\.json$/, ""));
  return new Set([...namesIn(layout.runRoot), ...networked]);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

function repairFor(
  context: EngineContext,
  record: ListedRecord,
  observed: Observed,
  present: ReadonlySet<string>,
  isMute: boolean,
): (() => Promise<void>) | undefined {
  const { id, status, owner } = record;
  switch (status) {
    case "creating":
    case "removing":
      return isAbandoned({ status, owner }) ? () => finishOther(context, id) : undefined;
    case "running":
    case "paused":
      if (observed.stale) return () => settleOther(context, id);
      if (lacksProxy(record) || (isMute && wantsNames({ record, observed }))) {
        return () => reviveServers(context, id);
      }
      return undefined;
    case "created":
    case "exited":
      return present.has(id) ? () => clearOther(context, id) : undefined;
  }
}

/** Whether who made it or removed it has died over it. */
function isAbandoned(record: Pick<ListedRecord, "status" | "owner"> | undefined): boolean {
  if (record?.status !== "creating" && record?.status !== "removing") return false;
  return !record.owner || !isAlive(record.owner.pid, record.owner.startTime);
}

/** A create or a removal that was stopped halfway. */
async function finishOther(context: EngineContext, id: string): Promise<void> {
  const directory = context.layout.container(id);
  using _lock = existsSync(directory) ? await flock(directory) : undefined;
  await finishIfAbandoned(context, id);
}

/** The same for who must not wait: where somebody has its lock he does it. @returns whether it was one */
export async function finishAbandoned(context: EngineContext, id: string): Promise<boolean> {
  const directory = context.layout.container(id);
  using lock = existsSync(directory) ? new Fd(openSync(directory, constants.O_RDONLY)) : undefined;
  if (lock && !tryLock(lock.n, directory)) return false;
  return await finishIfAbandoned(context, id);
}

async function finishIfAbandoned(context: EngineContext, id: string): Promise<boolean> {
  const record = context.store.containers.get(id);
  if (!record || !isAbandoned(record)) return false;
  context.log("debug", `container ${record.name}: finishing what was stopped halfway: ${record.status}`);
  await finishRemoval(context, record, {
    volumes: record.status === "creating" || record.request.autoRemove,
  });
  return true;
}

async function settleOther(context: EngineContext, id: string): Promise<void> {
  using lock = await lockContainer(context, id, "reconcile");
  await settle(context, lock.record, "another");
}

/** Starts again what serves it beside the kernel, and was killed. What somebody else is busy with is left to who looks next. */
export async function reviveServers(context: EngineContext, id: string): Promise<void> {
  using lock = tryLockContainer(context, id);
  const run = lock?.record.run;
  if (!run || !isOurs(run, run.init)) return;
  const network = await (await context.network()).revive(lock.record);
  context.store.containers.update(id, { run: { ...run, network } });
}

/** A start that was stopped halfway, or a container whose cgroup, state and network nobody took away. */
async function clearOther(context: EngineContext, id: string): Promise<void> {
  using lock = await lockContainer(context, id, "reconcile");
  const { status } = lock.record;
  // Somebody may just have been starting it: now that we have the lock he has not.
  if (status === "created" || status === "exited") await clear(context, lock.record);
}

async function clear(context: EngineContext, record: ContainerRecord): Promise<void> {
  if (existsSync(join(context.layout.runRoot, record.id))) await (await ociRuntime(context, record)).delete();
  await (await context.network()).teardown(record);
}

/**
 * Puts those right that nobody is busy with, for who has a container's lock already.
 * @returns whether one of them was not what it seemed to be
 */
export async function settleDead(context: EngineContext, ids: readonly string[]): Promise<boolean> {
  let found = false;
  for (const id of ids) {
    using lock = tryLockContainer(context, id);
    if (!lock) {
      if (await finishAbandoned(context, id)) found = true;
      continue;
    }
    const { status } = lock.record;
    if (status === "running" || status === "paused") {
      const settled = await settle(context, lock.record, "another");
      if (settled.status === status) continue;
    } else await clear(context, lock.record);
    found = true;
  }
  return found;
}
