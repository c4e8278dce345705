/** Checkpoint and restore: callers' flags are understood, the work itself is refused. */
import { RuntError } from "../../../errors.ts";
import type { OptionSpecs } from "../../option.ts";

/** Of both commands. */
export const criuOptions = {
  imagePath: { type: "string", value: "dir", default: "checkpoint", summary: "where the images are" },
  workPath: { type: "string", value: "dir", summary: "where CRIU keeps its logs" },
  tcpEstablished: { type: "boolean", summary: "allow open TCP connections" },
  extUnixSk: { type: "boolean", summary: "allow unix sockets to outside" },
  shellJob: { type: "boolean", summary: "allow a session that is led from outside" },
  lazyPages: { type: "boolean", summary: "move memory when it is needed, with userfaultfd" },
  fileLocks: { type: "boolean", summary: "allow file locks" },
  manageCgroupsMode: {
    type: "choice",
    value: "mode",
    choices: ["soft", "full", "strict", "ignore"],
    default: "soft",
    summary: "what to do with cgroups",
    otherwise: () => "Invalid manage cgroups mode",
  },
  emptyNs: { type: "strings", value: "network", summary: "make this namespace without its contents" },
  autoDedup: { type: "boolean", summary: "write memory that did not change only once" },
} as const satisfies OptionSpecs;

/** @throws {RuntError} Unimplemented */
export function notSupported(operation: "checkpoint" | "restore"): never {
  throw new RuntError("Unimplemented", `${operation} is not supported`, {
    operation,
    hint: "runt has no connection to CRIU yet; `runt-oci features` says so too",
  });
}
