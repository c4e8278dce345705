/** What the engine's verbs refuse. */
import { type ErrorKind, RuntError } from "../../errors.ts";

/** Docker's words, which scripts look for. */
export function noSuchContainer(text: string, operation: string): RuntError {
  return new RuntError("NotFound", `no such container: ${text}`, { operation, subject: `container ${text}` });
}

export function nameTaken(name: string, holder: string, operation: string): RuntError {
  return new RuntError(
    "AlreadyExists",
    `the container name "${name}" is already in use by container ${holder}`,
    {
      operation,
      subject: `container ${name}`,
      hint: "remove or rename that container, or use another name",
    },
  );
}

export function refuse(
  operation: string,
  name: string,
  what: string,
  hint?: string,
  kind: ErrorKind = "FailedPrecondition",
): RuntError {
  const site = { operation, subject: `container ${name}` };
  return new RuntError(kind, what, hint === undefined ? site : { ...site, hint });
}
