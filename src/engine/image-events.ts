/** What happens to images goes into the table of events, whoever does it: a verb of theirs, or `run` that pulls one. */
import { join } from "node:path";
import { messageOf } from "../errors.ts";
import type { ImageEvent, OnImageEvent } from "../image/event.ts";
import type { EngineContext } from "./context.ts";
import type { EngineStore } from "./store/store.ts";

/** For images that are worked on with an engine. */
export function imageEvents(store: EngineStore, log: EngineContext["log"]): OnImageEvent {
  return (event) => note(() => store, event, log);
}

/** For images that are worked on without one: the database is opened when there is something to say. */
export function imageEventsOf(root: string, log: EngineContext["log"]): OnImageEvent {
  let store: EngineStore | undefined;
  return async (event) => {
    const { EngineStore: Store } = await import("./store/store.ts");
    note(() => (store ??= Store.open(join(root, "engine.db"))), event, log);
  };
}

/** What was done to the image counts, also where the disk is full or the root is read-only. */
function note(
  open: () => EngineStore,
  { action, actor, name, labels }: ImageEvent,
  log: EngineContext["log"],
): void {
  try {
    open().events.append({ type: "image", action, actor, attributes: { ...labels, name } });
  } catch (error) {
    log("debug", `no event for ${action} of ${name}: ${messageOf(error)}`);
  }
}
