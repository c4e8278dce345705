/** `run`: create and start. */
import type { EngineContext } from "../context.ts";
import type { ContainerRequest } from "../request.ts";
import { type CreateOptions, createContainer } from "./create.ts";
import { removeContainer } from "./rm.ts";
import { type Started, type StartOptions, startContainer } from "./start.ts";

export type RunOptions = CreateOptions & StartOptions;

export interface RunningContainer extends Started {
  readonly warnings: readonly string[];
}

/** @throws {RuntError} as `create` and `start`; the container stays, unless it was to be removed in the end */
export async function runContainer(
  context: EngineContext,
  request: ContainerRequest,
  options: RunOptions = {},
): Promise<RunningContainer> {
  const { id, warnings } = await createContainer(context, request, options);
  try {
    const { attach, attend, waiting, signal } = options;
    return Object.assign(await startContainer(context, id, { attach, attend, waiting, signal }), {
      warnings,
    });
  } catch (error) {
    if (request.autoRemove)
      await removeContainer(context, id, { force: true, volumes: true }).catch(() => {});
    throw error;
  }
}
