/** How much a layer may ask for, so that a small archive cannot fill a disk, a memory or an inode table. */
import { RuntError } from "../../errors.ts";

export interface LayerLimits {
  /** Bytes of the uncompressed archive, and of the files in it, holes counted. */
  readonly bytes: number;
  /** Uncompressed bytes per compressed byte, looked at from `ratioFromBytes` of output on. */
  readonly ratio: number;
  readonly ratioFromBytes: number;
  /** Files, directories, links … */
  readonly entries: number;
  /** Directories between the layer's root and a file. */
  readonly depth: number;
  /** A whole path. Less than the kernel's 4096, so that it can be removed by its path on the host too. */
  readonly pathBytes: number;
  /** A PAX header, a GNU long name, a sparse map: what has to be held in memory. */
  readonly headerBytes: number;
  /** Extended attributes of one file. */
  readonly xattrs: number;
}

/** Room for every image that is meant to be run: the largest have some tens of GB, and some 500,000 files a layer. */
export const defaultLimits: LayerLimits = {
  bytes: 256 * 2 ** 30,
  ratio: 500,
  ratioFromBytes: 512 * 2 ** 20,
  entries: 1_000_000,
  depth: 1000,
  pathBytes: 3840,
  headerBytes: 2 ** 20,
  xattrs: 256,
};

/** A limit that was passed. */
export function overLimit(what: string, limit: keyof LayerLimits, subject?: string): RuntError {
  return new RuntError("InvalidArgument", what, {
    operation: "unpack",
    ...(subject !== undefined && { subject }),
    hint: `the limit is layer.${limit}`,
  });
}
