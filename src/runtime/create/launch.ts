/** Carries out a plan: host steps, shim, the conversation, up to the point where init is ready. */
import { RuntError } from "../../errors.ts";
import type { Abort } from "../../linux/abort.ts";
import { readProcessStat, reapChild, reapIfEnded } from "../../linux/process.ts";
import type { ExitStatus } from "../api.ts";
import type { Plan } from "../plan/plan.ts";
import { encodeProgram, type Program } from "../wire/encode.ts";
import type { Message } from "../wire/messages.ts";
import { type Op, syncPoints } from "../wire/ops.ts";
import { Conversation, type Waiting } from "./conversation.ts";
import { exitStatusOf } from "./exit-status.ts";
import { failureOf } from "./failure.ts";
import type { IdleShim } from "./shim.ts";
import type { HostSteps } from "./steps.ts";

export interface LaunchOptions {
  /** The verb, for errors. */
  readonly operation: string;
  /** Stays the caller's to dispose of. */
  readonly shim: IdleShim;
  readonly stdio: readonly [number, number, number];
  readonly waiting: Waiting;
  readonly signal?: Abort | undefined;
  /** Called once init exists and while it is busy: the time for what need not be done before. */
  readonly meanwhile?: (init: InitProcess) => void | Promise<void>;
}

/** Init as the host knows it; the start time tells it from any later process with this pid. */
export interface InitProcess {
  readonly pid: number;
  readonly startTime: number;
}

/** An init that is ready and waits for `proceed`. */
export class Launched {
  /** On the host. */
  readonly pid: number;
  /** Of init; with the pid it tells this process from any later one. */
  readonly startTime: number;
  readonly #conversation: Conversation;
  readonly #shim: number;
  readonly #ops: readonly Op[];
  readonly #operation: string;
  #reaped = false;
  #first: Promise<Message> | undefined;
  #exit: Promise<ExitStatus> | undefined;

  constructor(
    { pid, startTime }: InitProcess,
    conversation: Conversation,
    shim: number,
    ops: readonly Op[],
    operation: string,
  ) {
    this.pid = pid;
    this.startTime = startTime;
    this.#conversation = conversation;
    this.#shim = shim;
    this.#ops = ops;
    this.#operation = operation;
  }

  /** Lets init go on. From here on it no longer needs us. */
  proceed(): void {
    this.#conversation.go();
  }

  /** Waits until the shim has left; init is then the child of our subreaper. */
  async left(): Promise<void> {
    using conversation = this.#conversation;
    await conversation.next();
    this.#reaped = true;
    reapChild(this.#shim);
  }

  /**
   * Waits until the process runs its own program.
   * @returns how it ended, where it has already
   * @throws {RuntError} why it could not
   */
  async executing(): Promise<ExitStatus | undefined> {
    const message = await this.#afterReady();
    return message.type === "exited" ? exitStatusOf(message.value) : undefined;
  }

  /** Waits until init has ended. @throws {RuntError} Unavailable when the shim ended before it */
  async exited(): Promise<ExitStatus> {
    this.#exit ??= this.#awaitExit();
    return await this.#exit;
  }

  async #awaitExit(): Promise<ExitStatus> {
    const first = await this.#afterReady();
    const message = first.type === "exited" ? first : await this.#conversation.next();
    this.#reap();
    if (message?.type !== "exited") throw shimLost(this.#operation);
    return exitStatusOf(message.value);
  }

  /** The one record that both `executing` and `exited` wait for, in whatever order they are called. */
  #afterReady(): Promise<Message> {
    this.#first ??= this.#readFirst();
    return this.#first;
  }

  async #readFirst(): Promise<Message> {
    const message = await this.#conversation.next();
    if (message?.type === "executing" || message?.type === "exited") return message;
    this.#reap();
    throw message ? failureOf(this.#operation, message, this.#ops) : shimLost(this.#operation);
  }

  /** The thread has other things to do from now on than to wait for this process. */
  listen(): void {
    this.#conversation.listen();
  }

  /** Hangs up, and takes the shim off the list of our children. */
  [Symbol.dispose](): void {
    this.#conversation[Symbol.dispose]();
    this.#reap();
  }

  #reap(): void {
    if (this.#reaped) return;
    this.#reaped = true;
    // The shim has said its last word but may need a moment to end, for which nobody waits.
    if (!reapIfEnded(this.#shim)) setImmediate(() => reapChild(this.#shim));
  }
}

/**
 * Starts what `plan` says. When it throws, init is dead; what the host steps made is the caller's to undo.
 * @throws {RuntError} with the part of config.json that failed; the reason of `signal`
 */
export async function launch(plan: Plan, steps: HostSteps, options: LaunchOptions): Promise<Launched> {
  const { operation, signal } = options;
  signal?.throwIfAborted();
  for (const step of plan.before) await steps.run(step, signal);
  const program = steps.hasCgroup ? plan.program : withoutCgroup(plan.program);
  const { bytes, ops } = encodeProgram(program);
  const inherited = program.inherited.map((slot) => steps.fd(slot));
  const shim = options.shim.begin(bytes, options.stdio, inherited);
  const conversation = new Conversation(shim.socket, options.waiting);
  const abort = (): void => conversation[Symbol.dispose]();
  signal?.addEventListener("abort", abort, { once: true });
  let init: InitProcess = { pid: 0, startTime: 0 };
  try {
    for (;;) {
      const message = await conversation.next();
      if (!message) {
        signal?.throwIfAborted();
        throw shimLost(operation);
      }
      switch (message.type) {
        case "started":
          steps.pid = message.value;
          // It is there to be looked up until the shim has reaped it.
          init = { pid: steps.pid, startTime: readProcessStat(steps.pid)?.startTime ?? 0 };
          await options.meanwhile?.(init);
          break;
        case "sync":
          await runSync(plan, steps, message, options);
          conversation.go();
          break;
        case "ready":
          return new Launched(init, conversation, shim.pid, ops, operation);
        case "failed":
          throw failureOf(operation, message, ops);
        default:
          throw endedTooSoon(operation, message, ops);
      }
    }
  } catch (error) {
    conversation[Symbol.dispose]();
    reapChild(shim.pid);
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** An ordinary user whom nobody gave a cgroup stays in the one he is in. */
function withoutCgroup(program: Program): Program {
  return { ...program, cgroup: null, inherited: program.inherited.filter((slot) => slot !== program.cgroup) };
}

async function runSync(
  plan: Plan,
  steps: HostSteps,
  message: Message,
  { operation, signal }: LaunchOptions,
): Promise<void> {
  const point = syncPoints[message.value];
  if (point === undefined || plan.atSync[point] === undefined) {
    throw new RuntError(
      "Internal",
      `runt-shim: stopped at a point that the plan does not have: ${message.value}`,
      {
        operation,
      },
    );
  }
  steps.listener = message.errno;
  for (const step of plan.atSync[point]) await steps.run(step, signal);
}

/** What a filter's denial ends init with: a SIGSYS of the kernel's, or the trap that is left where it may not even exit. */
const killedByFilter: ReadonlySet<string> = new Set(["SIGSYS", "SIGILL"]);

function endedTooSoon(operation: string, message: Message, ops: readonly Op[]): RuntError {
  const what = `unable to start container process: init ended before it was ready: ${ended(message)}`;
  const status = exitStatusOf(message.value);
  const filtered =
    "signaled" in status && killedByFilter.has(status.signaled) && ops.some(({ op }) => op === "seccomp");
  if (!filtered) return new RuntError("Internal", what, { operation });
  const subject = "config.json: linux.seccomp";
  return new RuntError("FailedPrecondition", `${what}: ${subject} denies what it needs`, {
    operation,
    subject,
  });
}

function ended(message: Message): string {
  const status = exitStatusOf(message.value);
  if ("exited" in status) return `exit status ${status.exited}`;
  const hint =
    status.signal === 9
      ? " (container init was OOM-killed (memory limit too low?), or killed by somebody)"
      : "";
  return `${status.signaled}${hint}`;
}

function shimLost(operation: string): RuntError {
  return new RuntError("Unavailable", "unable to start container process: runt-shim ended without a word", {
    operation,
  });
}
