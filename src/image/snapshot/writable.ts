/** A container's own layers: the init layer and the read-write one, in a directory of the caller's choice. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type InitFiles, makeInitLayer } from "./init-layer.ts";

/** Directories of one container's layers. */
export interface WritableLayer {
  readonly directory: string;
  /** What the container has changed: OverlayFS's upper directory. */
  readonly upper: string;
  /** OverlayFS's own. */
  readonly work: string;
  /** Just below `upper`, and never committed. */
  readonly init: string;
}

/** The layers that are, or will be, in `directory`. */
export function writableLayer(directory: string): WritableLayer {
  return {
    directory,
    upper: join(directory, "upper"),
    work: join(directory, "work"),
    init: join(directory, "init"),
  };
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
 * @param lowers the image's layers, top to bottom
 * @throws EEXIST
 */
export function makeWritableLayer(
  directory: string,
  lowers: readonly string[],
  files: InitFiles,
): WritableLayer {
  const layer = writableLayer(directory);
  mkdirSync(layer.init);
  makeInitLayer(layer.init, lowers, files);
  mkdirSync(layer.work, { mode: 0o700 });
  mkdirSync(layer.upper);
  // The root directory that the container sees takes its attributes from here.
  makeInitLayer(layer.upper, [layer.init], {});
  return layer;
}
