/** `start`: network, configuration, monitor, and the program runs. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { messageOf, RuntError } from "../../errors.ts";
import type { Abort } from "../../linux/abort.ts";
import { readProcessStat } from "../../linux/process.ts";
import type { Waiting } from "../../runtime/create/conversation.ts";
import { IdleShim } from "../../runtime/create/shim.ts";
import { bootId, type EngineContext } from "../context.ts";
import { exitCodeOf } from "../exit-code.ts";
import type { Attachment, AttachOptions } from "../monitor/attachment.ts";
import { MonitorClient } from "../monitor/client.ts";
import type { MonitorSettings } from "../monitor/create.ts";
import { OutputLine, type OutputOptions } from "../monitor/output-line.ts";
import { noRestarts, type RestartHistory, restartRequest } from "../monitor/restart-policy.ts";
import { type NetworkPlan, type NetworkState, plainState } from "../network-driver.ts";
import { ociRuntime } from "../oci/oci.ts";
import type { ContainerRecord, HealthDefinition, RunState } from "../record.ts";
import { settle } from "../settle.ts";
import { configOf } from "../spec/config.ts";
import { usualConfig } from "../spec/usual.ts";
import { timestamp } from "../time.ts";
import { Attendance } from "./attend.ts";
import { refuse } from "./errors.ts";
import { eventOf } from "./event.ts";
import { specFacts } from "./facts.ts";
import { writeFiles } from "./files.ts";
import { lockContainer } from "./lock.ts";

export interface StartOptions {
  /** Streams from the first byte on; `Started.attachment` is there then, and the caller's. */
  readonly attach?: AttachOptions | undefined;
  /** In place of `attach`, for a program that does nothing but pass output on, by `Started.output`, which is the caller's. */
  readonly output?: OutputOptions | undefined;
  /**
   * Whether the caller waits for the end and then calls `Started.finish`. Should it die before, nothing is lost.
   * Without it a program of ours is started when the container has ended.
   */
  readonly attend?: boolean | undefined;
  /** "blocking" for a program that does nothing else until the container runs. */
  readonly waiting?: Waiting | undefined;
  readonly signal?: Abort | undefined;
}

/** A container that runs. */
export interface Started extends Disposable {
  readonly record: ContainerRecord;
  readonly attachment: Attachment | undefined;
  readonly output: OutputLine | undefined;
  /**
   * With `attend`: waits for the end and sees to what follows from it: its record, its network, `--rm`.
   * @returns what a shell would have in `$?`
   */
  finish(): Promise<number>;
  /** Whether this process stays to see it end, as it does at first; without `attach` and `attend` there is nothing to stay for. */
  keepAlive(keeps: boolean): void;
}

/**
 * Starts a container that does not run; one that runs already is left as it is.
 * @throws {RuntError} why it cannot run; `exitCodeOf` says how a shell would say it
 */
export async function startContainer(
  context: EngineContext,
  text: string,
  options: StartOptions = {},
): Promise<Started> {
  using lock = await lockContainer(context, text, "start", options.signal);
  const record = await settle(context, lock.record, "another");
  if (record.status === "running") return alreadyRunning(context, record, options);
  if (record.status === "paused") {
    throw refuse("start", record.name, "cannot start a paused container, try unpause instead");
  }
  if (record.status === "removing") throw refuse("start", record.name, "container is marked for removal");
  return await startLocked(context, record, { ...options, restarts: noRestarts });
}

async function alreadyRunning(
  context: EngineContext,
  record: ContainerRecord,
  { attach }: StartOptions,
): Promise<Started> {
  const client = attach && (await MonitorClient.connect(context.layout.container(record.id)));
  const attachment = client && (await client.attach(attach));
  return started(context, record, { client, attachment });
}

/** The caller has the lock, and knows that it does not run. One with the status "creating" becomes visible by it. */
export async function startLocked(
  context: EngineContext,
  record: ContainerRecord,
  options: StartOptions & { readonly restarts: RestartHistory },
): Promise<Started> {
  const { id } = record;
  const { layout } = context;
  // Nobody but us has ever seen it.
  const isNew = record.status === "creating";
  const directory = layout.container(id);
  // Before all else: it is what takes longest, and it is done by another thread.
  using shim = record.request.runtime === undefined ? new IdleShim() : undefined;
  // Of a run whose end nobody saw.
  const oci = await ociRuntime(context, record);
  if (!isNew && existsSync(join(layout.runRoot, id))) await oci.delete();
  const driver = await context.network();
  let attendance: Attendance | undefined;
  let client: MonitorClient | undefined;
  let output: OutputLine | undefined;
  let made = false;
  try {
    const plan = driver.plan(record);
    // In a user namespace the others are made with it, and that takes the plan.
    if (plan.namespace === "new" && record.request.namespaces.user === "host") shim?.anticipateNetwork();
    try {
      writeFiles(context, record, plainState(plan));
      using held = new DisposableStack();
      const config = await configFor(context, record, plan, held);
      if (options.attend) attendance = Attendance.begin(directory);
      else Attendance.clear(directory);
      const init = await oci.create({
        config,
        complete: usualConfig(record.request, record.definition, config),
        monitor: monitorOf(context, record, options.restarts),
        waiting: options.waiting ?? "events",
        shim,
        meanwhile: () => prepareForLater(context, options),
        signal: options.signal,
      });
      made = true;
      const network = await driver.attach(record, plan, init.pid, options.signal);
      // What is mounted is this very file, so that it says what is known by now.
      if (network.hosts.length > 0 || network.nameservers.length > 0) writeFiles(context, record, network);
      const run = runningState(record, init, network, options.restarts);
      let attachment: Attachment | undefined;
      if (options.output) output = await OutputLine.open(directory, options.output);
      else if (options.attach || options.attend) {
        client = await MonitorClient.connect(directory);
        // Before it starts, so that nothing is missed.
        attachment = await client.attach(options.attach ?? {});
      }
      await oci.start(options.waiting ?? "events");
      const running = { ...record, status: "running", run, owner: undefined } as const;
      context.store.transaction(() => {
        context.store.containers.update(id, { status: "running", run, ...(isNew && { owner: null }) });
        if (isNew) context.store.events.append(eventOf(running, "create"));
        context.store.events.append(eventOf(running, "start"));
      });
      return started(context, running, { client, attachment, output, attendance });
    } catch (error) {
      client?.[Symbol.dispose]();
      output?.[Symbol.dispose]();
      if (made) await oci.delete().catch(() => {});
      await driver.teardown(record);
      throw error;
    }
  } catch (error) {
    recordFailure(context, record, error);
    // What there was to do is done.
    attendance?.done();
    attendance?.[Symbol.dispose]();
    throw error;
  }
}

/** What will be needed once it runs, and once it has ended. */
async function prepareForLater({ store }: EngineContext, { attend }: StartOptions): Promise<void> {
  bootId();
  store.prepareForRun();
  if (attend) await import("./finish.ts");
}

/**
 * config.json, with what devices of vendors change in it.
 * @param held gets what has to last until the container is made
 */
async function configFor(
  context: EngineContext,
  record: ContainerRecord,
  plan: NetworkPlan,
  held: DisposableStack,
): Promise<Record<string, unknown>> {
  const { idMaps } = record.definition;
  let { request } = record;
  const { user } = request.namespaces;
  if (idMaps && typeof user === "object" && "path" in user) {
    const { holdMapsOfPath } = await import("../user-namespace/of-process.ts");
    const { path } = held.use(holdMapsOfPath(user.path, idMaps));
    request = { ...request, namespaces: { ...request.namespaces, user: { path } } };
  }
  const facts = await specFacts(context, record, plan);
  let config = configOf(request, record.definition, facts);
  if (idMaps) config = (await import("../spec/id-maps.ts")).withIdMaps(config, record, idMaps);
  const vendors = record.request.devices.map(({ host }) => host).filter((host) => !host.startsWith("/"));
  if (vendors.length === 0) return config;
  const [{ cdiEdits }, { withEdits }] = await Promise.all([
    import("../cdi/registry.ts"),
    import("../cdi/apply.ts"),
  ]);
  return withEdits(config as never, await cdiEdits(vendors), facts.user);
}

function runningState(
  record: ContainerRecord,
  init: { readonly pid: number; readonly startTime: number },
  network: NetworkState,
  restarts: RestartHistory,
): RunState {
  // The monitor is init's parent until init has ended, and init waits for us.
  const parent = readProcessStat(init.pid)?.parent ?? 0;
  const monitor = { pid: parent, startTime: readProcessStat(parent)?.startTime ?? 0 };
  return {
    ...record.run,
    bootId: bootId(),
    init: { pid: init.pid, startTime: init.startTime },
    monitor: parent > 1 ? monitor : undefined,
    started: timestamp(),
    finished: record.run.finished,
    exitCode: 0,
    error: "",
    oomKilled: false,
    restarts,
    stoppedByUser: false,
    network,
  };
}

/** A container that could not be started says why, as docker's does. */
function recordFailure({ store }: EngineContext, record: ContainerRecord, error: unknown): void {
  const run: RunState = {
    ...record.run,
    init: undefined,
    monitor: undefined,
    error: messageOf(error),
    exitCode: error instanceof RuntError ? exitCodeOf(error) : 125,
  };
  const isNew = record.status === "creating";
  const status = record.status === "created" || isNew ? "created" : "exited";
  store.transaction(() => {
    store.containers.update(record.id, { status, run, ...(isNew && { owner: null }) });
    if (isNew) store.events.append(eventOf(record, "create"));
  });
}

function monitorOf(
  context: EngineContext,
  record: ContainerRecord,
  restarts: RestartHistory,
): MonitorSettings {
  const { id, request, definition } = record;
  const directory = context.layout.container(id);
  const exitCommand = context.afterExit(id);
  return {
    directory,
    oomScoreAdj: -999,
    input: request.stdin,
    log:
      request.log.driver === "none"
        ? undefined
        : {
            path: context.layout.log(id),
            maxSizeBytes: request.log.maxSize,
            maxFiles: request.log.maxFiles,
            carriageReturns: "keep",
          },
    exitCommand: exitCommand && { ...exitCommand, errors: join(directory, "errors") },
    restart: restartRequest(request.restart, restarts),
    health: definition.health && healthOf(context, record, definition.health),
  };
}

function healthOf(
  context: EngineContext,
  record: ContainerRecord,
  health: HealthDefinition,
): MonitorSettings["health"] {
  const [kind, ...words] = health.test;
  const command = kind === "CMD-SHELL" ? ["/bin/sh", "-c", words.join(" ")] : words;
  const { intervalMs, timeoutMs, retries, startPeriodMs, startIntervalMs } = health;
  return {
    ...context.execCommand(record, command),
    intervalMs,
    timeoutMs,
    retries,
    startPeriodMs,
    startIntervalMs,
    change: context.healthChanged(record.id),
  };
}

/** What a start leaves to whoever asked for it. */
interface Lines {
  readonly client?: MonitorClient | undefined;
  readonly attachment?: Attachment | undefined;
  readonly output?: OutputLine | undefined;
  readonly attendance?: Attendance | undefined;
}

function started(
  context: EngineContext,
  record: ContainerRecord,
  { client, attachment, output, attendance }: Lines,
): Started {
  const dispose = (): void => {
    client?.[Symbol.dispose]();
    output?.[Symbol.dispose]();
    attendance?.[Symbol.dispose]();
  };
  return {
    record,
    attachment,
    output,
    keepAlive: (keeps) => client?.keepAlive(keeps),
    async finish() {
      const { finishRun } = await import("./finish.ts");
      try {
        return await finishRun(context, record, attachment ?? output, attendance);
      } finally {
        dispose();
      }
    },
    [Symbol.dispose]: dispose,
  };
}
