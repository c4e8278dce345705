/** Starts runt-shim: a sealed copy of it, which gets a plan nobody can change and the fds that the plan names. */
import { Fd } from "../../linux/fd.ts";
import { Bytes, call, check, I32, I64, Text } from "../../linux/ffi.ts";
import { nativePath } from "../../linux/native.ts";
import { reapChild } from "../../linux/process.ts";
import { sendFds } from "../../linux/socket.ts";
import { hasCode } from "../../linux/system-error.ts";

/** Made once for this process; every shim is started from it. */
let sealedShim: Fd | undefined;

/** The shim in memory, so that no container can write to the file on disk through /proc/PID/exe. */
function shimExecutable(): Fd {
  if (sealedShim) return sealedShim;
  const path = process.env.RUNT_SHIM ?? nativePath("runt-shim");
  sealedShim = new Fd(check(call("runt_seal", [Text], [path]), "memfd_create", { path }));
  return sealedShim;
}

/** How many fds the kernel takes with one message (SCM_MAX_FD). */
const messageFds = 253;

/** ANTICIPATE_NETWORK in native-shims/shim.h. */
const anticipateNetwork = 1;

export interface ShimProcess {
  /** A child of ours, to be reaped once its socket ends. */
  readonly pid: number;
  /** Our end of the conversation; the caller's. */
  readonly socket: Fd;
}

/**
 * A shim that has nothing to do yet. To start a program takes the kernel as long as it takes us to find out what is to
 * be done, and it is done by another thread: so whoever will need a shim begins with it.
 */
export class IdleShim implements Disposable {
  readonly #socket: Fd;
  readonly #handle: number;
  #taken = false;
  #anticipatesNetwork = false;

  /** @throws {SystemError} EAGAIN, ENOMEM, EMFILE */
  constructor() {
    const ours = new Int32Array(1);
    const types = [I32, Bytes] as const;
    const handle = call("runt_spawn_begin", types, [shimExecutable().n, new Uint8Array(ours.buffer)]);
    this.#handle = check(handle, "pthread_create");
    this.#socket = new Fd(ours[0]!);
  }

  /**
   * Says that the plan will have a network namespace, which takes the kernel longer than all else that it will have. To say
   * it twice is to say it once.
   */
  anticipateNetwork(): void {
    if (this.#anticipatesNetwork) return;
    this.#anticipatesNetwork = true;
    this.#send(anticipateNetwork, []);
  }

  /**
   * Gives it its work.
   * @param plan the encoded program
   * @param stdio fds that become 0, 1 and 2 of the container; they stay the caller's
   * @param inherited fds in the order of the program's `inherited`; they stay the caller's
   * @throws {SystemError} why it could not be started
   */
  begin(
    plan: Uint8Array,
    stdio: readonly [number, number, number],
    inherited: readonly number[],
  ): ShimProcess {
    using memory = new Fd(
      check(call("runt_memfd", [Text, Bytes, I32], ["runt-plan", plan, plan.length]), "memfd_create"),
    );
    const fds = [...stdio, memory.n, ...inherited];
    for (let i = 0; i < fds.length; i += messageFds) this.#send(0, fds.slice(i, i + messageFds));
    const pid = this.#end();
    if (pid < 0) this.#socket[Symbol.dispose]();
    return { pid: check(pid, "execveat"), socket: this.#socket };
  }

  /** Ends it, where it got no work. */
  [Symbol.dispose](): void {
    if (this.#taken) return;
    this.#socket[Symbol.dispose]();
    const pid = this.#end();
    if (pid > 0) reapChild(pid);
  }

  #send(byte: number, fds: readonly number[]): void {
    try {
      sendFds(this.#socket, Uint8Array.of(byte), fds);
    } catch (error) {
      // Nobody reads where it did not start, and why it did not, its end will tell.
      if (!hasCode(error, "EPIPE")) throw error;
    }
  }

  #end(): number {
    this.#taken = true;
    return call("runt_spawn_end", [I64], [this.#handle]);
  }
}
