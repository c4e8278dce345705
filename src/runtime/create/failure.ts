/** From a record of the shim to an error that says which part of config.json failed, in the words callers match. */
import { type ErrorKind, RuntError } from "../../errors.ts";
import { MOUNT_ATTR_IDMAP } from "../../linux/mount-flags.ts";
import { errnoText, SystemError } from "../../linux/system-error.ts";
import { oneLine } from "../hooks/output.ts";
import type { Message } from "../wire/messages.ts";
import type { Op } from "../wire/ops.ts";

const kinds: Record<string, ErrorKind> = {
  EPERM: "PermissionDenied",
  EACCES: "PermissionDenied",
  ENOENT: "NotFound",
  // What the config asks for is not of the kind that the kernel takes there.
  EINVAL: "InvalidArgument",
  EISDIR: "InvalidArgument",
  ENODEV: "InvalidArgument",
  ENOEXEC: "InvalidArgument",
  ENOTDIR: "InvalidArgument",
  ENOSYS: "Unimplemented",
  EOPNOTSUPP: "Unimplemented",
  ENOTSUP: "Unimplemented",
};

/** @param ops in the order in which the record counts them */
export function failureOf(operation: string, message: Message, ops: readonly Op[]): RuntError {
  const op = ops[message.op];
  const cause = new SystemError(message.syscall, message.errno);
  const site = {
    operation,
    ...(op?.at === undefined ? {} : { subject: op.at === "/dev" ? op.at : `config.json: ${op.at}` }),
    syscall: message.syscall,
    code: cause.code,
    ...hint(op, cause.code),
  };
  const kind = leadsOut(op, message) ? "InvalidArgument" : (kinds[cause.code] ?? "Internal");
  // What another runtime says of it is said in full already.
  if (op?.op === "monitor_runtime") return new RuntError(kind, oneLine(message.text), site, cause);
  return new RuntError(kind, `unable to start container process: ${describe(message, op, ops)}`, site, cause);
}

/** What a refusal by the kernel mostly means, and what to do about it. */
function hint(op: Op | undefined, code: string): { hint?: string } {
  if (op === undefined || (code !== "EPERM" && code !== "EACCES")) return {};
  switch (op.op) {
    case "attach_root":
      return {
        hint: "the container's root, as the host knows it, must be let through every directory above the rootfs (chmod o+x)",
      };
    case "move_mount":
    case "mknod":
    case "mkdir":
    case "symlink":
      return {
        hint: "in a user namespace the rootfs must belong to the container's root, as the host knows it",
      };
    case "setns":
      return {
        hint: "only the owner of a namespace may join it; join the user namespace that it belongs to as well",
      };
    case "prlimit":
      return { hint: "only CAP_SYS_RESOURCE raises a hard limit; ulimit -H shows what there is" };
    case "write_proc":
      return op.file === "oom_score_adj"
        ? { hint: "only CAP_SYS_RESOURCE lowers it below what the runtime itself has" }
        : {};
    default:
      return {};
  }
}

function describe(message: Message, op: Op | undefined, ops: readonly Op[]): string {
  const reason = errnoText(message.errno);
  if (op?.op === "find_executable") return describeLookup(message, reason, ops);
  if (op?.op === "exec") return `exec ${message.text}: ${reason}`;
  if (op?.op === "hook") return `error running ${op.at ?? "hook"}: ${oneLine(message.text)}`;
  if (op?.op === "tree_setattr" && isRefusedIdmap(op, message)) return describeIdmap(op, ops);
  const place = op?.at ? `${op.at}: ` : "";
  if (op?.op === "move_mount" && message.errno === ENOTDIR) {
    const why =
      "a directory is to be mounted on a file, or a file on a directory: is the source what it should be?";
    return `error during container init: ${place}${message.text}: ${reason}: ${why}`;
  }
  if (leadsOut(op, message)) return `error during container init: ${place}${message.text}: leads out of it`;
  const number = op ? ` (op ${message.op})` : "";
  return `error during container init: ${place}${message.syscall}${message.text ? ` ${message.text}` : ""}: ${reason}${number}`;
}

/** A symbolic link below a directory, to somewhere else. */
function leadsOut(op: Op | undefined, { errno }: Message): boolean {
  return op?.op === "open_tree_beneath" && errno === EXDEV;
}

function isRefusedIdmap({ set }: TreeSetattr, { errno }: Message): boolean {
  return (Number(set) & MOUNT_ATTR_IDMAP) !== 0 && (errno === EINVAL || errno === EOPNOTSUPP);
}

type TreeSetattr = Extract<Op, { op: "tree_setattr" }>;

/** What the kernel means: tmpfs can since 6.3, overlay since 5.19 as far as its layers can, NFS and FUSE mostly not. */
function describeIdmap({ tree }: TreeSetattr, ops: readonly Op[]): string {
  const opened = ops.find((op) => op.op.startsWith("open_tree") && "out" in op && op.out === tree);
  const path = opened && "path" in opened ? opened.path : "it";
  return `the file system of ${path} cannot show its files with other owners (idmapped mount)`;
}

/** A program with a slash was looked for where it says, any other in PATH. */
function describeLookup(message: Message, reason: string, ops: readonly Op[]): string {
  const program = ops.find((each) => each.op === "exec")?.argv[0] ?? "";
  if (program.includes("/")) return `exec ${program}: ${reason}`;
  return `exec: "${program}": ${message.errno === EACCES ? reason : "executable file not found in $PATH"}`;
}

const EACCES = 13;
const EXDEV = 18;
const ENOTDIR = 20;
const EINVAL = 22;
const EOPNOTSUPP = 95;
