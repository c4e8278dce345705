/** The OCI runtime of a container, as the engine uses it: ours, in this process, or another's program. */
import type { Abort } from "../../linux/abort.ts";
import type { Waiting } from "../../runtime/create/conversation.ts";
import type { IdleShim } from "../../runtime/create/shim.ts";
import type { Config } from "../../spec/runtime/config.ts";
import type { LinuxResources } from "../../spec/runtime/resources.ts";
import type { EngineContext } from "../context.ts";
import type { MonitorSettings } from "../monitor/create.ts";
import type { ContainerRecord, ProcessId } from "../record.ts";

export interface OciCreateOptions {
  /** config.json as a value; its first mount is that of the root file system. */
  readonly config: Record<string, unknown>;
  /** What our own runtime would make of it, where that is known; see spec/usual.ts. */
  readonly complete?: Config | undefined;
  readonly monitor: MonitorSettings;
  readonly waiting: Waiting;
  /** Started already; for our own runtime. It stays the caller's. */
  readonly shim: IdleShim | undefined;
  /** See `CreateMode`; for our own runtime. */
  readonly meanwhile?: (() => Promise<void>) | undefined;
  readonly signal: Abort | undefined;
}

/** What is kept of a container is in `<runRoot>/<id>/`: where that is not there, it is nobody's any more. */
export interface OciRuntime {
  /** With a monitor; its program does not run yet. @returns init @throws {RuntError} with nothing left behind */
  create(options: OciCreateOptions): Promise<ProcessId>;
  /** @throws {RuntError} why the program cannot run */
  start(waiting: Waiting): Promise<void>;
  /** @throws {RuntError} FailedPrecondition where it does not run */
  kill(signal: number): Promise<void>;
  /** Kills it if need be; content where there is nothing. */
  delete(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** What is left out stays as it is. */
  update(resources: LinuxResources): Promise<void>;
}

/** Of that container. Another one's is loaded when there is one. */
export async function ociRuntime(
  context: EngineContext,
  { id, request }: Pick<ContainerRecord, "id" | "request">,
): Promise<OciRuntime> {
  if (request.runtime === undefined) return (await import("./own.ts")).ownRuntime(context, id);
  const { foreignRuntime } = await import("./foreign.ts");
  return foreignRuntime(context, id, {
    program: request.runtime,
    tty: request.tty,
    ownRoot: request.rootfs === undefined,
  });
}
