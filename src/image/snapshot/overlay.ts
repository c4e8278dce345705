/**
 * The OverlayFS mount of a stack of layers, as an entry of `mounts` in config.json.
 *
 * A value of a mount option has a limit: 255 bytes each with the new mount API, and with mount(2), which the runtime
 * takes for a longer one, a page for all of them. What does not fit into `lowerdir=` is given layer by layer as
 * `lowerdir+=` where the kernel knows that (6.8), and by short links elsewhere.
 * @see Documentation/filesystems/overlayfs.rst
 */
import { RuntError } from "../../errors.ts";
import { kernelRelease } from "../../linux/uname.ts";

/** Directories of one overlay. */
export interface OverlayStack {
  /** Top to bottom, at least one. */
  readonly lowers: readonly OverlayLower[];
  /** Absent for a read-only mount. */
  readonly writable?: { readonly upper: string; readonly work: string };
  /**
   * Whether what is written need not be on disk once nothing has it mounted any more: then the end of a container waits for
   * no disk. OverlayFS marks the work directory of such a mount, and refuses it from then on.
   */
  readonly volatile?: boolean;
  /** Whiteouts are in `user.overlay.*`, which an ordinary user may write, not in `trusted.overlay.*`. */
  readonly userXattr: boolean;
}

export interface OverlayLower {
  readonly path: string;
  /** Another path of it that is short. */
  readonly link?: string | undefined;
}

/** What config.json has for a mount. @see runtime-spec 1.3 config.md#mounts */
export interface SnapshotMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: string[];
}

/** What fsconfig(2) takes as a string, without the NUL. */
const valueLimitBytes = 255;
/** What mount(2) takes of options, with a comma after each; with a page as small as there is. */
const dataLimitBytes = 4095;
/** OVL_MAX_STACK */
const maxLayers = 500;

/**
 * The mount of `stack` on `destination`.
 * @param kernel release of the kernel that will mount it
 * @throws {RuntError} FailedPrecondition where this kernel has no way to be told of so many layers
 */
export function overlayMount(
  stack: OverlayStack,
  destination: string,
  kernel = kernelRelease(),
): SnapshotMount {
  const [lowest] = stack.lowers;
  if (lowest === undefined) throw new TypeError("an overlay has at least one lower directory");
  if (!stack.writable && stack.lowers.length === 1) {
    // OverlayFS wants two directories at least.
    return { destination, type: "bind", source: lowest.path, options: ["bind", "ro", "private"] };
  }
  const others = stack.writable
    ? [value("upperdir", escaped(stack.writable.upper)), value("workdir", escaped(stack.writable.work))]
    : [];
  // A kernel may have other defaults, and then the upper directory means something that no layer can hold.
  if (stack.writable && stack.volatile) others.push("volatile");
  others.push("index=off", "metacopy=off", stack.userXattr ? "userxattr" : "redirect_dir=off");
  const room = dataLimitBytes - others.reduce((sum, option) => sum + Buffer.byteLength(option) + 1, 0);
  const options = [...(stack.writable ? [] : ["ro"]), ...lowerOptions(stack.lowers, kernel, room), ...others];
  return { destination, type: "overlay", source: "overlay", options };
}

/** @param roomBytes for `lowerdir=` beside the other options, where all of them must be in a page */
function lowerOptions(lowers: readonly OverlayLower[], kernel: string, roomBytes: number): string[] {
  if (lowers.length > maxLayers) throw tooMany(lowers.length, "OverlayFS takes 500 layers");
  const joined = (path: (lower: OverlayLower) => string) =>
    `lowerdir=${lowers.map(path).map(escapedLower).join(":")}`;
  const short = (lower: OverlayLower) => lower.link ?? lower.path;

  const plain = joined(({ path }) => path);
  if (Buffer.byteLength(plain) - "lowerdir=".length <= valueLimitBytes) return [plain];
  // Not escaped: each value is one path, to the end. Short all the same, for a runtime that uses mount(2).
  if (hasLowerdirPlus(kernel)) return lowers.map((lower) => value("lowerdir+", short(lower)));
  const linked = joined(short);
  if (Buffer.byteLength(linked) <= roomBytes) return [linked];
  throw tooMany(lowers.length, `Linux ${kernel} cannot be told of so many layers`);
}

/** @throws {RuntError} FailedPrecondition */
function value(key: string, text: string): string {
  if (Buffer.byteLength(text) <= valueLimitBytes) return `${key}=${text}`;
  throw new RuntError("FailedPrecondition", `${text}: too long a path for a mount option`, {
    operation: "mount",
    path: text,
    code: "EINVAL",
  });
}

function tooMany(layers: number, why: string): RuntError {
  return new RuntError("FailedPrecondition", `an image of ${layers} layers: ${why}`, {
    operation: "mount",
    hint: "unpack it with --rootfs copy",
  });
}

/** "6.8.0-31-generic": documented since 6.8. */
function hasLowerdirPlus(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  return major > 6 || (major === 6 && minor >= 8);
}

/** A backslash takes the meaning from what follows it; a comma has one only for mount(2). */
function escaped(path: string): string {
  return path.replaceAll(/[\\,]/g, "\\$&");
}

function escapedLower(path: string): string {
  return path.replaceAll(/[\\,:]/g, "\\$&");
}
