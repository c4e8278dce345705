/** Networks by mode: the host's, none, another container's; bridges and what else network/ knows. */
import { RuntError } from "../errors.ts";
import { signalOf } from "../linux/abort.ts";
import { isOrdinaryUser } from "../runtime/library/default-root.ts";
import { findRunning } from "./container/find.ts";
import type { EngineContext } from "./context.ts";
import type { ListedNetwork } from "./network/builtin.ts";
import type {
  NetworkContext,
  NetworkRequest,
  NetworkSetup,
  NetworkStore,
  PortMapping,
} from "./network/index.ts";
import {
  type EndpointSettings,
  type NetworkDriver,
  type NetworkPlan,
  type NetworkSettings,
  type NetworkState,
  plainState,
} from "./network-driver.ts";
import type { ContainerRecord } from "./record.ts";
import type { NetworkAttachment, PortRequest } from "./request.ts";

/** Where network/ keeps its records, and the networks that were defined. */
export async function networkContextOf({ layout, log }: EngineContext): Promise<NetworkContext> {
  const { networkContext } = await import("./network/index.ts");
  return networkContext({
    root: layout.network,
    definitions: layout.definitions,
    log: (message) => log("warning", message),
  });
}

/** The networks of an engine, whose events tell of them. */
export async function openNetworkStore(context: EngineContext): Promise<NetworkStore> {
  const [{ NetworkStore }, networks] = await Promise.all([
    import("./network/index.ts"),
    networkContextOf(context),
  ]);
  return new NetworkStore(networks, (action, network) => tellOfNetwork(context, action, network));
}

/** An event: what has become of a network, or of a container on it. */
export function tellOfNetwork(
  { store }: EngineContext,
  action: string,
  { id, name, driver }: ListedNetwork,
  more: Readonly<Record<string, string>> = {},
): void {
  store.events.append({ type: "network", action, actor: id, attributes: { name, type: driver, ...more } });
}

/** The driver that knows all modes. What it needs for bridges is loaded when there is one. */
export function openNetworkDriver(context: EngineContext): NetworkDriver {
  let networks: Promise<NetworkContext> | undefined;
  const networksOf = (): Promise<NetworkContext> => {
    networks ??= networkContextOf(context);
    return networks;
  };
  return {
    plan: (container) => planOf(context, container),
    async attach(container, plan, init, abort) {
      if (container.request.network.mode !== "bridge") return plainState(plan);
      const signal = abort && signalOf(abort);
      if (isOrdinaryUser()) return await attachPasta(context, container, plan, init, signal);
      const { setupNetwork, defaultNetworkName } = await import("./network/index.ts");
      const { networks: wanted, unplugged, dns } = container.request.network;
      const asked =
        wanted.length > 0 || unplugged ? wanted : [{ ...anyAddress, network: defaultNetworkName }];
      const networks = await networksOf();
      const request = {
        id: container.id,
        name: container.name,
        namespace: namespaceOf(init),
        networks: asked.map(requestOf),
        ports: portsOf(container),
        nameservers: dns,
        signal,
      };
      try {
        return stateOf(container, plan, await setupNetwork(networks, request));
      } catch (error) {
        if (!(await mayBeFree(context, networks, container.id, error))) throw error;
        return stateOf(container, plan, await setupNetwork(networks, request));
      }
    },
    async connect(container, init, attachment) {
      const { connectNetwork } = await import("./network/index.ts");
      const networks = await networksOf();
      await connectNetwork(networks, container.id, namespaceOf(init), requestOf(attachment));
      return await stateNow(networks, container);
    },
    async disconnect(container, init, network) {
      const { disconnectNetwork } = await import("./network/index.ts");
      const networks = await networksOf();
      await disconnectNetwork(networks, container.id, network, { namespace: namespaceOf(init) });
      return await stateNow(networks, container);
    },
    async rename({ id, name, request }) {
      if (request.network.mode !== "bridge" || isOrdinaryUser()) return;
      const { renameOnNetworks } = await import("./network/index.ts");
      await renameOnNetworks(await networksOf(), id, name);
    },
    async teardown(container) {
      if (container.request.network.mode !== "bridge") return;
      if (isOrdinaryUser()) {
        return (await import("./network/pasta.ts")).stopPasta(context.layout.container(container.id));
      }
      const { teardownNetwork } = await import("./network/index.ts");
      // With nobody left in it the kernel removes the namespace, and its links much quicker than we could.
      const namespace = isShared(context, container) ? undefined : null;
      await teardownNetwork(await networksOf(), container.id, { namespace });
    },
    async revive(container) {
      const { reviveNetwork } = await import("./network/index.ts");
      const networks = await networksOf();
      await reviveNetwork(networks, container.id);
      return await stateNow(networks, container);
    },
    async reconcile(isThere, runs) {
      const { reconcileNetworks } = await import("./network/reconcile.ts");
      await reconcileNetworks(await networksOf(), { isAlive: isThere, runs });
    },
  };
}

const anyAddress: Omit<NetworkAttachment, "network"> = {
  aliases: [],
  ipv4: undefined,
  ipv6: undefined,
  mac: undefined,
};

/** An ordinary user's network, in place of the default bridge. */
async function attachPasta(
  { layout }: EngineContext,
  container: ContainerRecord,
  plan: NetworkPlan,
  init: number,
  signal: AbortSignal | undefined,
): Promise<NetworkState> {
  const { startPasta } = await import("./network/pasta.ts");
  const ports = portsOf(container);
  await startPasta({
    directory: layout.container(container.id),
    namespace: namespaceOf(init),
    ports,
    signal,
  });
  const published = ports.map(({ hostAddress, hostPorts: [hostPort], containerPort, protocol }) => ({
    hostAddress,
    hostPort,
    containerPort,
    protocol,
  }));
  return {
    ...plainState(plan),
    nameservers: container.request.network.dns,
    settings: settingsOf(container, { attachments: [], ports: published }),
  };
}

function namespaceOf(init: number): string {
  return `/proc/${init}/ns/net`;
}

function requestOf({ network, aliases, ipv4, ipv6, mac }: NetworkAttachment): NetworkRequest {
  return { network, aliases, ipv4, ipv6, macAddress: mac };
}

async function stateNow(networks: NetworkContext, container: ContainerRecord): Promise<NetworkState> {
  const { networkSetupOf } = await import("./network/index.ts");
  const plan: NetworkPlan = { namespace: "new", filesOf: undefined };
  const setup = networkSetupOf(networks, container.id);
  return setup ? stateOf(container, plan, setup) : plainState(plan);
}

/** Whether what somebody else had is free now: he has died, and nobody saw it. */
async function mayBeFree(
  context: EngineContext,
  { root }: NetworkContext,
  id: string,
  error: unknown,
): Promise<boolean> {
  if (!(error instanceof RuntError) || (error.kind !== "AlreadyExists" && error.kind !== "Unavailable"))
    return false;
  const { recordedIds } = await import("./network/index.ts");
  const { settleDead } = await import("./reconcile.ts");
  return await settleDead(
    context,
    recordedIds(root).filter((other) => other !== id),
  );
}

function planOf(context: EngineContext, { request }: ContainerRecord): NetworkPlan {
  const { mode, networks } = request.network;
  if (networks.length > 0 && isOrdinaryUser()) {
    throw new RuntError(
      "PermissionDenied",
      `network ${networks[0]!.network}: networks of bridges need root`,
      {
        operation: "start",
        hint: "an ordinary user's containers have a network by pasta, --network=host, none or container:X",
      },
    );
  }
  if (mode === "host") return { namespace: "host", filesOf: undefined };
  if (mode === "none" || mode === "bridge") return { namespace: "new", filesOf: undefined };
  if ("path" in mode) return { namespace: { path: mode.path }, filesOf: undefined };
  const other = findRunning(context, mode.container, "start");
  return {
    namespace: { path: `/proc/${other.run.init!.pid}/ns/net` },
    filesOf: other.run.network?.filesOf ?? other.id,
  };
}

/** Whether another container is in its network namespace. */
function isShared({ store }: EngineContext, { id }: ContainerRecord): boolean {
  return store.containers
    .list()
    .some(({ status, run }) => (status === "running" || status === "paused") && run.network?.filesOf === id);
}

function portsOf({ request, definition }: ContainerRecord): PortMapping[] {
  const { ports, publishAll } = request.network;
  const asked = ports.map(mappingOf);
  if (!publishAll) return asked;
  const known = new Set(asked.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`));
  const exposed = definition.exposed.flatMap(exposedPorts).filter((port) => !known.has(port));
  return [
    ...asked,
    ...exposed.map((port): PortMapping => {
      const [number, protocol] = port.split("/") as [string, PortMapping["protocol"]];
      return { hostAddress: "", hostPorts: [0, 0], containerPort: Number(number), protocol };
    }),
  ];
}

function mappingOf({ hostIp, hostPort, hostPortEnd, containerPort, protocol }: PortRequest): PortMapping {
  return {
    hostAddress: hostIp ?? "",
    hostPorts: [hostPort, hostPortEnd ?? hostPort],
    containerPort,
    protocol,
  };
}

/** "8000-8001/tcp" is two ports. */
function exposedPorts(text: string): string[] {
  const [, first, last = first, protocol = "tcp"] = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(text) ?? [];
  if (first === undefined) return [];
  const count = Math.max(0, Number(last) - Number(first) + 1);
  return Array.from({ length: count }, (_, i) => `${Number(first) + i}/${protocol}`);
}

function stateOf(container: ContainerRecord, plan: NetworkPlan, setup: NetworkSetup): NetworkState {
  const { definition, request } = container;
  const addresses = setup.attachments.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].filter((text) => text !== ""));
  const domain = request.domainname === undefined ? [] : [`${definition.hostname}.${request.domainname}`];
  const gateway = setup.attachments
    .map(({ gateway4, gateway6 }) => gateway4 || gateway6)
    .find((text) => text !== "");
  return {
    ...plan,
    hosts: [
      ...addresses.map((text) => ({
        address: text.split("/", 1)[0]!,
        names: [...domain, definition.hostname],
      })),
      ...request.network.extraHosts
        .filter(({ address }) => address === "host-gateway" && gateway !== undefined)
        .map(({ name }) => ({ address: gateway!, names: [name] })),
    ],
    nameservers: setup.nameservers,
    searchDomains: setup.searchDomains,
    settings: settingsOf(container, setup),
    hasNames: setup.attachments.some(
      ({ driver, nameservers }) => driver === "bridge" && nameservers.length > 0,
    ),
    ...(setup.proxy && { proxy: { pid: setup.proxy.pid, startTime: setup.proxy.startTime } }),
  };
}

function settingsOf(
  { id, definition }: ContainerRecord,
  { attachments, ports }: Pick<NetworkSetup, "attachments" | "ports">,
): NetworkSettings {
  const published: Record<string, { hostIp: string; hostPort: number }[] | null> = {};
  for (const port of definition.exposed.flatMap(exposedPorts)) published[port] = null;
  for (const { hostAddress, hostPort, containerPort, protocol } of ports) {
    const key = `${containerPort}/${protocol}`;
    // One line for each family, as docker has it.
    const all = hostAddress === "" ? ["0.0.0.0", "::"] : [hostAddress];
    published[key] = [...(published[key] ?? []), ...all.map((hostIp) => ({ hostIp, hostPort }))];
  }
  const networks = attachments.map((one): [string, EndpointSettings] => {
    const [ipAddress = "", prefix = "0"] = one.ipv4.split("/");
    const [globalIpv6Address = "", prefix6 = "0"] = one.ipv6.split("/");
    return [
      one.network,
      {
        networkId: one.networkId,
        endpointId: id,
        gateway: one.gateway4,
        ipAddress,
        ipPrefixLength: Number(prefix),
        ipv6Gateway: one.gateway6,
        globalIpv6Address,
        globalIpv6PrefixLength: Number(prefix6),
        macAddress: one.macAddress,
        aliases: one.aliases,
      },
    ];
  });
  return { networks: Object.fromEntries(networks), ports: published };
}
