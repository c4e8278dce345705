/** `state` and `list`: what containers there are, and what they do. @see runtime-spec 1.3 runtime.md#query-state */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { messageOf, RuntError } from "../../errors.ts";
import { readProcessStat } from "../../linux/process.ts";
import type { ContainerState, ListedContainer, RuntimeContext } from "../api.ts";
import { driverOf, requireCgroup } from "../cgroup/driver.ts";
import { listIds } from "./state-store.ts";
import { describeContainer, findContainer } from "./status.ts";

/** @throws {RuntError} NotFound */
export function containerState(context: RuntimeContext, id: string): ContainerState {
  return describeContainer(findContainer(context.root, id, "state"));
}

/** One that another command is just removing is left out; one that cannot be read is a warning. */
export function listContainers(context: RuntimeContext): ListedContainer[] {
  return listIds(context.root).flatMap((id) => {
    if (!existsSync(join(context.root, id, "state.json"))) return [];
    try {
      return [containerState(context, id)];
    } catch (error) {
      if (!(error instanceof RuntError && error.kind === "NotFound"))
        context.log("warning", messageOf(error));
      return [];
    }
  });
}

/** Pids of all its processes, as the host counts them. @throws {RuntError} NotFound */
export function listProcesses(context: RuntimeContext, id: string): number[] {
  const { state, status } = findContainer(context.root, id, "ps");
  if (!state.cgroup || state.cgroup.path === "") {
    const running = status !== "stopped" && state.init && readProcessStat(state.init.pid);
    return running ? [state.init!.pid] : [];
  }
  using driver = driverOf(state.cgroup);
  return requireCgroup(driver, "ps").processes();
}
