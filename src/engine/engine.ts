/**
 * The engine: containers of images on one machine, without a daemon. What the command line, the library and the API call.
 *
 * Any number of processes may have it open; each verb is a file of its own, and loaded when it is called.
 */
import type { ImageStore } from "../image/store.ts";
import type { EngineContext } from "./context.ts";
import type { EngineOptions } from "./open.ts";
import type { ContainerRecord } from "./record.ts";
import type { ContainerRequest, NetworkAttachment } from "./request.ts";

export type { EngineOptions } from "./open.ts";

export class Engine implements Disposable {
  /** What the verbs work with, for verbs that are not here. */
  readonly context: EngineContext;

  private constructor(context: EngineContext) {
    this.context = context;
  }

  /**
   * Opens the engine of a root. What a crash has left is repaired by the verbs that meet it, and by `reconcile`.
   * @throws {RuntError} PermissionDenied, Unavailable
   */
  static async open(options: EngineOptions = {}): Promise<Engine> {
    const { openContext } = await import("./open.ts");
    return new Engine(openContext(options));
  }

  /** The images of the same root. */
  images(): Promise<ImageStore> {
    return this.context.images();
  }

  /** The container that `text` means: an ID, a name, the beginning of an ID. @throws {RuntError} NotFound; InvalidArgument where many begin so */
  async find(text: string, operation = "find"): Promise<ContainerRecord> {
    return (await import("./container/find.ts")).findRecord(this.context, text, operation);
  }

  /** The same, where its program runs. @throws {RuntError} FailedPrecondition */
  async findRunning(text: string, operation: string): Promise<ContainerRecord> {
    return (await import("./container/find.ts")).findRunning(this.context, text, operation);
  }

  /** Makes a container; nothing runs. See `createContainer`. */
  async create(request: ContainerRequest, options?: import("./container/create.ts").CreateOptions) {
    return (await import("./container/create.ts")).createContainer(this.context, request, options);
  }

  /** Starts it. See `startContainer`. */
  async start(text: string, options?: import("./container/start.ts").StartOptions) {
    return (await import("./container/start.ts")).startContainer(this.context, text, options);
  }

  /** Makes it and starts it; where it cannot be started and is to be removed, it is. See `runContainer`. */
  async run(request: ContainerRequest, options?: import("./container/run.ts").RunOptions) {
    return (await import("./container/run.ts")).runContainer(this.context, request, options);
  }

  /** Asks it to end, and kills it when it does not. See `stopContainer`. */
  async stop(text: string, options?: import("./container/stop.ts").StopOptions): Promise<void> {
    return (await import("./container/stop.ts")).stopContainer(this.context, text, options);
  }

  /** Sends it a signal. @param signal "SIGTERM", "TERM" or a number @throws {RuntError} FailedPrecondition where it does not run */
  async kill(text: string, signal: string | number = "SIGKILL"): Promise<void> {
    return (await import("./container/kill.ts")).killContainer(this.context, text, signal);
  }

  /** Stops and starts it. */
  async restart(text: string, options?: import("./container/stop.ts").StopOptions): Promise<void> {
    return (await import("./container/restart.ts")).restartContainer(this.context, text, options);
  }

  /** Removes it. See `removeContainer`. */
  async remove(text: string, options?: import("./container/rm.ts").RemoveOptions): Promise<void> {
    return (await import("./container/rm.ts")).removeContainer(this.context, text, options);
  }

  /** Waits until it has ended. @returns what a shell would have in `$?` */
  async wait(text: string, options?: import("./container/wait.ts").WaitOptions): Promise<number> {
    return (await import("./container/wait.ts")).waitForContainer(this.context, text, options);
  }

  /** Gives it another name. @throws {RuntError} AlreadyExists */
  async rename(text: string, name: string): Promise<void> {
    return (await import("./container/rename.ts")).renameContainer(this.context, text, name);
  }

  async pause(text: string): Promise<void> {
    return (await import("./container/pause.ts")).pauseContainer(this.context, text);
  }

  async unpause(text: string): Promise<void> {
    return (await import("./container/pause.ts")).unpauseContainer(this.context, text);
  }

  /** New limits, or another restart policy. See `updateContainer`. */
  async update(text: string, changes: import("./container/update.ts").UpdateChanges): Promise<void> {
    return (await import("./container/update.ts")).updateContainer(this.context, text, changes);
  }

  /** Puts it on one more network, now and in later runs. @throws {RuntError} */
  async connect(text: string, attachment: NetworkAttachment): Promise<void> {
    return (await import("./container/connect.ts")).connectContainer(this.context, text, attachment);
  }

  /** Takes it off a network. @throws {RuntError} */
  async disconnect(text: string, network: string): Promise<void> {
    return (await import("./container/connect.ts")).disconnectContainer(this.context, text, network);
  }

  /** All that is known of it, as docker's `inspect` prints it. */
  async inspect(text: string, options?: import("./container/inspect.ts").InspectOptions) {
    return (await import("./container/inspect.ts")).inspectContainer(this.context, text, options);
  }

  /** What containers there are. See `listContainers`. */
  async list(options?: import("./container/ps.ts").ListOptions) {
    return (await import("./container/ps.ts")).listContainers(this.context, options);
  }

  /** Removes containers that do not run. See `pruneContainers`. */
  async prune(options?: import("./container/prune.ts").PruneOptions) {
    return (await import("./container/prune.ts")).pruneContainers(this.context, options);
  }

  /** What happens, and what has happened. See `engineEvents`. */
  events(options?: import("./events.ts").EventOptions): AsyncGenerator<import("./events.ts").EngineEvent> {
    // From this call on, not from when somebody asks for the first one.
    const after = this.context.store.events.last();
    const { context } = this;
    return (async function* () {
      yield* (await import("./events.ts")).engineEvents(context, after, options);
    })();
  }

  /** Makes a volume. See `createVolume`. */
  async createVolume(options?: import("./volume/volume.ts").VolumeOptions) {
    return (await import("./volume/volume.ts")).createVolume(this.context, options);
  }

  async listVolumes() {
    return (await import("./volume/volume.ts")).listVolumes(this.context);
  }

  /** @throws {RuntError} NotFound */
  async inspectVolume(name: string) {
    return (await import("./volume/volume.ts")).inspectVolume(this.context, name);
  }

  /** @throws {RuntError} NotFound; FailedPrecondition where a container has it */
  async removeVolume(name: string, options?: { readonly force: boolean }): Promise<void> {
    return (await import("./volume/volume.ts")).removeVolume(this.context, name, options);
  }

  /** Removes volumes that no container has. See `pruneVolumes`. */
  async pruneVolumes(options?: import("./volume/volume.ts").PruneVolumesOptions) {
    return (await import("./volume/volume.ts")).pruneVolumes(this.context, options);
  }

  /** What a monitor has run when its container gets healthy or unhealthy. See `healthChanged`. */
  async healthChanged(id: string, status: import("./health-changed.ts").HealthChange): Promise<void> {
    return (await import("./health-changed.ts")).healthChanged(this.context, id, status);
  }

  /** What a monitor's exit command does: records the end, undoes the network, removes or starts again. */
  async afterExit(id: string): Promise<void> {
    return (await import("./after-exit.ts")).afterExit(this.context, id);
  }

  /** Repairs what a crash has left, networks too. Every verb does it for the containers that it meets. */
  async reconcile(): Promise<void> {
    return (await import("./reconcile.ts")).reconcileAll(this.context);
  }

  /** Starts what a restart policy wants to be running: once after the machine has started. @returns IDs */
  async revive(): Promise<string[]> {
    return (await import("./revive.ts")).reviveContainers(this.context);
  }

  /** What it has written, and with `follow` what it writes, in pieces. See `containerLogs`. */
  async *logs(text: string, options?: import("./container/logs.ts").LogOptions) {
    yield* (await import("./container/logs.ts")).containerLogs(this.context, text, options);
  }

  /** Runs one more process in it. See `execInContainer`. */
  async exec(text: string, request: import("./container/exec.ts").ExecRequest) {
    return (await import("./container/exec.ts")).execInContainer(this.context, text, request);
  }

  /** Runs one more process in it that nobody waits for. See `execDetached`. */
  async execDetached(text: string, request: import("./container/exec.ts").ExecRequest): Promise<void> {
    return (await import("./container/exec.ts")).execDetached(this.context, text, request);
  }

  /** Its streams, beside whoever else has them. See `attachContainer`. */
  async attach(text: string, options: import("./monitor/attachment.ts").AttachOptions) {
    return (await import("./container/attach.ts")).attachContainer(this.context, text, options);
  }

  /** Its files, to be read and written, whether it runs or not. See `containerFiles`. */
  async files(text: string) {
    return (await import("./container/copy.ts")).containerFiles(this.context, text);
  }

  /** What it has changed of its image. See `containerChanges`. */
  async diff(text: string) {
    return (await import("./container/diff.ts")).containerChanges(this.context, text);
  }

  /** Makes an image of it. @returns the image's ID. See `commitContainer` */
  async commit(text: string, options?: import("./container/commit.ts").CommitOptions): Promise<string> {
    return (await import("./container/commit.ts")).commitContainer(this.context, text, options);
  }

  /** Its root file system as an archive, without volumes. See `exportContainer`. */
  async *export(text: string, options?: import("./container/export.ts").ExportOptions) {
    yield* (await import("./container/export.ts")).exportContainer(this.context, text, options);
  }

  /** What containers have used by now. See `sampleContainers`. */
  async sample(texts: readonly string[] = [], options?: { readonly all?: boolean | undefined }) {
    return (await import("./container/stats.ts")).sampleContainers(this.context, texts, options);
  }

  /** Its processes as the host's ps(1) has them. See `containerProcesses`. */
  async top(text: string, options?: readonly string[]) {
    return (await import("./container/top.ts")).containerProcesses(this.context, text, options);
  }

  /** Its health check, once. See `runHealthCheck`. */
  async healthCheck(text: string) {
    return (await import("./container/healthcheck.ts")).runHealthCheck(this.context, text);
  }

  /** Closes the database. A program that is about to end need not. */
  [Symbol.dispose](): void {
    this.context.store[Symbol.dispose]();
  }
}
