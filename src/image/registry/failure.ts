/** The errors of talking to registries: one clear line, with the server's own words, and what to do. */
import { type ErrorKind, type ErrorSite, RuntError } from "../../errors.ts";
import { parseRefusal } from "../../spec/distribution/errors.ts";
import { isCertificateFault, plainWordsFor } from "./connection-error.ts";
import { type HttpResponse, headerOf, readSmall } from "./response.ts";
import { retryAfterMs } from "./retry.ts";

/** What was being done, for messages. */
export interface Task {
  /** "pull", "push", "login". */
  readonly operation: string;
  /** "docker.io/library/busybox:latest", "blob sha256:… of localhost:5000/app". */
  readonly subject: string;
  /** The registry as the user names it: what `runt login` takes. */
  readonly domain: string;
}

/** A refusal is small; what is longer is a web page. */
const LONGEST_BODY = 64 * 1024;

/** Codes by which registries say more than by the status. */
const kindOfCode: Readonly<Record<string, ErrorKind>> = {
  UNAUTHORIZED: "PermissionDenied",
  DENIED: "PermissionDenied",
  NAME_UNKNOWN: "NotFound",
  MANIFEST_UNKNOWN: "NotFound",
  BLOB_UNKNOWN: "NotFound",
  UNSUPPORTED: "Unimplemented",
  TOOMANYREQUESTS: "Unavailable",
};

function kindOfStatus(status: number): ErrorKind {
  if (status === 401 || status === 403 || status === 407) return "PermissionDenied";
  if (status === 404 || status === 410) return "NotFound";
  if (status === 405 || status === 501) return "Unimplemented";
  if (status === 409 || status === 412 || status === 413 || status === 451) return "FailedPrecondition";
  if (status === 408 || status === 425 || status === 429 || status >= 500) return "Unavailable";
  return status >= 400 ? "InvalidArgument" : "Unavailable";
}

const plainWords: Readonly<Record<number, string>> = {
  401: "authentication required",
  403: "access denied",
  404: "not found",
  429: "too many requests",
};

function hintFor(status: number, task: Task, response: HttpResponse): string | undefined {
  if (task.operation === "login") return undefined;
  if (status === 401 || status === 403) return `runt login ${task.domain}`;
  if (status !== 429) return undefined;
  const waitMs = retryAfterMs(headerOf(response, "retry-after"));
  const when = waitMs === undefined ? "later" : `in ${Math.ceil(waitMs / 1000)} s`;
  return `try again ${when}; runt login ${task.domain} may raise the limit`;
}

/**
 * The error for a response that says no. Reads its body.
 * @param what replaces the status' plain words where the body says nothing
 * @param kind where the status does not speak of what is asked for
 */
export async function refusal(
  response: HttpResponse,
  task: Task,
  what?: string,
  kind?: ErrorKind,
): Promise<RuntError> {
  let said = { code: "", message: "" };
  try {
    const body = await readSmall(response, LONGEST_BODY, "refusal");
    said = parseRefusal(new TextDecoder().decode(body));
  } catch {
    // The status alone will do.
  }
  const { status } = response;
  const words = said.message || what || plainWords[status] || "";
  const answer = `${response.url.host} answered ${status}${said.code === "" ? "" : ` ${said.code}`}`;
  const known = status >= 400 && status < 500 ? kindOfCode[said.code] : undefined;
  const hint = hintFor(status, task, response);
  return failure(
    kind ?? known ?? kindOfStatus(status),
    task,
    words === "" ? answer : `${words} (${answer})`,
    hint,
  );
}

/** An error about the task that no single response is to blame for. */
export function failure(
  kind: ErrorKind,
  task: Task,
  what: string,
  hint?: string,
  cause?: unknown,
): RuntError {
  const code = (cause as { code?: unknown } | undefined)?.code;
  const site: ErrorSite = {
    operation: task.operation,
    subject: task.subject,
    ...(typeof code === "string" ? { code } : {}),
    ...(hint === undefined ? {} : { hint }),
  };
  return new RuntError(kind, `${task.subject}: ${what}`, site, cause);
}

/** The error for a connection that failed. */
export function connectionFailure(error: unknown, task: Task, host: string): RuntError {
  if (error instanceof RuntError) return error;
  const why = plainWordsFor(error);
  if (isCertificateFault(error)) {
    const hint = `put its authority into /etc/runt/certs.d/${task.domain}/ca.crt`;
    return failure("Unavailable", task, `the certificate of ${host} is not trusted: ${why}`, hint, error);
  }
  return failure("Unavailable", task, `${host}: ${why}`, undefined, error);
}
