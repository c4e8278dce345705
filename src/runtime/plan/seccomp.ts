/** `linux.seccomp`: the op that loads the filter, and the step that hands its listener to the agent. */
import type { Config } from "../../spec/runtime/config.ts";
import type { CompiledSeccomp } from "../seccomp/compile.ts";
import type { Op } from "../wire/ops.ts";
import type { HostStep } from "./plan.ts";

/** Undefined where the config has no filter. */
export function seccompOp(seccomp: CompiledSeccomp | undefined): Op | undefined {
  return seccomp && { op: "seccomp", filter: seccomp.filter, flags: seccomp.flags, at: "linux.seccomp" };
}

/** What the runtime does when init waits with a listener. @see runtime-spec 1.3 config-linux.md#seccomp */
export function listenerStep({ linux }: Config): HostStep {
  const { listenerPath = "", listenerMetadata = "" } = linux.seccomp ?? {};
  return { step: "seccomp-listener", path: listenerPath, metadata: listenerMetadata };
}
