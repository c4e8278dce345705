/** RLIMIT_MEMLOCK, out of the way for the time of one call. */
import { Bytes, I32, I64, syscall } from "./ffi.ts";
import { SYS } from "./syscall-numbers.ts";

const RLIMIT_MEMLOCK = 8;
const RLIM_INFINITY = 2n ** 64n - 1n;

function setMemlock(soft: bigint, hard: bigint): boolean {
  const limits = new Uint8Array(BigUint64Array.of(soft, hard).buffer);
  return syscall(SYS.prlimit64, [I32, I32, Bytes, I64], [0, RLIMIT_MEMLOCK, limits, 0]) === 0;
}

function getMemlock(): [soft: bigint, hard: bigint] {
  const limits = BigUint64Array.of(0n, 0n);
  syscall(SYS.prlimit64, [I32, I32, I64, Bytes], [0, RLIMIT_MEMLOCK, 0, new Uint8Array(limits.buffer)]);
  return [limits[0]!, limits[1]!];
}

/**
 * Runs `attempt` with the limit as high as we may set it, then puts the old soft limit back, because
 * children inherit it. Kernels that charge BPF memory to this limit answer a full one with EPERM.
 */
export function raisingMemlock<T>(attempt: () => T): T {
  const [soft, hard] = getMemlock();
  // Without CAP_SYS_RESOURCE the hard limit is as far as it goes.
  if (!setMemlock(RLIM_INFINITY, RLIM_INFINITY)) setMemlock(hard, hard);
  try {
    return attempt();
  } finally {
    setMemlock(soft, hard);
  }
}
