/** Hooks that run outside of the container and outside of create: poststart and poststop. */
import type { Config } from "../../spec/runtime/config.ts";
import type { HookName } from "../../spec/runtime/hooks.ts";
import type { Status } from "../../spec/runtime/state.ts";
import type { StoredState } from "./state-store.ts";

/** @throws {RuntError} of the first that fails; the others are not run then */
export async function runHooks(
  config: Config,
  name: HookName,
  state: StoredState,
  status: Status,
  pid: number,
): Promise<void> {
  const { runHook } = await import("../hooks/run-hook.ts");
  const { ociVersion, id, bundle, annotations } = state;
  const document = { ociVersion, id, status, ...(pid ? { pid } : {}), bundle, annotations };
  for (const [i, hook] of config.hooks[name].entries()) await runHook(name, i, hook, document);
}
