/** One command at a time changes a container: it has the flock of the container's directory, until it ends. */
import { constants, existsSync, openSync } from "node:fs";
import type { Abort } from "../../linux/abort.ts";
import { Fd } from "../../linux/fd.ts";
import { flock, tryLock } from "../../linux/flock.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { EngineContext } from "../context.ts";
import type { ContainerRecord } from "../record.ts";
import { noSuchContainer } from "./errors.ts";
import { findId } from "./find.ts";

/** A container that nobody else changes. */
export interface Locked extends Disposable {
  /** As it was when the lock was taken. */
  readonly record: ContainerRecord;
}

/**
 * Waits for the lock of the container that `text` means.
 * @throws {RuntError} NotFound, also where it is removed meanwhile; the signal's reason
 */
export async function lockContainer(
  context: EngineContext,
  text: string,
  operation: string,
  signal?: Abort,
): Promise<Locked> {
  // A full ID stands before all names, and its row is read once we have the lock.
  const isId = fullId.test(text) && existsSync(context.layout.container(text));
  const id = isId ? text : findId(context, text, operation);
  let lock: Fd;
  try {
    lock = await flock(context.layout.container(id), signal);
  } catch (error) {
    if (hasCode(error, "ENOENT")) throw noSuchContainer(text, operation);
    throw error;
  }
  const locked = recordWith(context, id, lock);
  if (!locked) throw noSuchContainer(text, operation);
  return locked;
}

const fullId = /^[0-9a-f]{64}$/;

/** The same for who must not wait, as he has another container's lock; undefined where somebody has it, or it is gone. */
export function tryLockContainer(context: EngineContext, id: string): Locked | undefined {
  const directory = context.layout.container(id);
  let lock: Fd;
  try {
    lock = new Fd(openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
  if (tryLock(lock.n, directory)) return recordWith(context, id, lock);
  lock[Symbol.dispose]();
  return undefined;
}

function recordWith(context: EngineContext, id: string, lock: Fd): Locked | undefined {
  using owned = new DisposableStack();
  owned.use(lock);
  const record = context.store.containers.get(id);
  if (!record || record.status === "creating") return undefined;
  const kept = owned.move();
  return { record, [Symbol.dispose]: () => kept.dispose() };
}
