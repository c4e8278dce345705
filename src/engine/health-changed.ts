/** What a monitor has run when its container gets healthy or unhealthy: there is an event of it. */
import { eventOf } from "./container/event.ts";
import type { EngineContext } from "./context.ts";
import { readHealth } from "./monitor/records.ts";

/** @param id of the container, which may be gone by now */
export function healthChanged({ layout, store }: EngineContext, id: string): void {
  const health = readHealth(layout.container(id));
  const record = store.containers.get(id);
  // Another run of it may have begun.
  if (health && health.status !== "starting" && record)
    store.events.append(eventOf(record, `health_status: ${health.status}`));
}
