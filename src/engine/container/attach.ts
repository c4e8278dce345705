/** `attach`: the streams of a container that runs, beside whoever else has them. */
import type { EngineContext } from "../context.ts";
import type { Attachment, AttachOptions } from "../monitor/attachment.ts";
import { MonitorClient } from "../monitor/client.ts";
import type { ContainerRecord } from "../record.ts";
import { refuse } from "./errors.ts";
import { eventOf } from "./event.ts";
import { findRecord } from "./find.ts";
import { observe } from "./observe.ts";

/** Disposed of, it is left; the container goes on. */
export interface Attached extends Disposable {
  readonly record: ContainerRecord;
  readonly attachment: Attachment;
  /** Size of the terminal in characters. @throws {SystemError} ENOTTY where there is none */
  resize(rows: number, columns: number): Promise<void>;
}

/** @throws {RuntError} FailedPrecondition unless it runs and is not paused */
export async function attachContainer(
  context: EngineContext,
  text: string,
  options: AttachOptions,
): Promise<Attached> {
  const record = findRecord(context, text, "attach");
  const { status } = observe(context, record);
  if (status === "paused") {
    throw refuse("attach", record.name, "cannot attach to a paused container, unpause it first");
  }
  if (status === "restarting") {
    throw refuse("attach", record.name, "cannot attach to a restarting container, wait until it is running");
  }
  if (status !== "running") {
    throw refuse("attach", record.name, "cannot attach to a stopped container, start it first");
  }
  const client = await MonitorClient.connect(context.layout.container(record.id));
  try {
    const attachment = await client.attach(options);
    context.store.events.append(eventOf(record, "attach"));
    return {
      record,
      attachment,
      resize: (rows, columns) => client.resize(rows, columns),
      [Symbol.dispose]: () => client[Symbol.dispose](),
    };
  } catch (error) {
    client[Symbol.dispose]();
    throw error;
  }
}
