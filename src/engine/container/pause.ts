/** `pause` and `unpause`: the cgroup's freezer. */
import type { EngineContext } from "../context.ts";
import { ociRuntime } from "../oci/oci.ts";
import { settle } from "../settle.ts";
import { refuse } from "./errors.ts";
import { eventOf } from "./event.ts";
import { lockContainer } from "./lock.ts";

/** @throws {RuntError} FailedPrecondition unless it runs */
export async function pauseContainer(context: EngineContext, text: string): Promise<void> {
  using lock = await lockContainer(context, text, "pause");
  const record = await settle(context, lock.record, "another");
  const { id, name, status } = record;
  if (status === "paused") throw refuse("pause", name, `container ${name} is already paused`);
  if (status !== "running") throw refuse("pause", name, `container ${name} is not running`);
  await (await ociRuntime(context, record)).pause();
  context.store.transaction(() => {
    context.store.containers.update(id, { status: "paused" });
    context.store.events.append(eventOf(record, "pause"));
  });
}

/** @throws {RuntError} FailedPrecondition unless it is paused */
export async function unpauseContainer(context: EngineContext, text: string): Promise<void> {
  using lock = await lockContainer(context, text, "unpause");
  const record = await settle(context, lock.record, "another");
  const { id, name, status } = record;
  if (status !== "paused") throw refuse("unpause", name, `container ${name} is not paused`);
  await (await ociRuntime(context, record)).resume();
  context.store.transaction(() => {
    context.store.containers.update(id, { status: "running" });
    context.store.events.append(eventOf(record, "unpause"));
  });
}
