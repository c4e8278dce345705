/**
 * The OCI runtime's verbs, for the command line and for whoever builds on them.
 *
 * A command needs one of them and lives for some milliseconds, so each brings its own parts along when it is
 * called; only the ones that answer at once are loaded with this file.
 */
import type { RuntimeVerbs } from "./api.ts";
import { containerState, listContainers, listProcesses } from "./container/list.ts";

export type * from "./api.ts";

/** Makes a container and leaves: its init belongs to whoever reaps our orphans. */
export const create: RuntimeVerbs["create"] = async (context, id, options) => {
  const [{ createContainer }, { abortOnTermination }] = await Promise.all([
    import("./container/create.ts"),
    import("./container/foreground.ts"),
  ]);
  using termination = abortOnTermination("create");
  const mode = {
    operation: "create",
    stay: "untilReady",
    dieWithRuntime: false,
    waiting: "blocking",
  } as const;
  const { launched } = await createContainer(context, id, options, mode, termination.signal);
  await launched.left();
};

export const start: RuntimeVerbs["start"] = async (context, id) => {
  const { startContainer, waitBlocking } = await import("./container/start.ts");
  await startContainer(context, id, waitBlocking);
};

export const run: RuntimeVerbs["run"] = async (...args) =>
  (await import("./container/run.ts")).runContainer(...args);

export const exec: RuntimeVerbs["exec"] = async (...args) =>
  (await import("./container/exec.ts")).execInContainer(...args);

export const state: RuntimeVerbs["state"] = containerState;
export const list: RuntimeVerbs["list"] = listContainers;
export const ps: RuntimeVerbs["ps"] = listProcesses;

export const kill: RuntimeVerbs["kill"] = async (...args) =>
  (await import("./container/kill.ts")).killContainer(...args);

export const deleteContainer: RuntimeVerbs["deleteContainer"] = async (...args) =>
  (await import("./container/delete.ts")).deleteContainer(...args);

export const pause: RuntimeVerbs["pause"] = async (...args) =>
  (await import("./container/pause.ts")).pauseContainer(...args);

export const resume: RuntimeVerbs["resume"] = async (...args) =>
  (await import("./container/pause.ts")).resumeContainer(...args);

export const update: RuntimeVerbs["update"] = async (...args) =>
  (await import("./container/update.ts")).updateContainer(...args);

export const events: RuntimeVerbs["events"] = async function* (...args) {
  yield* (await import("./container/events.ts")).containerEvents(...args);
};

export const stats: RuntimeVerbs["stats"] = async (...args) =>
  (await import("./container/events.ts")).containerStats(...args);

/** The plan for a bundle, and how it reads. Nothing is done. @throws {RuntError} as create would */
export const planBundle = async (...args: Parameters<typeof import("./plan/print.ts").planBundle>) =>
  (await import("./plan/print.ts")).planBundle(...args);

export const formatPlan = async (...args: Parameters<typeof import("./plan/print.ts").formatPlan>) =>
  (await import("./plan/print.ts")).formatPlan(...args);
