/** A container as a program holds it: made by `createContainer`, gone with `await using`. */
import { randomUUID } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import { messageOf } from "../../errors.ts";
import { readDocument } from "../../spec/runtime/parse.ts";
import type { LinuxResources } from "../../spec/runtime/resources.ts";
import type {
  CgroupManager,
  ContainerEvent,
  ContainerState,
  ExecOptions,
  ExitStatus,
  RuntimeContext,
} from "../api.ts";
import { loadBundle } from "../bundle/load.ts";
import { readConfigOf } from "../container/config-store.ts";
import { type Created, createContainer as create } from "../container/create.ts";
import { deleteContainer, removeStopped } from "../container/delete.ts";
import { containerEvents, containerStats } from "../container/events.ts";
import { processOf, startExec } from "../container/exec.ts";
import { killContainer } from "../container/kill.ts";
import { containerState, listProcesses } from "../container/list.ts";
import { pauseContainer, resumeContainer } from "../container/pause.ts";
import { afterStart, release } from "../container/start.ts";
import { findContainer } from "../container/status.ts";
import { updateContainer } from "../container/update.ts";
import { IdleShim } from "../create/shim.ts";
import { defaultRoot } from "./default-root.ts";
import { ContainerProcess } from "./process.ts";
import { signalNumber } from "./signal.ts";
import { Stdio, type StdioOptions } from "./stdio.ts";

export interface ContainerOptions {
  /** Directory of the bundle. */
  readonly bundle: string;
  /** The configuration as a value, in place of `<bundle>/config.json`; paths in it are read from the bundle. */
  readonly config?: object;
  /** Unique below `root`; 16 random hexadecimal digits by default. */
  readonly id?: string;
  /** Where state is kept: `/run/runt`, or below XDG_RUNTIME_DIR for an ordinary user. */
  readonly root?: string;
  /** "pipe" by default; without meaning where the process has a terminal. */
  readonly stdio?: StdioOptions;
  /** "cgroupfs" by default. */
  readonly cgroupManager?: CgroupManager;
  /** Whether the container lives on when this process ends; by default it does not. */
  readonly outlive?: boolean;
  /** Ends the making, and kills the container later. */
  readonly signal?: AbortSignal;
  /** Gets messages that are not errors. */
  readonly log?: RuntimeContext["log"];
}

/**
 * Makes a container from a bundle; its program does not run yet.
 * @throws {RuntError} with nothing left behind
 */
export async function createContainer(options: ContainerOptions): Promise<Container> {
  // Before all else: it is what takes longest, and it is done by another thread.
  using shim = new IdleShim();
  const id = options.id ?? randomId();
  const context: RuntimeContext = {
    root: options.root ?? defaultRoot(),
    cgroupManager: options.cgroupManager ?? "cgroupfs",
    rootless: "auto",
    log: options.log ?? (() => {}),
  };
  const loaded = await loadBundle(options.bundle, { config: options.config, operation: "create" });
  const stdio = new Stdio(loaded.config.process.terminal ? "terminal" : (options.stdio ?? "pipe"));
  try {
    const created = await create(
      context,
      id,
      { bundle: options.bundle, stdio: stdio.fds },
      {
        operation: "create",
        stay: "untilExit",
        dieWithRuntime: !options.outlive,
        waiting: "events",
        loaded,
        shim,
        consoleFd: stdio.console,
        giveStdio: stdio.own,
      },
      options.signal,
    );
    stdio.connect();
    return new Container(context, created, stdio, options.signal);
  } catch (error) {
    stdio.destroy();
    throw error;
  }
}

/** Of a UUID the digits that are all random; Node keeps a store of them, where random bytes are a system call each. */
function randomId(): string {
  const uuid = randomUUID();
  return uuid.slice(0, 8) + uuid.slice(-8);
}

export class Container implements AsyncDisposable {
  readonly id: string;
  /** Of init, on the host. */
  readonly pid: number;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly #stdio: Stdio;
  readonly #context: RuntimeContext;
  readonly #created: Created;
  readonly #signal: AbortSignal | undefined;
  #exit: Promise<ExitStatus> | undefined;
  #ended = false;
  #deleted: Promise<void> | undefined;

  /** Use `createContainer`. */
  constructor(context: RuntimeContext, created: Created, stdio: Stdio, signal?: AbortSignal) {
    const { state } = created.found;
    this.id = state.id;
    this.pid = created.launched.pid;
    this.stdin = stdio.stdin;
    this.stdout = stdio.stdout;
    this.stderr = stdio.stderr;
    this.#stdio = stdio;
    this.#context = context;
    this.#created = created;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  readonly #abort = (): void => {
    this.kill("SIGKILL").catch(() => {});
  };

  /** Runs the program. Resolves when it runs. @throws {RuntError} why it cannot */
  async start(): Promise<void> {
    const { found, launched } = this.#created;
    // The shim tells when the program runs, so nobody has to wait on the fifo.
    let ended: ExitStatus | undefined;
    await release(found, async () => {
      ended = await launched.executing();
    });
    if (ended) this.#settle(Promise.resolve(ended));
    await afterStart(this.#context, found);
  }

  /** Size of its terminal in characters. @throws {TypeError} where it has none */
  resize(rows: number, columns: number): void {
    this.#stdio.resize(rows, columns);
  }

  /** How the container's process ended. @throws {RuntError} Unavailable when its shim was killed */
  wait(): Promise<ExitStatus> {
    return this.#exit ?? this.#settle(this.#created.launched.exited());
  }

  #settle(exit: Promise<ExitStatus>): Promise<ExitStatus> {
    this.#exit = exit;
    exit.then(
      () => {
        this.#ended = true;
      },
      () => {},
    );
    return exit;
  }

  /** One more process in it. @throws {RuntError} */
  async exec(args: readonly string[], options: LibraryExecOptions = {}): Promise<ContainerProcess> {
    const { stdio: wanted = "pipe", signal, ...rest } = options;
    const found = findContainer(this.#context.root, this.id, "exec");
    const process = processOf(readConfigOf(found.directory), { ...rest, args });
    const stdio = new Stdio(process.terminal ? "terminal" : wanted);
    try {
      const mode = {
        stay: "untilExit",
        dieWithRuntime: true,
        waiting: "events",
        consoleFd: stdio.console,
        signal,
      } as const;
      const launched = await startExec(
        this.#context,
        found,
        process,
        { stdio: stdio.fds, giveStdio: stdio.own },
        mode,
      );
      stdio.connect();
      return new ContainerProcess(launched, stdio);
    } catch (error) {
      stdio.destroy();
      throw error;
    }
  }

  /** @throws {RuntError} FailedPrecondition: `container not running` */
  kill(signal: NodeJS.Signals | number = "SIGTERM", options: { all?: boolean } = {}): Promise<void> {
    return killContainer(this.#context, this.id, signalNumber(signal), { all: options.all ?? false });
  }

  pause(): Promise<void> {
    return pauseContainer(this.#context, this.id);
  }

  resume(): Promise<void> {
    return resumeContainer(this.#context, this.id);
  }

  /** New limits, as in `linux.resources`; what is left out stays. */
  async update(resources: object): Promise<void> {
    const { LinuxResources: schema } = await import("../../spec/runtime/resources.ts");
    const checked: LinuxResources = readDocument(schema, resources, {
      where: "resources",
      operation: "update",
    });
    await updateContainer(this.#context, this.id, checked);
  }

  state(): ContainerState {
    return containerState(this.#context, this.id);
  }

  /** Pids of all its processes, on the host. */
  processes(): number[] {
    return listProcesses(this.#context, this.id);
  }

  /** What it uses now, as `runt-oci events --stats` prints it. */
  stats(): ContainerEvent {
    return containerStats(this.#context, this.id);
  }

  /** Statistics at intervals and out-of-memory kills, until the container ends. */
  events(options: { intervalMs: number; signal?: AbortSignal }): AsyncIterable<ContainerEvent> {
    return containerEvents(this.#context, this.id, options);
  }

  /** Kills it if need be, and removes everything that belongs to it. Once is enough; twice does no harm. */
  delete(): Promise<void> {
    this.#deleted ??= this.#delete();
    return this.#deleted;
  }

  async #delete(): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#abort);
    if (this.#ended) await removeStopped(this.#context, this.#created.found);
    else await deleteContainer(this.#context, this.id, { force: true });
    this.#created.launched[Symbol.dispose]();
    this.#stdio.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.delete();
    } catch (error) {
      this.#context.log("warning", messageOf(error));
      throw error;
    }
  }
}

export interface LibraryExecOptions
  extends Pick<
    ExecOptions,
    "cwd" | "env" | "tty" | "user" | "additionalGids" | "capabilities" | "noNewPrivs" | "ignorePaused"
  > {
  /** "pipe" by default. */
  readonly stdio?: StdioOptions;
  readonly signal?: AbortSignal;
}
