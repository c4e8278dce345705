/** What the kernel's refusals mean to a caller. */
import { type ErrorKind, type ErrorSite, RuntError } from "../../errors.ts";
import { errnoText } from "../../linux/system-error.ts";

const kinds: Record<string, ErrorKind> = {
  EACCES: "PermissionDenied",
  EBUSY: "FailedPrecondition",
  EINVAL: "InvalidArgument",
  ENOENT: "NotFound",
  EOPNOTSUPP: "FailedPrecondition",
  ENOTSUP: "FailedPrecondition",
  EPERM: "PermissionDenied",
  ERANGE: "InvalidArgument",
  EROFS: "PermissionDenied",
};

/** The error for `what` that failed with a system error: its kind from errno, its site filled in. */
export function kernelRefusal(error: unknown, what: string, site: ErrorSite): RuntError {
  const { code, errno, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || errno === undefined) {
    return new RuntError("Internal", `${what}: ${(error as Error).message}`, site, error);
  }
  const known = syscall === undefined ? { code } : { code, syscall };
  return new RuntError(
    kinds[code] ?? "Internal",
    `${what}: ${errnoText(-errno)}`,
    { ...known, ...site },
    error,
  );
}
