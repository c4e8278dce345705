/** What a monitor has run when its container gets healthy or unhealthy: there is an event of it. */
import { eventOf } from "./container/event.ts";
import type { EngineContext } from "./context.ts";

/** What it got: the monitor's last word, since a record may tell of the next change already. */
export type HealthChange = "healthy" | "unhealthy";

/** @param id of the container, which may be gone by now */
export function healthChanged({ store }: EngineContext, id: string, status: HealthChange): void {
  const record = store.containers.get(id);
  if (record) store.events.append(eventOf(record, `health_status: ${status}`));
}
