/** A failed system call, shaped as Node's own: `code`, `errno`, `syscall`, `path`, `dest`. */
import { getSystemErrorMap, getSystemErrorName } from "node:util";

export interface SystemErrorPlace {
  readonly path?: string;
  readonly dest?: string;
}

/**
 * Thrown by every binding in `linux/` and made from every record that init sends, so that an error from
 * `node:fs`, from a binding and from the container read alike.
 */
export class SystemError extends Error {
  override readonly name = "SystemError";
  /** "ENOENT". */
  readonly code: string;
  /** Negative, as in Node. */
  readonly errno: number;
  /** Man-page name: "move_mount". */
  readonly syscall: string;
  readonly path?: string;
  readonly dest?: string;

  /** @param errno positive, as in errno(3) */
  constructor(syscall: string, errno: number, place: SystemErrorPlace = {}) {
    const where = [place.path, place.dest].filter((p) => p !== undefined).join(" -> ");
    super(`${syscall}${where ? ` ${where}` : ""}: ${errnoText(errno)}`);
    this.syscall = syscall;
    this.errno = -errno;
    this.code = errnoName(errno);
    if (place.path !== undefined) this.path = place.path;
    if (place.dest !== undefined) this.dest = place.dest;
  }
}

/** "EPERM" for 1. */
export function errnoName(errno: number): string {
  if (errno <= 0) return "OK";
  try {
    return getSystemErrorName(-errno);
  } catch {
    return `E${errno}`;
  }
}

/** strerror(3) in lower case, as Go and so every caller of an OCI runtime writes it: "no such file or directory". */
export function errnoText(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[1] ?? extraTexts[errno] ?? `errno ${errno}`;
}

/** What libuv has no words for. */
const extraTexts: Record<number, string> = {
  8: "exec format error",
  95: "operation not supported",
  126: "required key not available",
};

/** Is `error` a system error with one of these codes? */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && codes.includes((error as { code?: string }).code ?? "");
}
