/** Networks of a container that runs: one more, or one less. */
import { messageOf, RuntError } from "../../errors.ts";
import { Rtnetlink } from "../../linux/rtnetlink.ts";
import { locked, type NetworkContext } from "./context.ts";
import { findDefinition, readDefinitions } from "./definitions.ts";
import { closePorts, openPorts } from "./firewall.ts";
import { openNamespace, tryOpenNamespace } from "./namespace.ts";
import { withProxy, withProxyIfPossible } from "./proxy.ts";
import { type Attachment, type ContainerRecord, readRecord, writeRecord } from "./record.ts";
import type { Namespace, NetworkRequest } from "./request.ts";
import { reserve } from "./reserve.ts";
import { portElements } from "./ruleset.ts";
import { addPlugins, configureAllInside, makeAllLinks, openHost, wrapped } from "./setup.ts";
import { leaveMembers, noSuchAttachment, removeLinks } from "./teardown.ts";

/**
 * Puts a container that is set up on one more network.
 * @throws {RuntError} as `setupNetwork`; FailedPrecondition: the container is not set up. It is as before then
 */
export async function connectNetwork(
  context: NetworkContext,
  id: string,
  namespace: Namespace,
  request: NetworkRequest,
  signal?: AbortSignal,
): Promise<Attachment> {
  using opened = openNamespace(namespace, id);
  using here = new Rtnetlink();
  let name: string | undefined;
  try {
    const made = await locked(context, signal, async () => {
      const before = recordOf(context, id, "network connect");
      const [reservation] = reserve(context, before, [request], before.attachments);
      const attachments = [...before.attachments, reservation!.attachment];
      const record: ContainerRecord = { ...before, attachments };
      name = reservation!.network.name;
      const bridges = await openHost(context, here, record, [reservation!], () => {});
      return { record, reservations: [reservation!], bridges };
    });
    const position = made.record.attachments.length - 1;
    makeAllLinks(context, here, opened, id, made.reservations, made.bridges);
    configureAllInside(opened, made.reservations, position);
    const { attachments } = await addPlugins(context, { id }, opened, made.record, made.reservations, []);
    // Somebody who looks at everything meanwhile sees to the proxy too: of two one would not get the ports.
    return await locked(context, signal, async () => {
      const record = await withProxy({ ...recordOf(context, id, "network connect"), attachments });
      writeRecord(context.root, record);
      return attachments[position]!;
    });
  } catch (error) {
    if (name !== undefined) {
      await disconnectNetwork(context, id, name, { namespace: opened.fd }).catch((problem: unknown) => {
        context.log(`after a failed network connect of container ${id}: ${messageOf(problem)}`);
      });
    }
    throw wrapped(error, id);
  }
}

export interface DisconnectOptions {
  /** The container's network namespace; plugins, macvlan and ipvlan cannot do without. */
  readonly namespace?: Namespace | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes a container off one of its networks. Published ports go to the next one that leads out.
 * @throws {RuntError} NotFound: it is not on it
 */
export async function disconnectNetwork(
  context: NetworkContext,
  id: string,
  nameOrId: string,
  { namespace, signal }: DisconnectOptions = {},
): Promise<void> {
  using opened = namespace ? tryOpenNamespace(namespace, id) : undefined;
  const { networkId } = findAttachment(context, id, nameOrId);
  const attachment = recordOf(context, id, "network disconnect").attachments.find(
    (other) => other.networkId === networkId,
  )!;
  if (attachment.driver === "cni") {
    const { detachFromPlugins } = await import("./cni/attach.ts");
    await detachFromPlugins(context, id, opened?.path ?? "", attachment);
  }
  removeLinks([attachment], opened);
  await locked(context, signal, async () => {
    const before = recordOf(context, id, "network disconnect");
    const attachments = before.attachments.filter((other) => other.networkId !== networkId);
    const after = await withProxyIfPossible(context, { ...before, attachments });
    leaveMembers(context, attachment.network, id);
    writeRecord(context.root, after);
    if (before.ports.length === 0) return;
    closePorts(context, portElements(before));
    const on = new Set(attachments.map((other) => other.networkId));
    const bridged = readDefinitions(context.definitions).filter((n) => n.driver === "bridge" && on.has(n.id));
    openPorts(context, bridged, new Set(), portElements(after));
  });
}

function findAttachment(context: NetworkContext, id: string, nameOrId: string): Attachment {
  const { attachments } = recordOf(context, id, "network disconnect");
  const named = attachments.find(({ network }) => network === nameOrId);
  if (named) return named;
  const network = findDefinition(context.definitions, nameOrId, "network disconnect");
  const attachment = attachments.find(({ networkId }) => networkId === network.id);
  if (!attachment) throw noSuchAttachment(id, network.name, "network disconnect");
  return attachment;
}

function recordOf(context: NetworkContext, id: string, operation: string): ContainerRecord {
  const record = readRecord(context.root, id);
  if (record) return record;
  throw new RuntError("FailedPrecondition", "the container has no networks of its own", {
    operation,
    subject: `container ${id}`,
    hint: "it must run, and not with --network host, none or container",
  });
}
