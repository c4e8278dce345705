/** A system call that failed for an entry: what the caller can do about it. */
import { type ErrorKind, RuntError } from "../../errors.ts";
import { errnoName, SystemError } from "../../linux/system-error.ts";

/** Where it happened. */
export interface WritePlace {
  readonly syscall: string;
  /** Below the layer's root. */
  readonly path: string;
  readonly dest?: string;
  /** "layer entry …" */
  readonly subject: string;
  /** The extended attribute. */
  readonly attribute?: string;
}

const kinds: Readonly<Record<string, ErrorKind>> = {
  ENOSPC: "FailedPrecondition",
  EDQUOT: "FailedPrecondition",
  EROFS: "FailedPrecondition",
  ENOMEM: "FailedPrecondition",
  EPERM: "PermissionDenied",
  EACCES: "PermissionDenied",
  // What the archive asked for cannot be had on this file system, or anywhere.
  ENAMETOOLONG: "InvalidArgument",
  ELOOP: "InvalidArgument",
  ENOTDIR: "InvalidArgument",
  EISDIR: "InvalidArgument",
  EINVAL: "InvalidArgument",
  EMLINK: "InvalidArgument",
  EFBIG: "InvalidArgument",
  E2BIG: "InvalidArgument",
  ERANGE: "InvalidArgument",
};

const hints: Readonly<Record<string, string>> = {
  ENOSPC: "free some space or inodes on the file system of the image store",
  EDQUOT: "the quota of the image store's file system is used up",
  EPERM: "unpacking sets owners and makes devices: it needs root",
};

/** @param errno positive */
export function writeFailure(errno: number, place: WritePlace): RuntError {
  const { syscall, path, dest, subject, attribute } = place;
  const cause = new SystemError(syscall, errno, { path, ...(dest !== undefined && { dest }) });
  const code = errnoName(errno);
  // Attributes share one small block in most file systems, long before the disk is full.
  const hint = attribute === undefined ? hints[code] : undefined;
  const what = attribute === undefined ? cause.message : `attribute ${attribute}: ${cause.message}`;
  const site = { operation: "unpack", subject, syscall, path, ...(dest !== undefined && { dest }), code };
  return new RuntError(
    kinds[code] ?? "Internal",
    `${subject}: ${what}`,
    { ...site, ...(hint !== undefined && { hint }) },
    cause,
  );
}
