/** What the mounts of a container are of, looked up when it is made and each time it starts. */
import { existsSync, openSync, readlinkSync } from "node:fs";
import { type ErrorKind, RuntError } from "../../errors.ts";
import { MergedView } from "../../image/snapshot/merged.ts";
import { overlayMount, type SnapshotMount } from "../../image/snapshot/overlay.ts";
import type { SnapshotStore } from "../../image/snapshot/store.ts";
import { Fd } from "../../linux/fd.ts";
import { makeDirectory } from "../../linux/make-directory.ts";
import { O_PATH, openat2, RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS } from "../../linux/openat2.ts";
import { errnoText } from "../../linux/system-error.ts";
import type { ResolvedMount } from "../record.ts";

type Mount<Type> = Extract<ResolvedMount, { readonly type: Type }>;

/**
 * Sees to it that what is mounted of the host is there. A directory that `-v` names is made when the container's files are,
 * and at a later start.
 * @throws {RuntError} NotFound, in docker's words, for one that is not there
 */
export function checkBindSource(mount: ResolvedMount, operation: "create" | "start"): void {
  if (mount.type !== "bind" || existsSync(mount.source)) return;
  if (mount.missing === "make" && operation === "start") makeBindSource(mount, operation);
  else throw noSource(mount, operation);
}

/** @throws {RuntError} NotFound where it cannot be made */
export function makeBindSource(mount: Mount<"bind">, operation: "create" | "start"): void {
  // A file is a source too.
  if (existsSync(mount.source)) return;
  try {
    makeDirectory(mount.source);
  } catch (error) {
    throw noSource(mount, operation, error);
  }
}

function noSource({ source, destination }: Mount<"bind">, operation: string, cause?: unknown): RuntError {
  const what = `invalid mount config for type "bind": bind source path does not exist: ${source}`;
  const site = { operation, subject: `mount at ${destination}`, path: source, code: "ENOENT" };
  return new RuntError("NotFound", what, site, cause);
}

/**
 * Where on the host the part of a volume is that is to be mounted. Whoever writes to the volume may have made links in it:
 * none of them leads out, but at the next moment another thing may be there.
 * @throws {RuntError} InvalidArgument for one that does, NotFound, PermissionDenied
 */
export function volumePart({ source, subpath, name, destination }: Mount<"volume">): string {
  if (subpath === undefined) return source;
  try {
    using volume = new Fd(openSync(source, O_PATH));
    // A slash before it means nothing: it is below the volume all the same.
    const path = `./${subpath}`;
    using part = openat2(volume, path, { flags: O_PATH, resolve: RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS });
    return readlinkSync(`/proc/self/fd/${part.n}`);
  } catch (error) {
    const { code = "", errno = 0 } = error as NodeJS.ErrnoException;
    const { kind, why, hint } = refusals[code] ?? {
      kind: "InvalidArgument",
      why: `cannot be looked up (${errnoText(-errno)}) in`,
    };
    throw new RuntError(
      kind,
      `volume-subpath ${subpath} ${why} volume ${name}`,
      { operation: "start", subject: `mount at ${destination}`, path: source, code, ...(hint && { hint }) },
      error,
    );
  }
}

interface Refusal {
  readonly kind: ErrorKind;
  readonly why: string;
  readonly hint?: string;
}

const missing: Refusal = { kind: "NotFound", why: "is not in" };

const refusals: Readonly<Record<string, Refusal>> = {
  EXDEV: { kind: "InvalidArgument", why: "leads out of" },
  ENOENT: missing,
  ENOTDIR: missing,
  EACCES: {
    kind: "PermissionDenied",
    why: "lies behind a directory of another user that lets nobody in, in",
    hint: "whose it is, or root, can allow it: chmod o+x on the directories above it",
  },
};

/**
 * The read-only mount of an image's files, or of a directory or file among them.
 * @throws {RuntError} NotFound
 */
export function imagePart(
  snapshots: SnapshotStore,
  { top, subpath, image, destination }: Mount<"image">,
): readonly SnapshotMount[] {
  if (subpath === undefined) return snapshots.mounts(top, { access: "ro", destination });
  const found = new MergedView(snapshots.lowers(top)).find(subpath);
  if (!found) {
    throw new RuntError("NotFound", `image-subpath ${subpath} is not in image ${image}`, {
      operation: "start",
      subject: `mount at ${destination}`,
      code: "ENOENT",
    });
  }
  const paths = "parts" in found ? found.parts : [found.path];
  const lowers = paths.map((path) => ({ path }));
  return [overlayMount({ lowers, userXattr: snapshots.userXattr }, destination)];
}
