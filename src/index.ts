/**
 * runt as a library: containers made from a Node program, without a daemon and without another Node. `Runt` is the engine:
 * images, containers of them, networks, volumes.
 *
 * ```ts
 * import { Runt } from "runt";
 *
 * await using runt = await Runt.open();
 * const { stdout } = await runt.run("alpine", { command: ["uname", "-a"], network: "none" });
 * ```
 * Below that is the OCI runtime, which knows bundles only:
 *
 * ```ts
 * import { createContainer } from "runt";
 *
 * await using container = await createContainer({ bundle: "bundles/hello" });
 * await container.start();
 * console.log(await container.wait());
 * ```
 */
export * from "./engine/library/index.ts";
export { enterUserNamespace } from "./engine/ordinary-user.ts";
export { type ErrorKind, type ErrorSite, RuntError } from "./errors.ts";
export { SystemError } from "./linux/system-error.ts";
export type {
  CgroupManager,
  ContainerEvent,
  ContainerState,
  ExitStatus,
  RuntimeContext,
} from "./runtime/api.ts";
export { exitCode } from "./runtime/create/exit-status.ts";
export {
  Container,
  type ContainerOptions,
  createContainer,
  type LibraryExecOptions,
} from "./runtime/library/container.ts";
export { ContainerProcess } from "./runtime/library/process.ts";
export { type RunOptions, type RunResult, run } from "./runtime/library/run.ts";
export type { StdioOption, StdioOptions } from "./runtime/library/stdio.ts";
export type { Plan } from "./runtime/plan/plan.ts";
export { formatPlan, planBundle } from "./runtime/plan/print.ts";
export type { Config } from "./spec/runtime/config.ts";
