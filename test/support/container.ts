/** Containers for tests, made through the runtime's own verbs in this process, and gone afterwards. */
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type {
  CreateOptions,
  ExecOptions,
  ExitStatus,
  RunOptions,
  RuntimeContext,
} from "../../src/runtime/api.ts";
import * as runtime from "../../src/runtime/index.ts";
import { aBundle, type Bundle, type BundleOptions, freshName, type Json, ownPrefix } from "./bundle.ts";
import { parseReport, type Report } from "./probe.ts";

/** Where this process keeps its containers' state. */
export const stateRoot = join(tmpdir(), `${ownPrefix}-state`);

/** The context of all tests of this process; what the runtime warns of goes to `log`. */
export function aContext(log: string[] = [], changes: Partial<RuntimeContext> = {}): RuntimeContext {
  return {
    root: stateRoot,
    cgroupManager: "cgroupfs",
    rootless: "auto",
    log: (level, message) => log.push(`${level}: ${message}`),
    ...changes,
  };
}

/** Three fds: nothing to read, and two files for what is written. */
class Stdio implements Disposable {
  readonly #files: readonly [string, string];
  readonly fds: readonly [number, number, number];

  constructor(directory: string) {
    const name = freshName();
    this.#files = [join(directory, `${name}.out`), join(directory, `${name}.err`)];
    this.fds = [openSync("/dev/null", "r"), openSync(this.#files[0], "w+"), openSync(this.#files[1], "w+")];
  }

  get stdout(): string {
    return readFileSync(this.#files[0], "utf8");
  }

  get stderr(): string {
    return readFileSync(this.#files[1], "utf8");
  }

  [Symbol.dispose](): void {
    for (const fd of this.fds) closeSync(fd);
  }
}

/** What came of a process in the foreground. */
export interface Outcome {
  readonly status: ExitStatus | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** What the runtime said beside it. */
  readonly log: readonly string[];
}

export interface RunSettings extends BundleOptions {
  readonly options?: Partial<RunOptions>;
  readonly context?: Partial<RuntimeContext>;
  /** Called when the bundle is there, before the container is made. */
  readonly prepare?: (bundle: Bundle) => unknown;
  readonly id?: string;
}

/** Runs a container to its end: a bundle of its own with `changes`, or one that is there. */
export async function runBundle(changes: Json | Bundle = {}, settings: RunSettings = {}): Promise<Outcome> {
  const own = isBundle(changes) ? undefined : await aBundle(changes, settings);
  await using _own = own ?? { async [Symbol.asyncDispose]() {} };
  const bundle = own ?? (changes as Bundle);
  await settings.prepare?.(bundle);
  using stdio = new Stdio(bundle.directory);
  const log: string[] = [];
  const options = { bundle: bundle.path, stdio: stdio.fds, ...settings.options };
  const status = await runtime.run(aContext(log, settings.context), settings.id ?? freshName(), options);
  return { status, stdout: stdio.stdout, stderr: stdio.stderr, log };
}

function isBundle(value: Json | Bundle): value is Bundle {
  return typeof value?.write === "function";
}

/** Runs the probe in a container and reads its report. `paths` are what it looks at. */
export async function probeIn(
  changes: Json | Bundle = {},
  paths: readonly string[] = [],
  settings: RunSettings = {},
): Promise<Report> {
  const prepare = async (bundle: Bundle): Promise<void> => {
    bundle.config.process.args = ["/probe", ...paths];
    bundle.write();
    await settings.prepare?.(bundle);
  };
  const { status, stdout, stderr } = await runBundle(changes, { ...settings, prepare });
  if (stdout === "") throw new Error(`the probe said nothing: ${JSON.stringify(status)} ${stderr}`);
  return parseReport(stdout);
}

/** The error that making (and running) this container ends in. */
export async function refusal(changes: Json | Bundle = {}, settings: RunSettings = {}): Promise<Error> {
  let outcome: Outcome;
  try {
    outcome = await runBundle(changes, settings);
  } catch (error) {
    return error as Error;
  }
  throw new Error(`ran, and should have been refused: ${JSON.stringify(outcome)}`);
}

export interface ContainerSettings extends BundleOptions {
  readonly config?: Json;
  /** An existing bundle; it stays the caller's. */
  readonly bundle?: Bundle;
  /** How far the container has come. */
  readonly status?: "created" | "running" | "paused" | "stopped";
  readonly options?: Partial<CreateOptions>;
  readonly context?: Partial<RuntimeContext>;
  readonly id?: string;
}

/** A container that outlives the call that made it. */
export class Container implements AsyncDisposable {
  readonly id: string;
  readonly bundle: Bundle;
  readonly context: RuntimeContext;
  /** What the runtime said beside its results. */
  readonly log: string[];
  readonly #stdio: Stdio;
  readonly #ownsBundle: boolean;

  constructor(id: string, bundle: Bundle, context: RuntimeContext, log: string[], ownsBundle: boolean) {
    this.id = id;
    this.bundle = bundle;
    this.context = context;
    this.log = log;
    this.#ownsBundle = ownsBundle;
    this.#stdio = new Stdio(bundle.directory);
  }

  get directory(): string {
    return join(this.context.root, this.id);
  }

  get fds(): readonly [number, number, number] {
    return this.#stdio.fds;
  }

  get stdout(): string {
    return this.#stdio.stdout;
  }

  get stderr(): string {
    return this.#stdio.stderr;
  }

  state(): runtime.ContainerState {
    return runtime.state(this.context, this.id);
  }

  get status(): string {
    return this.state().status;
  }

  /** Of init, on the host; 0 where it has ended. */
  get pid(): number {
    return this.state().pid ?? 0;
  }

  /** A file of /proc/PID of init. */
  proc(file: string): string {
    return readFileSync(`/proc/${this.pid}/${file}`, "utf8");
  }

  start(): Promise<void> {
    return runtime.start(this.context, this.id);
  }

  kill(signal: number, all = false): Promise<void> {
    return runtime.kill(this.context, this.id, signal, { all });
  }

  delete(force = false): Promise<void> {
    return runtime.deleteContainer(this.context, this.id, { force });
  }

  /** Waits until its program has written a line that matches. */
  said(pattern: RegExp): Promise<string> {
    return eventually(() => (pattern.test(this.stdout) ? this.stdout : undefined), `output ${pattern}`);
  }

  /** Numbers of the signals that `/probe --signals` got. */
  signalsSeen(): number[] {
    return this.stdout
      .split("\n")
      .filter((line) => /^\d+$/.test(line))
      .map(Number);
  }

  async becomes(status: string): Promise<void> {
    await eventually(() => (this.status === status ? true : undefined), `status ${status}`);
  }

  /** Runs a program in it and waits for its end. */
  async exec(args: readonly string[], options: Partial<ExecOptions> = {}): Promise<Outcome> {
    using stdio = new Stdio(this.bundle.directory);
    const log: string[] = [];
    const context = {
      ...this.context,
      log: (level: string, message: string) => void log.push(`${level}: ${message}`),
    };
    const status = await runtime.exec(context, this.id, { args, stdio: stdio.fds, ...options });
    return { status, stdout: stdio.stdout, stderr: stdio.stderr, log };
  }

  /** Runs the probe in it. */
  async probe(paths: readonly string[] = [], options: Partial<ExecOptions> = {}): Promise<Report> {
    const { stdout, stderr } = await this.exec(["/probe", ...paths], options);
    if (stdout === "") throw new Error(`the probe said nothing: ${stderr}`);
    return parseReport(stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _bundle = this.#ownsBundle ? this.bundle : undefined;
    using _stdio = this.#stdio;
    if (existsSync(this.directory)) await this.delete(true);
  }
}

/** A container in the state asked for; its program waits for ever unless `config` says otherwise. */
export async function aContainer(settings: ContainerSettings = {}): Promise<Container> {
  const pausing = { process: { args: ["/probe", "--pause"] } };
  const bundle = settings.bundle ?? (await aBundle(pausing, settings));
  if (settings.config) {
    const { merged } = await import("./bundle.ts");
    bundle.config = merged(bundle.config, settings.config);
    bundle.write();
  }
  const log: string[] = [];
  const context = aContext(log, settings.context);
  const container = new Container(
    settings.id ?? freshName(),
    bundle,
    context,
    log,
    settings.bundle === undefined,
  );
  try {
    await runtime.create(context, container.id, {
      bundle: bundle.path,
      stdio: container.fds,
      ...settings.options,
    });
    const { status = "running" } = settings;
    if (status === "created") return container;
    await container.start();
    if (status === "paused") await runtime.pause(context, container.id);
    if (status === "stopped") {
      await container.kill(9);
      await container.becomes("stopped");
    }
    return container;
  } catch (error) {
    await container[Symbol.asyncDispose]();
    throw error;
  }
}

/** How long a sign is waited for, in milliseconds: longer than it takes on a machine that is busy with much else. */
export const patienceMs = process.env.RUNT_VM ? 120_000 : 30_000;

/** Asks until there is an answer. @throws after `patienceMs` */
export async function eventually<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  what: string,
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await sleep(5);
  }
}
