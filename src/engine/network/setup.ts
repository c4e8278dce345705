/** Puts a container on its networks. */
import { messageOf, RuntError } from "../../errors.ts";
import { type Link, Rtnetlink } from "../../linux/rtnetlink.ts";
import { ensureBridge } from "./bridge.ts";
import { isInside } from "./check.ts";
import { locked, type NetworkContext } from "./context.ts";
import { ensureResponder } from "./dns.ts";
import { configureInside, makeLinks } from "./endpoint.ts";
import { openPorts } from "./firewall.ts";
import { type OpenNamespace, openNamespace } from "./namespace.ts";
import { PortClaims } from "./port-claims.ts";
import { type PublishedPort, plainMapping } from "./port-mapping.ts";
import { withProxy } from "./proxy.ts";
import { type ContainerRecord, readRecord, writeRecord } from "./record.ts";
import type { NetworkSetup, SetupRequest } from "./request.ts";
import { type Reservation, reserve } from "./reserve.ts";
import { portElements } from "./ruleset.ts";
import { teardownNetwork } from "./teardown.ts";

/**
 * Puts a container on networks: interfaces with addresses and routes in its network namespace, names, published ports.
 * Asked again for the same namespace it changes nothing; for another one of the same container it removes what was left
 * of the earlier one first.
 * @throws {RuntError} with nothing left behind. NotFound: no such network; AlreadyExists: an address or a port is taken;
 *   InvalidArgument; Unavailable: no address is free; FailedPrecondition: the machine lacks something
 */
export async function setupNetwork(context: NetworkContext, request: SetupRequest): Promise<NetworkSetup> {
  const { id, signal } = request;
  using namespace = openNamespace(request.namespace, id);
  const earlier = readRecord(context.root, id);
  if (earlier?.stage === "ready" && isOf(earlier, namespace)) {
    const known: ContainerRecord = { ...earlier, namespace: namespace.key };
    if (earlier.namespace === "") writeRecord(context.root, known);
    return setupOf(known);
  }
  // Its links may be in the way in the namespace that it is about now, or in one that is still there.
  if (earlier) await teardownNetwork(context, id, { namespace: namespace.fd });
  try {
    return setupOf(await setUp(context, request, namespace));
  } catch (error) {
    await teardownNetwork(context, id, { namespace: namespace.fd }).catch((problem: unknown) => {
      context.log(`after a failed network setup of container ${id}: ${messageOf(problem)}`);
    });
    signal?.throwIfAborted();
    throw wrapped(error, id);
  }
}

/**
 * Whether a record is about that namespace: one that was read back from the kernel does not know its number, and a new
 * namespace may get the number of one that is gone.
 */
function isOf(record: ContainerRecord, { key, fd }: OpenNamespace): boolean {
  return (record.namespace === "" || record.namespace === key) && isInside(fd, record);
}

async function setUp(
  context: NetworkContext,
  request: SetupRequest,
  namespace: OpenNamespace,
): Promise<ContainerRecord> {
  const { id, name, nameservers = [], ports = [], networks, signal } = request;
  const container = { id, names: name === undefined ? [shortId(id)] : [name, shortId(id)], nameservers };
  using here = new Rtnetlink();
  const { reservations, bridges, record } = await locked(context, signal, async () => {
    const made = reserve(context, container, networks);
    const claims = PortClaims.read(context.root);
    claims.release(id);
    const published = claims.claim(id, ports.map(plainMapping), familiesOf(made));
    const written: ContainerRecord = {
      ...container,
      namespace: namespace.key,
      stage: "pending",
      attachments: made.map(({ attachment }) => attachment),
      ports: published,
    };
    const links = await openHost(context, here, written, made, () => {
      if (published.length > 0) claims.write(context.root);
    });
    return { reservations: made, bridges: links, record: written };
  });
  makeAllLinks(context, here, namespace, id, reservations, bridges);
  const proxied = withProxy(record);
  // Where something else fails first, it ends with its cable.
  proxied.catch(() => {});
  configureAllInside(namespace, reservations);
  const withPlugins = await addPlugins(context, request, namespace, record, reservations, record.ports);
  const { proxy } = await proxied;
  const ready: ContainerRecord = { ...withPlugins, stage: "ready", proxy };
  writeRecord(context.root, ready);
  return ready;
}

/**
 * What has to be on the host: first written down, so that it is found again whatever happens, and then made. With the
 * lock.
 * @param write writes what else there is
 * @returns bridges by network
 */
export async function openHost(
  context: NetworkContext,
  here: Rtnetlink,
  record: ContainerRecord,
  reservations: readonly Reservation[],
  write: () => void,
): Promise<Map<string, Link>> {
  const { root } = context;
  writeRecord(root, record);
  for (const { members, network } of reservations) if (network.driver !== "cni") members.write(root, network);
  write();
  const bridged = reservations.flatMap(({ network }) => (network.driver === "bridge" ? [network] : []));
  await ensureResponder(context, bridged);
  const found = new Map(bridged.map((network) => [network, here.link(network.link)]));
  // Rules first: a bridge that is there has its rules, whoever is killed in between.
  const fresh = new Set(bridged.filter((network) => !found.get(network)));
  openPorts(context, bridged, fresh, portElements(record));
  return new Map(
    bridged.map((network) => [network.id, ensureBridge(context, here, network, found.get(network))]),
  );
}

/** Links into the container; plugins make their own. */
export function makeAllLinks(
  context: NetworkContext,
  here: Rtnetlink,
  namespace: OpenNamespace,
  id: string,
  reservations: readonly Reservation[],
  bridges: ReadonlyMap<string, Link>,
): void {
  for (const { network, attachment } of reservations) {
    if (network.driver === "cni") continue;
    makeLinks(context, here, namespace.fd, id, network, attachment, bridges.get(network.id));
  }
}

/** What the links get there. */
export function configureAllInside(
  namespace: OpenNamespace,
  reservations: readonly Reservation[],
  firstPosition = 0,
): void {
  const native = reservations.filter(({ network }) => network.driver !== "cni");
  if (native.length === 0) return;
  using there = new Rtnetlink(namespace.fd);
  native.forEach(({ network, attachment }, i) => {
    configureInside(there, network, attachment, firstPosition + i);
  });
}

/** Runs the plugins of the networks that have some. @returns the record with what they gave */
export async function addPlugins(
  context: NetworkContext,
  request: Pick<SetupRequest, "id" | "capabilities">,
  namespace: OpenNamespace,
  record: ContainerRecord,
  reservations: readonly Reservation[],
  ports: readonly PublishedPort[],
): Promise<ContainerRecord> {
  const plugged = reservations.filter(({ network }) => network.driver === "cni");
  if (plugged.length === 0) return record;
  const { attachWithPlugins } = await import("./cni/attach.ts");
  const { capabilities = {} } = request;
  const attachments = [...record.attachments];
  for (const { network, attachment, request: wanted } of plugged) {
    const path = namespace.path;
    const at = attachments.findIndex(({ networkId }) => networkId === network.id);
    attachments[at] = await attachWithPlugins(context, record.id, path, network, attachment, {
      ...wanted,
      ports,
      capabilities,
    });
  }
  return { ...record, attachments };
}

/** The first twelve digits of an ID, by which people call a container. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}

/** Families by which published ports are reached: of a bridge it is both, by rules or by the proxy. */
function familiesOf(reservations: readonly Reservation[]): Set<4 | 6> {
  const ways = reservations.filter(({ network }) => !network.internal);
  if (ways.some(({ network }) => network.driver === "bridge")) return new Set([4, 6]);
  const families = new Set<4 | 6>();
  for (const { attachment, network } of ways) {
    if (attachment.ipv4 || network.driver === "cni") families.add(4);
    if (attachment.ipv6) families.add(6);
  }
  return families;
}

/** What a container has now; undefined where it is not set up. */
export function networkSetupOf({ root }: NetworkContext, id: string): NetworkSetup | undefined {
  const record = readRecord(root, id);
  return record && setupOf(record);
}

/** What a container has, from its record. */
export function setupOf({ id, attachments, ports, proxy }: ContainerRecord): NetworkSetup {
  return {
    id,
    attachments,
    ports,
    nameservers: [...new Set(attachments.flatMap(({ nameservers }) => nameservers))],
    searchDomains: [...new Set(attachments.flatMap(({ searchDomains }) => searchDomains))],
    ...(proxy && { proxy }),
  };
}

/** Errors of the kernel say which container they are about. */
export function wrapped(error: unknown, id: string): unknown {
  if (error instanceof RuntError) return error;
  const { code, syscall, path } = error as { code?: string; syscall?: string; path?: string };
  return new RuntError(
    code === "EPERM" || code === "EACCES" ? "PermissionDenied" : "Internal",
    `network: ${messageOf(error)}`,
    {
      operation: "network setup",
      subject: `container ${id}`,
      ...(code !== undefined && { code }),
      ...(syscall !== undefined && { syscall }),
      ...(path !== undefined && { path }),
    },
    error,
  );
}
