/** What an event says of a container. */
import type { ListedRecord } from "../store/containers.ts";
import type { EngineEvent } from "../store/events.ts";

export function eventOf(
  { id, name, summary }: Pick<ListedRecord, "id" | "name" | "summary">,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): Omit<EngineEvent, "seq" | "time"> {
  const { labels, image } = summary;
  return {
    type: "container",
    action,
    actor: id,
    attributes: { ...labels, image, name, ...attributes },
  };
}
