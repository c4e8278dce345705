/** The one error class above `linux/`, and what a caller can do about each kind of it. */

/** What a caller can do about it. One row each in docs/errors.md. */
export type ErrorKind =
  | "InvalidArgument"
  | "NotFound"
  | "AlreadyExists"
  | "FailedPrecondition"
  | "PermissionDenied"
  | "Unimplemented"
  | "Unavailable"
  | "DeadlineExceeded"
  | "Internal";

/** Where it happened. `syscall`, `path`, `dest` and `code` are named as in Node's own system errors. */
export interface ErrorSite {
  /** OCI or CRI verb: "create", "pull", "RunPodSandbox". */
  readonly operation: string;
  /** "container web-1", "layer sha256:ab…", "config.json: mounts[3]". */
  readonly subject?: string;
  /** Man-page name: "mount_setattr". */
  readonly syscall?: string;
  readonly path?: string;
  /** The second path of mount, rename, link. */
  readonly dest?: string;
  /** "EPERM". */
  readonly code?: string;
  /** One sentence: what to try. */
  readonly hint?: string;
}

/**
 * What runt throws on purpose. The message is one line, lower case, without a full stop; it does not
 * repeat the operation, because whoever prints it says what was asked.
 */
export class RuntError extends Error {
  override readonly name = "RuntError";
  readonly kind: ErrorKind;
  readonly site: ErrorSite;

  constructor(kind: ErrorKind, what: string, site: ErrorSite, cause?: unknown) {
    super(oneLine(what), cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.site = site;
  }
}

/** Names of files and what the kernel or a program said are part of messages, and may hold anything. */
function oneLine(what: string): string {
  if (!/[\p{Cc}\u2028\u2029]/u.test(what)) return what;
  return what.replaceAll(/[\p{Cc}\u2028\u2029]/gu, (c) => {
    const code = c.charCodeAt(0).toString(16).padStart(4, "0");
    return c === "\n" ? "\\n" : c === "\t" ? "\\t" : `\\u${code}`;
  });
}

/** How each kind leaves the process over its three doors: a shell, gRPC and HTTP. */
export const errorCodes: Record<
  ErrorKind,
  { readonly exit: number; readonly grpc: number; readonly http: number }
> = {
  InvalidArgument: { exit: 1, grpc: 3, http: 400 },
  NotFound: { exit: 1, grpc: 5, http: 404 },
  AlreadyExists: { exit: 1, grpc: 6, http: 409 },
  FailedPrecondition: { exit: 1, grpc: 9, http: 409 },
  PermissionDenied: { exit: 1, grpc: 7, http: 403 },
  Unimplemented: { exit: 1, grpc: 12, http: 501 },
  Unavailable: { exit: 1, grpc: 14, http: 503 },
  DeadlineExceeded: { exit: 1, grpc: 4, http: 504 },
  Internal: { exit: 1, grpc: 13, http: 500 },
};

/** `error` as one line without its class name; anything thrown will do. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s*\n\s*/g, "; ");
}

/** What the system has said, without Node's frame: "ENOENT: no such file or directory, open 'x'" → the words between. */
export function reasonOf(error: unknown): string {
  const text = messageOf(error);
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined || !text.startsWith(`${code}: `)) return text;
  const end = text.lastIndexOf(`, ${syscall}`);
  return text.slice(code.length + 2, end < 0 ? undefined : end);
}
