/** The plugins of a list one after the other, each with what the one before it gave. @see CNI spec section 3 */
import { RuntError } from "../../../errors.ts";
import { hasOperation, type NetworkConfigList, type PluginConfig } from "../../../spec/cni/config.ts";
import { type AttachmentParameters, runPlugin } from "./plugin.ts";

/** Data of the runtime's, by the name of the capability that lets a plugin have it. */
export type CapabilityArguments = Readonly<Record<string, unknown>>;

/** What a plugin gets: its configuration, and of the capability arguments those that it declares. */
function execution(
  list: NetworkConfigList,
  plugin: PluginConfig,
  capabilities: CapabilityArguments,
  prevResult: unknown,
): object {
  const given = Object.entries(capabilities).filter(
    ([name, value]) => plugin.capabilities.has(name) && value !== undefined,
  );
  const { capabilities: _declared, ...raw } = plugin.raw;
  return {
    ...raw,
    name: list.name,
    cniVersion: list.cniVersion,
    ...(given.length > 0 && { runtimeConfig: Object.fromEntries(given) }),
    ...(prevResult !== undefined && { prevResult }),
  };
}

/** ADD in order. @returns the last plugin's result @throws {RuntError} of the first that fails */
export async function addList(
  list: NetworkConfigList,
  parameters: AttachmentParameters,
  capabilities: CapabilityArguments,
  pluginPath: readonly string[],
): Promise<unknown> {
  let result: unknown;
  for (const plugin of list.plugins) {
    const config = execution(list, plugin, capabilities, result);
    const output = await runPlugin(plugin.type, "ADD", parameters, config, pluginPath);
    try {
      result = JSON.parse(output);
    } catch (cause) {
      throw new RuntError(
        "Internal",
        `plugin ${plugin.type} (ADD): answered with something that is not JSON`,
        { operation: "network setup", subject: `plugin ${plugin.type}` },
        cause,
      );
    }
  }
  return result;
}

/** DEL in reverse order; each is asked, also after one that failed. @throws {RuntError} of the first that failed */
export async function deleteList(
  list: NetworkConfigList,
  parameters: AttachmentParameters,
  capabilities: CapabilityArguments,
  result: unknown,
  pluginPath: readonly string[],
): Promise<void> {
  let problem: unknown;
  // Older plugins do not know what to do with it.
  const prevResult = hasOperation(list, "0.4.0") ? result : undefined;
  for (const plugin of list.plugins.toReversed()) {
    const config = execution(list, plugin, capabilities, prevResult);
    try {
      await runPlugin(plugin.type, "DEL", parameters, config, pluginPath);
    } catch (error) {
      problem ??= error;
    }
  }
  if (problem !== undefined) throw problem;
}

/** CHECK in order, where the list allows it. @throws {RuntError} of the first that finds something wrong */
export async function checkList(
  list: NetworkConfigList,
  parameters: AttachmentParameters,
  capabilities: CapabilityArguments,
  result: unknown,
  pluginPath: readonly string[],
): Promise<void> {
  if (list.disableCheck || !hasOperation(list, "0.4.0")) return;
  for (const plugin of list.plugins) {
    const config = execution(list, plugin, capabilities, result);
    await runPlugin(plugin.type, "CHECK", parameters, config, pluginPath);
  }
}

/** Whether the plugins say that they can serve containers. @throws {RuntError} Unavailable with the reason */
export async function statusOfList(list: NetworkConfigList, pluginPath: readonly string[]): Promise<void> {
  if (!hasOperation(list, "1.1.0")) return;
  for (const plugin of list.plugins) {
    await runPlugin(plugin.type, "STATUS", undefined, execution(list, plugin, {}, undefined), pluginPath);
  }
}

/** GC: plugins forget all attachments but these. */
export async function collectList(
  list: NetworkConfigList,
  valid: readonly { readonly containerID: string; readonly ifname: string }[],
  pluginPath: readonly string[],
): Promise<void> {
  if (list.disableGC || !hasOperation(list, "1.1.0")) return;
  for (const plugin of list.plugins) {
    const config = { ...execution(list, plugin, {}, undefined), "cni.dev/valid-attachments": valid };
    await runPlugin(plugin.type, "GC", undefined, config, pluginPath);
  }
}
