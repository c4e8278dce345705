/**
 * The words of `mounts[].options` that say something about a mount itself. Every other word is data for
 * the filesystem.
 *
 * @see runtime-spec 1.3 config.md#linux-mount-options
 */

/** Flags of mount(2), each followed by its opposite where there is one. */
const flags = [
  "async",
  "sync",
  "atime",
  "noatime",
  "bind",
  "rbind",
  "defaults",
  "dev",
  "nodev",
  "diratime",
  "nodiratime",
  "dirsync",
  "exec",
  "noexec",
  "iversion",
  "noiversion",
  "lazytime",
  "nolazytime",
  "loud",
  "silent",
  "mand",
  "nomand",
  "relatime",
  "norelatime",
  "remount",
  "ro",
  "rw",
  "strictatime",
  "nostrictatime",
  "suid",
  "nosuid",
  "symfollow",
  "nosymfollow",
] as const;

/** Propagation types; with "r" for the whole tree below too. */
const propagation = [
  "private",
  "rprivate",
  "shared",
  "rshared",
  "slave",
  "rslave",
  "unbindable",
  "runbindable",
] as const;

/** Attributes for every mount of the tree below (mount_setattr(2) with AT_RECURSIVE). */
const recursive = [
  "ratime",
  "rnoatime",
  "rdev",
  "rnodev",
  "rdiratime",
  "rnodiratime",
  "rexec",
  "rnoexec",
  "rrelatime",
  "rnorelatime",
  "rro",
  "rrw",
  "rstrictatime",
  "rnostrictatime",
  "rsuid",
  "rnosuid",
  "rsymfollow",
  "rnosymfollow",
] as const;

/** Words that the runtime carries out itself. */
const extensions = ["tmpcopyup", "idmap", "ridmap", "copy-symlink", "src-nofollow", "dest-nofollow"] as const;

export type MountOption =
  | (typeof flags)[number]
  | (typeof propagation)[number]
  | (typeof recursive)[number]
  | (typeof extensions)[number];

/** All known words, sorted. */
export const mountOptions: readonly MountOption[] = [
  ...flags,
  ...propagation,
  ...recursive,
  ...extensions,
].sort();

/**
 * Of a bind mount: the path below its source that is mounted of it, and from which no symbolic link leads out. mount(8) has
 * it for other mounts. It is runt's engine that writes it, and no feature to be announced.
 */
export const subdirWord = "X-mount.subdir=";

/** Whether `word` is about the mount; any other word is data for the filesystem. */
export function isMountOption(word: string): boolean {
  return (
    (mountOptions as readonly string[]).includes(word) ||
    /^r?idmap=/.test(word) ||
    word.startsWith(subdirWord)
  );
}
