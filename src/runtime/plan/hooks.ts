/** `hooks`: those that the runtime runs are host steps, those of the container are ops of init. */
import type { Config } from "../../spec/runtime/config.ts";
import type { HookName } from "../../spec/runtime/hooks.ts";
import type { Status } from "../../spec/runtime/state.ts";
import type { Op } from "../wire/ops.ts";
import type { HostStep } from "./plan.ts";

/** What a hook reads from its stdin. The pid is the one that the hook can see. */
export interface HookState {
  readonly ociVersion: string;
  readonly id: string;
  readonly status: Status;
  readonly bundle: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The state document in two halves, between which init writes its own pid. */
export function stateAroundPid(state: HookState): { before: string; after: string } {
  const { ociVersion, id, status, ...rest } = state;
  return {
    before: `${JSON.stringify({ ociVersion, id, status }).slice(0, -1)},"pid":`,
    after: `,${JSON.stringify(rest).slice(1)}`,
  };
}

/** Hooks of one name as ops of init. @param env for hooks that bring none */
export function hookOps(config: Config, name: HookName, state: HookState, env: readonly string[]): Op[] {
  return config.hooks[name].map((hook, i) => ({
    op: "hook",
    path: hook.path,
    argv: hook.args.length > 0 ? hook.args : [hook.path],
    env: hook.env ?? env,
    ...stateAroundPid(state),
    timeout_ms: (hook.timeout ?? 0) * 1000,
    at: `${name} hook #${i}`,
  }));
}

/** Hooks of one name as a step of the runtime; none where the config has none. */
export function hookSteps(config: Config, name: HookName): HostStep[] {
  const hooks = config.hooks[name];
  return hooks.length === 0 ? [] : [{ step: "hooks", name, hooks }];
}
