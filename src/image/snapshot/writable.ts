/** A container's own layers: the init layer and the read-write one, in a directory of the caller's choice. */
import { mkdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../../linux/system-error.ts";
import { type InitFiles, makeInitLayer } from "./init-layer.ts";

/** Directories of one container's layers. */
export interface WritableLayer {
  readonly directory: string;
  /** What the container has changed: OverlayFS's upper directory. */
  readonly upper: string;
  /** OverlayFS's own. */
  readonly work: string;
  /** Just below `upper`, and never committed. Perhaps one for all containers of an image. */
  readonly init: string;
}

/** In the directory of a container: its own init layer, or a link to the one that it shares. */
const initName = "init";

/** The layers that are, or will be, in `directory`. */
export function writableLayer(directory: string): WritableLayer {
  return {
    directory,
    upper: join(directory, "upper"),
    work: join(directory, "work"),
    init: initOf(directory),
  };
}

function initOf(directory: string): string {
  const path = join(directory, initName);
  try {
    return readlinkSync(path);
  } catch (error) {
    if (!hasCode(error, "EINVAL", "ENOENT")) throw error;
    return path;
  }
}

/** All that `makeWritableLayer` makes in `directory`; of a shared init layer the link. */
export function writableParts(directory: string): readonly string[] {
  return ["upper", "work", initName].map((name) => join(directory, name));
}

/**
 * Takes away OverlayFS's mark that they were mounted with `volatile`. After a power failure what was written there may be
 * incomplete, which is then for the caller to know.
 */
export function allowMountAgain({ work }: WritableLayer): void {
  rmSync(join(work, "work/incompat"), { recursive: true, force: true });
}

/**
 * Makes them in `directory`, which must not hold any.
 * @param init an init layer that is there already, or what one of its own is made of: `lowers` are the image's layers, top
 *   to bottom
 * @throws EEXIST
 */
export function makeWritableLayer(
  directory: string,
  init: string | { readonly lowers: readonly string[]; readonly files: InitFiles },
): WritableLayer {
  const path = join(directory, initName);
  if (typeof init === "string") symlinkSync(init, path);
  else {
    mkdirSync(path);
    makeInitLayer(path, init.lowers, init.files);
  }
  const layer = writableLayer(directory);
  mkdirSync(layer.work, { mode: 0o700 });
  mkdirSync(layer.upper);
  // The root directory that the container sees takes its attributes from here.
  makeInitLayer(layer.upper, [layer.init], {});
  return layer;
}
