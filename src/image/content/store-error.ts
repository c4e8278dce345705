/** What the disk says, as an error of the content store. */
import { RuntError } from "../../errors.ts";
import type { Digest } from "../../spec/image/digest.ts";

/** The operation of every error of the store: what it did it for is known to whoever called. */
export const operation = "content";

/** Full, read-only, broken, not ours. An error that is none of the system's is given back as it is. */
export function diskError(error: unknown, what: string, digest?: Digest): unknown {
  const { code, message, syscall, path } = error as NodeJS.ErrnoException;
  if (error instanceof RuntError || code === undefined || syscall === undefined) return error;
  const kind = code === "EACCES" || code === "EPERM" || code === "EROFS" ? "PermissionDenied" : "Unavailable";
  return new RuntError(
    kind,
    `${what}: ${message}`,
    {
      operation,
      ...(digest && { subject: `blob ${digest}` }),
      ...(path && { path }),
      syscall,
      code,
      ...(code === "ENOSPC" && { hint: "free some space; `runt image prune` removes unused images" }),
    },
    error,
  );
}

/** A blob that is asked for and not there. */
export function noBlob(digest: Digest): RuntError {
  return new RuntError("NotFound", `blob ${digest} is not in the store`, {
    operation,
    subject: `blob ${digest}`,
  });
}

/** A blob whose bytes are not those that it is named after. */
export function corruptBlob(digest: Digest, what: string): RuntError {
  return new RuntError("Internal", `blob ${digest} is damaged on disk: ${what}`, {
    operation,
    subject: `blob ${digest}`,
    hint: "`runt image fsck --repair` removes damaged blobs; pull the image again after it",
  });
}
