/** The state of a container: what `state` prints and hooks read. @see runtime-spec 1.3 runtime.md#state */
import type { Origin } from "./document-error.ts";
import { annotations, int32, integer, nonEmptyText, oneOf, text, texts } from "./leaves.ts";
import { parseDocument } from "./parse.ts";
import { type Infer, object, optional } from "./schema.ts";
import { ociVersion } from "./version.ts";

/** "paused" is an addition that every runtime makes. */
export const statuses = ["creating", "created", "running", "paused", "stopped"] as const;
export type Status = (typeof statuses)[number];

export const State = object(() => ({
  ociVersion,
  id: nonEmptyText,
  status: oneOf(statuses),
  /** As the runtime sees it; absent or 0 when there is no process. */
  pid: optional(integer(0, 2 ** 31 - 1)),
  /** Absolute path. */
  bundle: text,
  annotations,
}));
export type State = Infer<typeof State>;

/** What the agent of a seccomp listener is sent, along with the file descriptors. @see runtime-spec 1.3 config-linux.md#containerprocessstate */
export const ContainerProcessState = object(() => ({
  ociVersion,
  /** Names of the descriptors in the SCM_RIGHTS message, in its order. */
  fds: texts,
  /** Of the process that loaded the filter, as the runtime sees it. */
  pid: int32,
  metadata: optional(text),
  state: State,
}));
export type ContainerProcessState = Infer<typeof ContainerProcessState>;

/** @throws {RuntError} InvalidArgument */
export function parseState(text: string, where: string, operation = "state"): State {
  const origin: Origin = { where, operation };
  return parseDocument(State, text, origin);
}
