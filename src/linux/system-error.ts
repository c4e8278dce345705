/** A failed system call, shaped as Node's own: `code`, `errno`, `syscall`, `path`, `dest`. */
import { constants } from "node:os";
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
  const name = getSystemErrorName(-errno);
  if (/^E[A-Z0-9]+$/.test(name)) return name;
  // libuv has no name for what its own calls never return, EBADMSG for one.
  return Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `E${errno}`;
}

/** strerror(3) in lower case, as Go and so every caller of an OCI runtime writes it: "no such file or directory". */
export function errnoText(errno: number): string {
  libuv ??= getSystemErrorMap();
  return texts[errno] ?? libuv.get(-errno)?.[1] ?? `errno ${errno}`;
}

/** Node makes a new map at every call. */
let libuv: ReturnType<typeof getSystemErrorMap> | undefined;

/** Where libuv, whose texts Node has, words it differently, or not at all. */
const texts: Readonly<Record<number, string>> = {
  5: "input/output error",
  8: "exec format error",
  10: "no child processes",
  12: "cannot allocate memory",
  14: "bad address",
  16: "device or resource busy",
  17: "file exists",
  18: "invalid cross-device link",
  21: "is a directory",
  23: "too many open files in system",
  36: "file name too long",
  40: "too many levels of symbolic links",
  74: "bad message",
  75: "value too large for defined data type",
  87: "too many users",
  95: "operation not supported",
  126: "required key not available",
};

/** Is `error` a system error with one of these codes? */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && codes.includes((error as { code?: string }).code ?? "");
}
