/** `network connect` and `disconnect`: the networks of a container, now and in later runs. */
import { RuntError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import type { NetworkDriver, NetworkState } from "../network-driver.ts";
import type { ContainerRecord } from "../record.ts";
import type { NetworkAttachment } from "../request.ts";
import { settle } from "../settle.ts";
import { summaryOf } from "./definition.ts";
import { refuse } from "./errors.ts";
import { writeFiles } from "./files.ts";
import { lockContainer } from "./lock.ts";
import { observe } from "./observe.ts";

/** @throws {RuntError} FailedPrecondition where it has no networks of its own; as `connectNetwork` */
export async function connectContainer(
  context: EngineContext,
  text: string,
  attachment: NetworkAttachment,
): Promise<void> {
  const record = await change(context, text, "network connect", {
    networks: (record) => {
      const before = record.request.network.networks;
      // Until now the default one was meant, and that it stays.
      const own = before.length > 0 || record.status === "created" ? before : [plainAttachment("bridge")];
      return [...own.filter(({ network }) => network !== attachment.network), attachment];
    },
    now: (driver, record, init) => driver.connect(record, init, attachment),
  });
  await tell(context, "connect", attachment.network, record);
}

/** @throws {RuntError} FailedPrecondition; NotFound where it is not on that network */
export async function disconnectContainer(
  context: EngineContext,
  text: string,
  network: string,
): Promise<void> {
  const record = await change(context, text, "network disconnect", {
    networks: (record) => record.request.network.networks.filter((one) => one.network !== network),
    now: (driver, record, init) => driver.disconnect(record, init, network),
  });
  await tell(context, "disconnect", network, record);
}

async function tell(
  context: EngineContext,
  action: string,
  nameOrId: string,
  container: ContainerRecord,
): Promise<void> {
  const [{ networkContextOf, tellOfNetwork }, { findDefinition }] = await Promise.all([
    import("../network-modes.ts"),
    import("../network/definitions.ts"),
  ]);
  const { definitions } = await networkContextOf(context);
  try {
    const network = findDefinition(definitions, nameOrId, `network ${action}`);
    tellOfNetwork(context, action, network, { container: container.id });
  } catch (error) {
    // A container that does not run is taken off one that has gone.
    if (!(error instanceof RuntError) || error.kind !== "NotFound") throw error;
  }
}

function plainAttachment(network: string): NetworkAttachment {
  return { network, aliases: [], ipv4: undefined, ipv6: undefined, mac: undefined };
}

async function change(
  context: EngineContext,
  text: string,
  operation: string,
  work: {
    readonly networks: (record: ContainerRecord) => readonly NetworkAttachment[];
    readonly now: (driver: NetworkDriver, record: ContainerRecord, init: number) => Promise<NetworkState>;
  },
): Promise<ContainerRecord> {
  using lock = await lockContainer(context, text, operation);
  const record = await settle(context, lock.record, "another");
  const { id, name, request, definition } = record;
  if (request.network.mode !== "bridge") {
    throw refuse(
      operation,
      name,
      `container ${name} has no networks of its own: it was made with another mode`,
    );
  }
  const { status, run } = observe(context, record);
  const driver = await context.network();
  const changed = {
    ...record,
    request: { ...request, network: { ...request.network, networks: work.networks(record) } },
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
