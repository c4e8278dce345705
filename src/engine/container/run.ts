/** `run`: create and start. */
import { flock } from "../../linux/flock.ts";
import type { EngineContext } from "../context.ts";
import { noRestarts } from "../monitor/restart-policy.ts";
import type { ContainerRequest } from "../request.ts";
import { type CreatedContainer, type CreateOptions, makeContainer, recordCreated } from "./create.ts";
import { finishRemoval } from "./removal.ts";
import { removeContainer } from "./rm.ts";
import { type Started, type StartOptions, startLocked } from "./start.ts";

export interface RunOptions extends CreateOptions, StartOptions {
  /** Called when it is made, before it runs. */
  readonly onCreated?: ((created: CreatedContainer) => void) | undefined;
  /**
   * Whether somebody may look for the container from `onCreated` on. Otherwise one that goes with its end is seen when it
   * runs: until then it is taken away should this process die.
   */
  readonly visible?: boolean | undefined;
}

export interface RunningContainer extends Started {
  readonly warnings: readonly string[];
}

/** @throws {RuntError} as `create` and `start`; the container stays, unless it was to be removed in the end */
export async function runContainer(
  context: EngineContext,
  request: ContainerRequest,
  options: RunOptions = {},
): Promise<RunningContainer> {
  const { warnings, ...made } = await makeContainer(context, request, options);
  const { id, name } = made.record;
  try {
    // Before anybody can find it: whoever does waits until it runs.
    using _lock = await flock(context.layout.container(id), options.signal);
    const isSeen = options.visible || !request.autoRemove;
    const record = isSeen ? recordCreated(context, made.record) : made.record;
    options.onCreated?.({ id, name, warnings });
    const started = await startLocked(context, record, { ...options, restarts: noRestarts });
    return Object.assign(started, { warnings });
  } catch (error) {
    await removeFailed(context, id, request).catch(() => {});
    throw error;
  }
}

async function removeFailed(
  context: EngineContext,
  id: string,
  { autoRemove }: ContainerRequest,
): Promise<void> {
  const record = context.store.containers.get(id);
  // Not even its start has begun, and nobody has seen it.
  if (record?.status === "creating") await finishRemoval(context, record, { volumes: true });
  else if (autoRemove) await removeContainer(context, id, { force: true, volumes: true });
}
