/**
 * What serves containers beside the kernel is started again where somebody has killed it: the name responder of all, and a
 * container's proxy. Nobody watches them; it is seen by whoever next looks at containers.
 */
import { locked, type NetworkContext } from "./context.ts";
import { readDefinitions } from "./definitions.ts";
import { ensureResponder, responderPorts } from "./dns.ts";
import { rebuildRules } from "./firewall.ts";
import { withProxyIfPossible } from "./proxy.ts";
import { type ContainerRecord, readRecord, writeRecord } from "./record.ts";

/** For a container that runs. @throws {RuntError} Internal: no names. Of its ports the log tells */
export async function reviveNetwork(
  context: NetworkContext,
  id: string,
  signal?: AbortSignal,
): Promise<void> {
  await locked(context, signal, async () => {
    const record = readRecord(context.root, id);
    if (!record) return;
    await reviveProxy(context, record);
    const on = new Set(record.attachments.map(({ networkId }) => networkId));
    const networks = readDefinitions(context.definitions).filter(
      (network) => network.driver === "bridge" && on.has(network.id),
    );
    await ensureResponder(context, networks);
    // It may have another port than the one before.
    if (responderPorts(context, networks).length > 0) rebuildRules(context);
  });
}

/** With the lock. */
export async function reviveProxy(context: NetworkContext, record: ContainerRecord): Promise<void> {
  if (record.stage !== "ready") return;
  const revived = await withProxyIfPossible(context, record);
  if (revived !== record) writeRecord(context.root, revived);
}
