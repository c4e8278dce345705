/** Takes a container off its networks. */
import { RuntError } from "../../errors.ts";
import { Rtnetlink } from "../../linux/rtnetlink.ts";
import { locked, type NetworkContext } from "./context.ts";
import { readDefinition } from "./definitions.ts";
import { closePorts } from "./firewall.ts";
import { Members } from "./members.ts";
import { type OpenNamespace, tryOpenNamespace } from "./namespace.ts";
import { PortClaims } from "./port-claims.ts";
import { killProxy, waitForProxy } from "./proxy.ts";
import { type Attachment, type ContainerRecord, readRecord, removeRecord } from "./record.ts";
import type { Namespace } from "./request.ts";
import { portElements } from "./ruleset.ts";

export interface TeardownOptions {
  /**
   * The container's network namespace, where it is still there; null if nothing is left in it, so that the kernel
   * removes it with the links in it: that costs nothing here, while removing a link takes the kernel 20 ms.
   */
  readonly namespace?: Namespace | null | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Removes what a container has on its networks: links, ports, addresses, names. What is not there does no harm, so it
 * may be called at any time and again.
 * @returns whether there was something
 * @throws {RuntError} what a plugin refuses; everything else is gone then
 */
export async function teardownNetwork(
  context: NetworkContext,
  id: string,
  { namespace, signal }: TeardownOptions = {},
): Promise<boolean> {
  const record = readRecord(context.root, id);
  if (!record) {
    // Half of one, by somebody who was killed.
    removeRecord(context.root, id);
    return false;
  }
  using opened = namespace ? tryOpenNamespace(namespace, id) : undefined;
  const plugged = record.attachments.filter(({ driver }) => driver === "cni");
  let problem: unknown;
  if (plugged.length > 0) {
    const { detachFromPlugins } = await import("./cni/attach.ts");
    for (const attachment of plugged.toReversed()) {
      try {
        await detachFromPlugins(context, id, opened?.path ?? "", attachment);
      } catch (error) {
        problem ??= error;
      }
    }
  }
  // It ends while we do the rest.
  using proxy = killProxy(record);
  if (namespace !== null) removeLinks(record.attachments, opened);
  waitForProxy(proxy);
  await locked(context, signal, () => {
    forget(context, record);
    // A plugin that failed is asked again next time.
    if (problem === undefined) removeRecord(context.root, id);
  });
  if (problem !== undefined) throw problem;
  return true;
}

/** Of a cable the host's end, and the container's goes with it; what sits on a link of the host is in the container. */
export function removeLinks(attachments: readonly Attachment[], namespace: OpenNamespace | undefined): void {
  const outside = attachments.flatMap(({ hostLink }) => hostLink || []);
  if (outside.length > 0) {
    using here = new Rtnetlink();
    for (const link of outside) here.removeLink(link);
  }
  const inside = attachments.filter(({ driver }) => driver === "macvlan" || driver === "ipvlan");
  if (namespace && inside.length > 0) {
    using there = new Rtnetlink(namespace.fd);
    for (const { interfaceName } of inside) there.removeLink(interfaceName);
  }
}

/** Gives back ports, addresses and names. With the lock. */
function forget(context: NetworkContext, record: ContainerRecord): void {
  const { root } = context;
  closePorts(context, portElements(record));
  const claims = PortClaims.read(root);
  if (claims.release(record.id)) claims.write(root);
  for (const { network } of record.attachments) leaveMembers(context, network, record.id);
}

/** With the lock. */
export function leaveMembers({ root, definitions }: NetworkContext, name: string, id: string): void {
  const network = readDefinition(definitions, name);
  if (!network) return;
  const members = Members.read(root, name);
  if (members.remove(id)) members.write(root, network);
}

/** The container is not on that network. */
export function noSuchAttachment(id: string, network: string, operation: string): RuntError {
  return new RuntError("NotFound", `container ${id.slice(0, 12)} is not on network ${network}`, {
    operation,
    subject: `container ${id}`,
  });
}
