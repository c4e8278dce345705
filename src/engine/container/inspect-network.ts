/** The networks of a container as `inspect` shows them. */
import { isOrdinaryUser } from "../../runtime/library/default-root.ts";
import type { EngineContext } from "../context.ts";
import { type EndpointSettings, noSettings } from "../network-driver.ts";
import type { ContainerRecord } from "../record.ts";
import { observe } from "./observe.ts";

const noEndpoint: EndpointSettings = {
  networkId: "",
  endpointId: "",
  gateway: "",
  ipAddress: "",
  ipPrefixLength: 0,
  ipv6Gateway: "",
  globalIpv6Address: "",
  globalIpv6PrefixLength: 0,
  macAddress: "",
  aliases: [],
};

/** Where there is no address of ours there are the names: of `host` and `none`, and of what it will be on again. */
async function unaddressed(
  { layout }: EngineContext,
  { id, request }: ContainerRecord,
  isUp: boolean,
): Promise<[string, EndpointSettings][]> {
  const { mode, networks, unplugged } = request.network;
  const { isModeNetwork, modeNetworkId } = await import("../network/builtin.ts");
  if (isModeNetwork(mode)) {
    const networkId = modeNetworkId(layout, mode);
    return [[mode, { ...noEndpoint, networkId, endpointId: isUp ? id : "" }]];
  }
  // An ordinary user's container has a network that is none of ours.
  if (mode !== "bridge" || isUp || isOrdinaryUser()) return [];
  if (networks.length === 0) return unplugged ? [] : [["bridge", noEndpoint]];
  return networks.map(({ network, aliases }) => [network, { ...noEndpoint, aliases }]);
}

/** `NetworkSettings`: where it is to be reached, by docker's names. */
export async function networkSettingsOf(context: EngineContext, record: ContainerRecord) {
  const { status, run } = observe(context, record);
  const isUp = status === "running" || status === "paused";
  const settings = (isUp ? run.network?.settings : undefined) ?? noSettings;
  const own = Object.entries(settings.networks);
  const endpoints = own.length > 0 ? own : await unaddressed(context, record, isUp);
  const first: EndpointSettings | undefined = endpoints[0]?.[1];
  return {
    SandboxKey: status === "running" && run.init ? `/proc/${run.init.pid}/ns/net` : "",
    Ports: Object.fromEntries(
      Object.entries(settings.ports).map(([port, bindings]) => [
        port,
        bindings?.map(({ hostIp, hostPort }) => ({ HostIp: hostIp, HostPort: String(hostPort) })) ?? null,
      ]),
    ),
    EndpointID: first?.endpointId ?? "",
    Gateway: first?.gateway ?? "",
    GlobalIPv6Address: first?.globalIpv6Address ?? "",
    GlobalIPv6PrefixLen: first?.globalIpv6PrefixLength ?? 0,
    IPAddress: first?.ipAddress ?? "",
    IPPrefixLen: first?.ipPrefixLength ?? 0,
    IPv6Gateway: first?.ipv6Gateway ?? "",
    MacAddress: first?.macAddress ?? "",
    Networks: Object.fromEntries(
      endpoints.map(([name, endpoint]) => [
        name,
        {
          IPAMConfig: null,
          Links: null,
          Aliases: endpoint.aliases,
          MacAddress: endpoint.macAddress,
          NetworkID: endpoint.networkId,
          EndpointID: endpoint.endpointId,
          Gateway: endpoint.gateway,
          IPAddress: endpoint.ipAddress,
          IPPrefixLen: endpoint.ipPrefixLength,
          IPv6Gateway: endpoint.ipv6Gateway,
          GlobalIPv6Address: endpoint.globalIpv6Address,
          GlobalIPv6PrefixLen: endpoint.globalIpv6PrefixLength,
        },
      ]),
    ),
  };
}
