/** The flags of seccomp(2) that a profile asks for, where this kernel has them. */
import { RuntError } from "../../errors.ts";
import type { LinuxSeccomp } from "../../spec/runtime/seccomp.ts";
import { SeccompFlag } from "../../spec/runtime/seccomp-words.ts";
import { SECCOMP_FILTER_FLAG_NEW_LISTENER } from "./bpf.ts";

/**
 * @param supported as the kernel says; see `SeccompHost`
 * @param listener whether a rule of the profile notifies
 * @returns SECCOMP_FILTER_FLAG_*
 * @throws {RuntError} as `compileSeccomp`
 */
export function seccompFlags(
  profile: Pick<LinuxSeccomp, "flags">,
  supported: readonly SeccompFlag[],
  listener: boolean,
): number {
  const specAllow: SeccompFlag = "SECCOMP_FILTER_FLAG_SPEC_ALLOW";
  const wanted = profile.flags ?? supported.filter((flag) => flag === specAllow);
  let flags = listener ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
  for (const flag of wanted) {
    if (!supported.includes(flag)) {
      throw new RuntError("Unimplemented", `seccomp: this kernel does not have ${flag}`, site);
    }
    if (flag === "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" && !listener) {
      throw new RuntError("InvalidArgument", `seccomp: ${flag} needs a rule with SCMP_ACT_NOTIFY`, site);
    }
    // The process that loads the filter has one thread, and TSYNC does not go with a listener.
    if (flag !== "SECCOMP_FILTER_FLAG_TSYNC") flags |= SeccompFlag[flag];
  }
  return flags;
}

const site = { operation: "create", subject: "config.json: linux.seccomp.flags" } as const;
