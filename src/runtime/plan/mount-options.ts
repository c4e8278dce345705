/** Sorts the words of `mounts[].options` by the system call that they belong to. */
import * as k from "../../linux/mount-flags.ts";
import { subdirWord } from "../../spec/runtime/mount-options.ts";

/** A change of mount attributes, as mount_setattr(2) takes it. */
export interface AttributeChange {
  readonly set: number;
  readonly clear: number;
}

export interface SortedMountOptions {
  /** Of this mount alone. */
  readonly attributes: AttributeChange;
  /** Of the mount and everything below it ("rro"); undefined where no word asks for one. */
  readonly recursive: AttributeChange | undefined;
  /** Propagation changes in their order. */
  readonly propagation: readonly { readonly type: number; readonly recursive: boolean }[];
  /** "ro", "sync", …: flags of the file system, given to fsconfig(2) by name. */
  readonly superFlags: readonly string[];
  /** Everything else: data for the file system. */
  readonly data: readonly string[];
  readonly bind: "none" | "bind" | "rbind";
  readonly remount: boolean;
  readonly tmpcopyup: boolean;
  readonly idmap: "none" | "idmap" | "ridmap";
  /** The last path component of the source, or of the destination, must not be a symlink (crun). */
  readonly sourceNofollow: boolean;
  /** Path below the source of what is to be mounted of it; undefined: all of it. */
  readonly subdirectory: string | undefined;
}

const atime = (mode: number): AttributeChange => ({ set: mode, clear: k.MOUNT_ATTR__ATIME });
const set = (bit: number): AttributeChange => ({ set: bit, clear: 0 });
const clear = (bit: number): AttributeChange => ({ set: 0, clear: bit });

const attributes: Readonly<Record<string, AttributeChange>> = {
  ro: set(k.MOUNT_ATTR_RDONLY),
  rw: clear(k.MOUNT_ATTR_RDONLY),
  nosuid: set(k.MOUNT_ATTR_NOSUID),
  suid: clear(k.MOUNT_ATTR_NOSUID),
  nodev: set(k.MOUNT_ATTR_NODEV),
  dev: clear(k.MOUNT_ATTR_NODEV),
  noexec: set(k.MOUNT_ATTR_NOEXEC),
  exec: clear(k.MOUNT_ATTR_NOEXEC),
  noatime: atime(k.MOUNT_ATTR_NOATIME),
  atime: atime(k.MOUNT_ATTR_RELATIME),
  relatime: atime(k.MOUNT_ATTR_RELATIME),
  norelatime: atime(k.MOUNT_ATTR_STRICTATIME),
  strictatime: atime(k.MOUNT_ATTR_STRICTATIME),
  nostrictatime: atime(k.MOUNT_ATTR_RELATIME),
  nodiratime: set(k.MOUNT_ATTR_NODIRATIME),
  diratime: clear(k.MOUNT_ATTR_NODIRATIME),
  nosymfollow: set(k.MOUNT_ATTR_NOSYMFOLLOW),
  symfollow: clear(k.MOUNT_ATTR_NOSYMFOLLOW),
};

const propagations: Readonly<Record<string, number>> = {
  private: k.MS_PRIVATE,
  shared: k.MS_SHARED,
  slave: k.MS_SLAVE,
  unbindable: k.MS_UNBINDABLE,
};

/** Words whose opposite is the kernel's default, and such that only mount(8) itself knew. */
const ignored = new Set(["defaults", "async", "nomand", "nolazytime", "silent", "loud", "noiversion"]);
const superFlags = new Set(["sync", "dirsync", "mand", "lazytime", "iversion"]);

/** A later word wins over an earlier one on the same attribute, as for mount(8). */
function merge(before: AttributeChange, change: AttributeChange): AttributeChange {
  const touched = change.set | change.clear;
  return {
    set: (before.set & ~touched) | change.set,
    clear: (before.clear & ~change.set) | change.clear,
  };
}

/** @see runtime-spec 1.3 config.md#linux-mount-options */
export function sortMountOptions(options: readonly string[], type: string | undefined): SortedMountOptions {
  let own: AttributeChange = { set: 0, clear: 0 };
  let recursive: AttributeChange | undefined;
  const propagation: { type: number; recursive: boolean }[] = [];
  const flags = new Set<string>();
  const data: string[] = [];
  let bind: SortedMountOptions["bind"] = type === "bind" ? "rbind" : "none";
  let remount = false;
  let tmpcopyup = false;
  let idmap: SortedMountOptions["idmap"] = "none";
  let sourceNofollow = false;
  let subdirectory: string | undefined;

  for (const word of options) {
    const tail = word.startsWith("r") ? word.slice(1) : "";
    if (word in attributes) {
      own = merge(own, attributes[word]!);
      if (word === "ro") flags.add("ro");
      if (word === "rw") flags.delete("ro");
    } else if (tail in attributes) recursive = merge(recursive ?? { set: 0, clear: 0 }, attributes[tail]!);
    else if (word in propagations) propagation.push({ type: propagations[word]!, recursive: false });
    else if (tail in propagations) propagation.push({ type: propagations[tail]!, recursive: true });
    else if (word === "bind" || word === "rbind") bind = word;
    else if (word === "remount") remount = true;
    else if (word === "tmpcopyup") tmpcopyup = true;
    else if (/^idmap(=|$)/.test(word)) idmap = "idmap";
    else if (/^ridmap(=|$)/.test(word)) idmap = "ridmap";
    else if (word === "src-nofollow") sourceNofollow = true;
    else if (word.startsWith(subdirWord)) subdirectory = word.slice(subdirWord.length);
    else if (word === "copy-symlink" || word === "dest-nofollow") continue;
    else if (superFlags.has(word)) flags.add(word);
    else if (!ignored.has(word)) data.push(word);
  }
  // In the new mount API a cleared access-time mode is "relatime" only if the mask is given with it.
  return {
    attributes: own,
    recursive,
    propagation,
    superFlags: [...flags],
    data,
    bind,
    remount,
    tmpcopyup,
    idmap,
    sourceNofollow,
    subdirectory,
  };
}
