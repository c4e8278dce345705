/** Which flags of seccomp(2) this kernel has. */
import { I32, I64, syscall } from "../../linux/ffi.ts";
import { SYS } from "../../linux/syscall-numbers.ts";
import { SeccompFlag } from "../../spec/runtime/seccomp-words.ts";

const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;
const EFAULT = -14;

let supported: readonly SeccompFlag[] | undefined;

/** Asked with a flag and no program: a flag that is known fails only when the program is read. */
export function supportedSeccompFlags(): readonly SeccompFlag[] {
  supported ??= (Object.keys(SeccompFlag) as SeccompFlag[]).filter((name) => {
    // This one goes only with a listener.
    const extra = name === "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
    return (
      syscall(SYS.seccomp, [I32, I64, I64], [SECCOMP_SET_MODE_FILTER, SeccompFlag[name] | extra, 0]) ===
      EFAULT
    );
  });
  return supported;
}
