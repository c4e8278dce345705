/** Rules about the seccomp profile. @see runtime-spec 1.3 config-linux.md#seccomp */
import type { Config } from "../config.ts";
import type { SeccompAction } from "../seccomp-words.ts";
import type { Checks } from "../validate.ts";

const withErrno: readonly SeccompAction[] = ["SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"];
const errnoHasPlace = `is for ${withErrno.join(" and ")} only`;

export const seccompChecks: Checks<Config> = {
  errnoFitsAction({ linux: { seccomp } }, refuse) {
    if (seccomp === undefined) return;
    const at = ["linux", "seccomp"];
    if (seccomp.defaultErrnoRet !== undefined && !withErrno.includes(seccomp.defaultAction)) {
      refuse([...at, "defaultErrnoRet"], `${errnoHasPlace}, not for ${seccomp.defaultAction}`);
    }
    for (const [i, { action, errnoRet }] of (seccomp.syscalls ?? []).entries()) {
      if (errnoRet !== undefined && !withErrno.includes(action)) {
        refuse([...at, "syscalls", i, "errnoRet"], `${errnoHasPlace}, not for ${action}`);
      }
    }
  },

  metadataHasListener({ linux: { seccomp } }, refuse) {
    if (seccomp?.listenerMetadata !== undefined && seccomp.listenerPath === undefined) {
      refuse(["linux", "seccomp", "listenerMetadata"], "needs listenerPath");
    }
  },
};
