/** From a record of the shim to an error that says which part of config.json failed, in the words callers match. */
import { type ErrorKind, RuntError } from "../../errors.ts";
import { errnoText, SystemError } from "../../linux/system-error.ts";
import type { Message } from "../wire/messages.ts";
import type { Op } from "../wire/ops.ts";

const kinds: Record<string, ErrorKind> = {
  EPERM: "PermissionDenied",
  EACCES: "PermissionDenied",
  ENOENT: "NotFound",
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
  };
  const kind = kinds[cause.code] ?? "Internal";
  return new RuntError(kind, `unable to start container process: ${describe(message, op)}`, site, cause);
}

function describe(message: Message, op: Op | undefined): string {
  const reason = errnoText(message.errno);
  if (op?.op === "find_executable") {
    const [first = ""] = op.candidates;
    // Without a slash the program was looked for in PATH; the candidates then end in its name.
    const program = first.slice(first.lastIndexOf("/") + 1);
    if (op.candidates.length !== 1 || message.text === "") return notInPath(program, reason, message.errno);
    return `exec ${first}: ${reason}`;
  }
  if (op?.op === "exec") return `exec ${message.text}: ${reason}`;
  if (op?.op === "hook") return `error running ${op.at ?? "hook"}: ${message.text}`;
  const place = op?.at ? `${op.at}: ` : "";
  const number = op ? ` (op ${message.op})` : "";
  return `error during container init: ${place}${message.syscall}${message.text ? ` ${message.text}` : ""}: ${reason}${number}`;
}

const EACCES = 13;

function notInPath(program: string, reason: string, errno: number): string {
  return errno === EACCES
    ? `exec: "${program}": ${reason}`
    : `exec: "${program}": executable file not found in $PATH`;
}
