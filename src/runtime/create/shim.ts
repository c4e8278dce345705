/** Starts runt-shim: a sealed copy of it, with a plan nobody can change and the fds that the plan names. */
import { Fd } from "../../linux/fd.ts";
import { Bytes, call, check, I32, Text } from "../../linux/ffi.ts";
import { nativePath } from "../../linux/native.ts";
import { SOCK_STREAM, socketpair } from "../../linux/socket.ts";

/** Made once for this process; every shim is started from it. */
let sealedShim: Fd | undefined;

/** The shim in memory, so that no container can write to the file on disk through /proc/PID/exe. */
function shimExecutable(): Fd {
  const path = process.env.RUNT_SHIM ?? nativePath("runt-shim");
  sealedShim ??= new Fd(check(call("runt_seal", [Text], [path]), "memfd_create", { path }));
  return sealedShim;
}

export interface ShimProcess {
  /** A child of ours, to be reaped once its socket ends. */
  readonly pid: number;
  /** Our end of the conversation; the caller's. */
  readonly socket: Fd;
}

/**
 * @param plan the encoded program
 * @param stdio fds that become 0, 1 and 2 of the container; they stay the caller's
 * @param inherited fds in the order of the program's `inherited`; they stay the caller's
 */
export function spawnShim(
  plan: Uint8Array,
  stdio: readonly [number, number, number],
  inherited: readonly number[],
): ShimProcess {
  const [ours, theirs] = socketpair(SOCK_STREAM);
  using _theirs = theirs;
  try {
    using memory = new Fd(
      check(call("runt_memfd", [Text, Bytes, I32], ["runt-plan", plan, plan.length]), "memfd_create"),
    );
    const fds = Int32Array.of(...stdio, theirs.n, memory.n, ...inherited);
    const executable = shimExecutable();
    const types = [I32, Bytes, I32, I32] as const;
    const pid = check(
      call("runt_spawn", types, [executable.n, new Uint8Array(fds.buffer), fds.length, 1]),
      "execveat",
    );
    return { pid, socket: ours };
  } catch (error) {
    ours[Symbol.dispose]();
    throw error;
  }
}
