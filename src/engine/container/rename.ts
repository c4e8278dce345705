/** `rename`: another name; it may run. */
import type { EngineContext } from "../context.ts";
import { isConflict } from "../store/database.ts";
import { nameTaken, refuse } from "./errors.ts";
import { eventOf } from "./event.ts";
import { lockContainer } from "./lock.ts";
import { checkName } from "./names.ts";

/** @throws {RuntError} AlreadyExists, FailedPrecondition for the name that it has, InvalidArgument, NotFound */
export async function renameContainer(context: EngineContext, text: string, name: string): Promise<void> {
  const wanted = name.replace(/^\//, "");
  checkName(wanted, "rename");
  using lock = await lockContainer(context, text, "rename");
  const { id, name: oldName } = lock.record;
  if (oldName === wanted) {
    throw refuse("rename", oldName, `renaming a container with the same name as its current name: ${wanted}`);
  }
  const { store } = context;
  try {
    store.transaction(() => {
      store.containers.update(id, { name: wanted });
      store.events.append(eventOf({ ...lock.record, name: wanted }, "rename", { oldName }));
    });
  } catch (error) {
    if (!isConflict(error, "containers.name")) throw error;
    throw nameTaken(wanted, store.containers.idOfName(wanted) ?? "that is gone by now", "rename");
  }
  const renamed = { ...lock.record, name: wanted };
  const { status } = renamed;
  if (status === "running" || status === "paused") await (await context.network()).rename(renamed);
}
