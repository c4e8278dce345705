/** `network connect` and `disconnect`: the networks of a container, now and in later runs. */
import { RuntError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import type { ListedNetwork } from "../network/builtin.ts";
import type { NetworkDriver, NetworkState } from "../network-driver.ts";
import type { ContainerRecord } from "../record.ts";
import type { NetworkAttachment } from "../request.ts";
import { settle } from "../settle.ts";
import { summaryOf } from "./definition.ts";
import { refuse } from "./errors.ts";
import { writeFiles } from "./files.ts";
import { lockContainer } from "./lock.ts";
import { observe } from "./observe.ts";

/** @throws {RuntError} NotFound; FailedPrecondition where it has no networks of its own; as `connectNetwork` */
export async function connectContainer(
  context: EngineContext,
  text: string,
  asked: NetworkAttachment,
): Promise<void> {
  const operation = "network connect";
  const network = await findNetwork(context, asked.network);
  const { isModeNetwork } = await import("../network/builtin.ts");
  if (isModeNetwork(network.name)) {
    throw refuse(operation, text, `container ${text} cannot be connected to the network ${network.name}`);
  }
  const attachment = { ...asked, network: network.name };
  const record = await change(context, text, operation, {
    networks: async (record) => [...(await othersThan(network, context, record)), attachment],
    now: (driver, record, init) => driver.connect(record, init, attachment),
  });
  await tell(context, "connect", network, record);
}

/** @throws {RuntError} FailedPrecondition; NotFound where it is not on that network */
export async function disconnectContainer(context: EngineContext, text: string, name: string): Promise<void> {
  const operation = "network disconnect";
  // A container that does not run is taken off one that has gone, too.
  const network = await findNetwork(context, name).catch(undefinedIf("NotFound"));
  const record = await change(context, text, operation, {
    async networks(record) {
      const others = network ? await othersThan(network, context, record) : attachmentsOf(record);
      const after = others.filter((one) => one.network !== name);
      if (after.length < attachmentsOf(record).length) return after;
      const what = `container ${record.name} is not on network ${name}`;
      throw refuse(operation, record.name, what, undefined, "NotFound");
    },
    now: (driver, record, init) => driver.disconnect(record, init, network?.name ?? name),
  });
  if (network) await tell(context, "disconnect", network, record);
}

async function findNetwork(context: EngineContext, name: string): Promise<ListedNetwork> {
  const { openNetworkStore } = await import("../network-modes.ts");
  return await (await openNetworkStore(context)).get(name);
}

/** The default one where none was asked for. */
function attachmentsOf({ request }: ContainerRecord): readonly NetworkAttachment[] {
  const { networks, unplugged } = request.network;
  if (networks.length > 0 || unplugged) return networks;
  return [{ network: "bridge", aliases: [], ipv4: undefined, ipv6: undefined, mac: undefined }];
}

/** The attachments to other networks. What was asked for may be an ID: it is found as when the container starts. */
async function othersThan(
  network: ListedNetwork,
  context: EngineContext,
  record: ContainerRecord,
): Promise<NetworkAttachment[]> {
  const others: NetworkAttachment[] = [];
  for (const one of attachmentsOf(record)) {
    if (one.network === network.name) continue;
    const mayBeId = /^[0-9a-f]+$/.test(one.network) && network.id.startsWith(one.network);
    const found = mayBeId
      ? await findNetwork(context, one.network).catch(undefinedIf("NotFound", "InvalidArgument"))
      : undefined;
    if (found?.id !== network.id) others.push(one);
  }
  return others;
}

function undefinedIf(...kinds: readonly RuntError["kind"][]): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof RuntError) || !kinds.includes(error.kind)) throw error;
    return undefined;
  };
}

async function tell(
  context: EngineContext,
  action: string,
  network: ListedNetwork,
  container: ContainerRecord,
): Promise<void> {
  const { tellOfNetwork } = await import("../network-modes.ts");
  tellOfNetwork(context, action, network, { container: container.id });
}

async function change(
  context: EngineContext,
  text: string,
  operation: string,
  work: {
    readonly networks: (record: ContainerRecord) => Promise<readonly NetworkAttachment[]>;
    readonly now: (driver: NetworkDriver, record: ContainerRecord, init: number) => Promise<NetworkState>;
  },
): Promise<ContainerRecord> {
  using lock = await lockContainer(context, text, operation);
  const record = await settle(context, lock.record, "another");
  const { id, name, request, definition } = record;
  if (request.network.mode !== "bridge") {
    const { mode } = request.network;
    const word = typeof mode === "string" ? mode : "container" in mode ? "container" : "ns";
    throw refuse(
      operation,
      name,
      `container ${name} has no networks of its own: it was made with --network ${word}`,
    );
  }
  const { status, run } = observe(context, record);
  const driver = await context.network();
  const networks = await work.networks(record);
  const changed = {
    ...record,
    request: { ...request, network: { ...request.network, networks, unplugged: networks.length === 0 } },
  };
  let network = run.network;
  if (status === "running" || status === "paused") {
    network = await work.now(driver, changed, run.init!.pid);
    writeFiles(context, changed, network);
  }
  context.store.containers.update(id, {
    request: changed.request,
    summary: summaryOf(changed.request, definition),
    ...(network && { run: { ...record.run, network } }),
  });
  return record;
}
