/** The OCI runtime's verbs, for the command line and for whoever builds on them. */
import type { CreateOptions, RuntimeContext, RuntimeVerbs } from "./api.ts";
import { createContainer } from "./container/create.ts";
import { deleteContainer } from "./container/delete.ts";
import { containerEvents, containerStats } from "./container/events.ts";
import { execInContainer } from "./container/exec.ts";
import { abortOnTermination } from "./container/foreground.ts";
import { killContainer } from "./container/kill.ts";
import { containerState, listContainers, listProcesses } from "./container/list.ts";
import { pauseContainer, resumeContainer } from "./container/pause.ts";
import { runContainer } from "./container/run.ts";
import { startContainer, waitBlocking } from "./container/start.ts";
import { updateContainer } from "./container/update.ts";

export type * from "./api.ts";
export { formatPlan, planBundle } from "./plan/print.ts";
export { deleteContainer };

/** Makes a container and leaves: its init belongs to whoever reaps our orphans. */
export async function create(context: RuntimeContext, id: string, options: CreateOptions): Promise<void> {
  using termination = abortOnTermination("create");
  const mode = {
    operation: "create",
    stay: "untilReady",
    dieWithRuntime: false,
    waiting: "blocking",
  } as const;
  const { launched } = await createContainer(context, id, options, mode, termination.signal);
  await launched.left();
}

export const start: RuntimeVerbs["start"] = (context, id) => startContainer(context, id, waitBlocking);
export const run: RuntimeVerbs["run"] = runContainer;
export const exec: RuntimeVerbs["exec"] = execInContainer;
export const state: RuntimeVerbs["state"] = containerState;
export const list: RuntimeVerbs["list"] = listContainers;
export const kill: RuntimeVerbs["kill"] = killContainer;
export const ps: RuntimeVerbs["ps"] = listProcesses;
export const pause: RuntimeVerbs["pause"] = pauseContainer;
export const resume: RuntimeVerbs["resume"] = resumeContainer;
export const update: RuntimeVerbs["update"] = updateContainer;
export const events: RuntimeVerbs["events"] = containerEvents;
export const stats: RuntimeVerbs["stats"] = containerStats;
