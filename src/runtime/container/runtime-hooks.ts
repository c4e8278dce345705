/** Hooks that run outside of the container and outside of create: poststart and poststop. */
import type { Config } from "../../spec/runtime/config.ts";
import type { HookName } from "../../spec/runtime/hooks.ts";
import type { Status } from "../../spec/runtime/state.ts";
import type { StoredState } from "./state-store.ts";

/**
 * @param onFailure takes what a hook that fails throws, and the next one is run
 * @throws {RuntError} without `onFailure`, of the first that fails; the others are not run then
 */
export async function runHooks(
  config: Config,
  name: HookName,
  state: StoredState,
  status: Status,
  pid: number,
  onFailure?: (error: unknown) => void,
): Promise<void> {
  const { runHook } = await import("../hooks/run-hook.ts");
  const { ociVersion, id, bundle, annotations } = state;
  const document = { ociVersion, id, status, ...(pid ? { pid } : {}), bundle, annotations };
  for (const [i, hook] of config.hooks[name].entries()) {
    try {
      await runHook(name, i, hook, document);
    } catch (error) {
      if (!onFailure) throw error;
      onFailure(error);
    }
  }
}
