/** From what people write for a container to the container. */
import { RuntError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import type { ContainerRecord } from "../record.ts";
import { noSuchContainer, refuse } from "./errors.ts";
import { observe } from "./observe.ts";

/**
 * The ID of the container that `text` means: an ID, else a name, with or without a slash, else the beginning of an ID.
 * @throws {RuntError} NotFound; InvalidArgument where many IDs begin so
 */
export function findId({ store: { containers } }: EngineContext, text: string, operation: string): string {
  const isHex = /^[0-9a-f]{1,64}$/.test(text);
  if (isHex && text.length === 64 && containers.get(text)) return text;
  const named = containers.idOfName(text.replace(/^\//, ""));
  if (named !== undefined) return named;
  const [first, second] = isHex ? containers.idsWithPrefix(text, 2) : [];
  if (first === undefined) throw noSuchContainer(text, operation);
  if (second !== undefined) {
    throw new RuntError("InvalidArgument", `multiple IDs found with provided prefix: ${text}`, { operation });
  }
  return first;
}

/** @throws {RuntError} as `findId` */
export function findRecord(context: EngineContext, text: string, operation: string): ContainerRecord {
  const record = context.store.containers.get(findId(context, text, operation));
  // One that is just being made is nobody's yet.
  if (!record || record.status === "creating") throw noSuchContainer(text, operation);
  return record;
}

/** @throws {RuntError} as `findId`; FailedPrecondition unless its program runs, paused or not */
export function findRunning(context: EngineContext, text: string, operation: string): ContainerRecord {
  const record = findRecord(context, text, operation);
  const { status } = observe(context, record);
  if (status === "running" || status === "paused") return record;
  throw refuse(operation, record.name, `container ${record.name} is not running`);
}
