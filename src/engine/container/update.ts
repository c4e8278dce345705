/** `update`: new limits and another restart policy, for this run and for later ones. */
import { readDocument } from "../../spec/runtime/parse.ts";
import { LinuxResources } from "../../spec/runtime/resources.ts";
import type { EngineContext } from "../context.ts";
import { MonitorClient } from "../monitor/client.ts";
import { type RestartPolicy, restartOn } from "../monitor/restart-policy.ts";
import { ociRuntime } from "../oci/oci.ts";
import type { ResourceRequest } from "../request.ts";
import { settle } from "../settle.ts";
import { blockDevicesOf } from "../spec/devices.ts";
import { limitsOf } from "../spec/resources.ts";
import { checkRequest } from "./check.ts";
import { refuse } from "./errors.ts";
import { eventOf } from "./event.ts";
import { lockContainer } from "./lock.ts";
import { observe } from "./observe.ts";

/** What is left out stays as it is. */
export interface UpdateChanges {
  readonly resources?: Partial<ResourceRequest>;
  readonly restart?: RestartPolicy;
}

/** @throws {RuntError} with the old limits in place: InvalidArgument, FailedPrecondition */
export async function updateContainer(
  context: EngineContext,
  text: string,
  { resources = {}, restart }: UpdateChanges,
): Promise<void> {
  using lock = await lockContainer(context, text, "update");
  const record = await settle(context, lock.record, "another");
  const { id, name } = record;
  const changed = Object.fromEntries(Object.entries(resources).filter(([, value]) => value !== undefined));
  const request = {
    ...record.request,
    resources: { ...record.request.resources, ...changed },
    ...(restart && { restart }),
  };
  checkRequest(request);
  if (restart && restart.name !== "no" && request.autoRemove) {
    throw refuse(
      "update",
      name,
      "restart policy cannot be updated because AutoRemove is enabled for the container",
    );
  }
  const { status } = observe(context, record);
  const runs = status === "running" || status === "paused";
  if (runs && Object.keys(changed).length > 0) {
    const limits = limitsOf(changed, blockDevicesOf((resources.blkio ?? []).map(({ path }) => path)));
    const origin = { where: "update", operation: "update" };
    const oci = await ociRuntime(context, record);
    await oci.update(readDocument(LinuxResources, limits, origin));
  }
  if (restart && (runs || status === "restarting")) {
    using monitor = await MonitorClient.connect(context.layout.container(id));
    await monitor.setRestart(restartOn(restart, record.run.restarts));
  }
  context.store.transaction(() => {
    context.store.containers.update(id, { request });
    context.store.events.append(eventOf(record, "update"));
  });
}
