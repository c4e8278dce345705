/** What an entry is written with: system calls that belong together, and what each of them is for. */
import type { TarEntry } from "./entry.ts";

/** What a call is for. */
export type Step =
  | "parent"
  | "target"
  | "create"
  | "open"
  | "chown"
  | "xattr"
  | "opaque"
  | "chmod"
  | "times"
  | "write"
  | "truncate"
  | "close";

/** `begin` makes an entry, `data` is a part of a file, `end` are a file's attributes, `times` those of what is no file. */
export interface Action {
  readonly kind: "begin" | "data" | "end" | "times";
  readonly entry: TarEntry;
  /** Cleaned name; of a hard link, that of its target too. */
  readonly path: string;
  readonly target: string;
  /** Bytes of the chunk, and where they belong in the file. */
  start: number;
  end: number;
  position: number;
  /** Index of the first call. */
  first: number;
  /** `path` without links on the way, as it was written down last. */
  resolved: string;
  /** A directory that hides what is below it. */
  opaque: boolean;
  tries: number;
}

/** An action that is not written down yet. @param target of a hard link, cleaned */
export function newAction(kind: Action["kind"], entry: TarEntry, path: string, target = ""): Action {
  return {
    kind,
    entry,
    path,
    target,
    start: 0,
    end: 0,
    position: 0,
    first: 0,
    resolved: path,
    opaque: false,
    tries: 0,
  };
}

const creators: Readonly<Record<TarEntry["type"], string>> = {
  file: "openat2",
  directory: "mkdirat",
  symlink: "symlinkat",
  hardlink: "linkat",
  character: "mknodat",
  block: "mknodat",
  fifo: "mknodat",
};

/** The man page of a step. */
export function syscallOf(step: Step, { type }: TarEntry): string {
  switch (step) {
    case "parent":
    case "target":
    case "open":
      return "openat2";
    case "create":
      return creators[type];
    case "xattr":
    case "opaque":
      return "setxattr";
    case "times":
      return "utimensat";
    case "chown":
      return "fchownat";
    case "truncate":
      return "ftruncate";
    default:
      return step;
  }
}
