/**
 * Networks of containers. Everything is asked of these functions with a context, which names a directory; they know
 * containers by their IDs and network namespaces only.
 */
export { isBuiltin, isModeNetwork, type ListedNetwork, modeNetworkId } from "./builtin.ts";
export { checkNetwork } from "./check.ts";
export { defaultConfigDirectory, type LoadedList, loadConfigList, loadConfigLists } from "./cni/load.ts";
export { connectNetwork, type DisconnectOptions, disconnectNetwork } from "./connect.ts";
export { defaultNetworkRoot, type NetworkContext, networkContext } from "./context.ts";
export { type NetworkMode, parseNetworkMode } from "./mode.ts";
export {
  type HostsOptions,
  hostResolvConf,
  hostsText,
  parseResolvConf,
  type ResolvConf,
  type ResolvConfOptions,
  resolvConfText,
} from "./name-files.ts";
export {
  defaultNetworkName,
  type Network,
  type NetworkDriver,
  type NetworkSubnet,
  networkDrivers,
} from "./network.ts";
export { knownOptions, type NetworkOptions } from "./network-options.ts";
export {
  formatPublishedPort,
  type PortMapping,
  type PublishedPort,
  parsePortMapping,
} from "./port-mapping.ts";
export { type Reconciled, type ReconcileOptions, reconcileNetworks } from "./reconcile.ts";
export { type Attachment, recordedIds } from "./record.ts";
export { renameOnNetworks } from "./rename.ts";
export type { Namespace, NetworkRequest, NetworkSetup, SetupRequest } from "./request.ts";
export { isResponderMissing } from "./responder.ts";
export { reviveNetwork } from "./revive.ts";
export { networkSetupOf, setupNetwork } from "./setup.ts";
export { type InspectedNetwork, NetworkStore } from "./store.ts";
export { type TeardownOptions, teardownNetwork } from "./teardown.ts";
