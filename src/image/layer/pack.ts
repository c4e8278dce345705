/**
 * A directory as a layer's archive: the writable directory of an OverlayFS mount, with whiteouts as the image format
 * writes them, or a whole tree as it is. The same directory gives the same bytes.
 *
 * Whoever runs in the container may change the tree meanwhile: it is walked by fds that follow no link, so that no change
 * makes this read anything else.
 * @see image-spec layer.md#representing-changes
 */
import { type BigIntStats, constants, fstatSync, openSync, readSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { RuntError } from "../../errors.ts";
import { lstatAt, openAt, openHow, pathAt, readable, readlinkAt } from "../../linux/at.ts";
import { Fd } from "../../linux/fd.ts";
import { O_PATH } from "../../linux/openat2.ts";
import { SystemError } from "../../linux/system-error.ts";
import { getXattr, listXattrs } from "../../linux/xattr.ts";
import { timesOf } from "./copy-up.ts";
import { blankEntry, type EntryType, type TarEntry } from "./entry.ts";
import { defaultLimits } from "./limits.ts";
import { isWhiteoutDevice } from "./lower-layers.ts";
import { endOfArchive, header, padding } from "./tar-writer.ts";
import { howToSearch, LayerTree, resolveFlags } from "./tree.ts";

export interface PackOptions {
  /** "overlay": marks of OverlayFS become whiteouts. "tree": everything is taken as it is. */
  readonly source: "overlay" | "tree";
  /** SOURCE_DATE_EPOCH, in seconds: nothing is said to be newer. @see https://reproducible-builds.org/specs/source-date-epoch/ */
  readonly newestS?: number;
  /** Of what fails; "commit" by default. */
  readonly operation?: string;
  /** Whose the archive says that things are, where that is not whose they are. */
  readonly owner?: (own: { uid: number; gid: number }) => { uid: number; gid: number };
  /** Is told what cannot be in an archive and was left out. */
  readonly onWarning?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** Output is given in pieces of about this size. */
const pieceBytes = 256 * 1024;

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_DIRECTORY } = constants;
const howToReadFile = openHow(O_RDONLY | O_NOFOLLOW | O_NONBLOCK, resolveFlags);

const overlayPrefixes = ["trusted.overlay.", "user.overlay."];

/**
 * The archive, in pieces that are the caller's to keep.
 * @param dir is not itself in it
 * @throws {RuntError} FailedPrecondition for what only OverlayFS understands, and for a file that gets shorter meanwhile;
 * {SystemError}; the reason of `signal`
 */
export async function* packLayer(dir: string, options: PackOptions): AsyncGenerator<Uint8Array, void> {
  using root = new Fd(openSync(dir, O_DIRECTORY | O_PATH));
  const packer = new Packer(new LayerTree(root, defaultLimits), options);
  yield* inPieces(packer.directory(""), options.signal);
}

async function* inPieces(
  archive: Iterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  let held: Uint8Array[] = [];
  let length = 0;
  for (const bytes of archive) {
    held.push(bytes);
    length += bytes.length;
    if (length < pieceBytes) continue;
    yield Buffer.concat(held);
    [held, length] = [[], 0];
    signal?.throwIfAborted();
  }
  yield Buffer.concat([...held, endOfArchive]);
}

/**
 * The archive of one thing, with all that is in it where it is a directory: what `cp` sends.
 * @param root below which everything is; stays the caller's
 * @param path of the thing: a byte string without links on the way, slashes at its ends, "." or ".."; "" is the root
 * @param name that it has in the archive; "" for what is in a directory, without the directory
 * @throws as `packLayer`; {SystemError} ENOENT
 */
export async function* packPath(
  root: Fd,
  path: string,
  name: string,
  options: PackOptions,
): AsyncGenerator<Uint8Array, void> {
  const packer = new Packer(new LayerTree(root, defaultLimits), options, { path, name });
  yield* inPieces(packer.whole(path, name === "" ? "content" : "itself too"), options.signal);
}

class Packer {
  readonly #tree: LayerTree;
  readonly #options: PackOptions;
  /** What is below `path` has names below `name`. */
  readonly #renamed: { readonly path: string; readonly name: string };
  /** Device and inode of files with several names → the first of them. */
  readonly #links = new Map<string, string>();

  constructor(tree: LayerTree, options: PackOptions, renamed = { path: "", name: "" }) {
    this.#tree = tree;
    this.#options = options;
    this.#renamed = renamed;
  }

  get #operation(): string {
    return this.#options.operation ?? "commit";
  }

  #ownerOf(own: { uid: number; gid: number }): { uid: number; gid: number } {
    return this.#options.owner?.(own) ?? own;
  }

  #nameOf(path: string): string {
    const { path: from, name } = this.#renamed;
    if (path === from) return name;
    const rest = from === "" ? path : path.slice(from.length + 1);
    return name === "" ? rest : `${name}/${rest}`;
  }

  /** What is at `path`, and all that is in it. */
  *whole(path: string, what: "itself too" | "content"): Generator<Uint8Array, void> {
    const slash = path.lastIndexOf("/");
    using dir = this.#tree.open(path.slice(0, Math.max(slash, 0)), howToSearch);
    const stats = lstatAt(dir, path.slice(slash + 1));
    if (!stats) throw new SystemError("lstat", osConstants.errno.ENOENT, { path: readable(path) });
    if (what === "itself too") yield* this.#node(dir, path.slice(slash + 1), path, stats);
    if (stats.isDirectory()) yield* this.directory(path);
  }

  /** Everything in a directory, in the order of the names' bytes. */
  *directory(path: string): Generator<Uint8Array, void> {
    for (const child of this.#tree.children(path).sort()) {
      // Opened anew each time: no more than a few fds are open, however deep it goes.
      const { dir, name } = this.#open(path, child);
      using _ = dir;
      const stats = lstatAt(dir, name);
      if (!stats) continue;
      yield* this.#node(dir, name, child, stats);
      if (!stats.isDirectory()) continue;
      dir[Symbol.dispose]();
      yield* this.directory(child);
    }
  }

  #open(parent: string, path: string): { dir: Fd; name: string } {
    return {
      dir: this.#tree.open(parent, howToSearch),
      name: path.slice(parent === "" ? 0 : parent.length + 1),
    };
  }

  *#node(dir: Fd, name: string, path: string, stats: BigIntStats): Generator<Uint8Array, void> {
    const place = pathAt(dir, name);
    const attributes = listXattrs(place);
    if (this.#options.source === "overlay") {
      if (isWhiteoutDevice(stats) || (stats.isFile() && hasMark(attributes, "whiteout")))
        return yield header(hidden(this.#nameOf(path)));
      // Where the content, or the name below, really is, only the kernel knows.
      const foreign = ["redirect", "metacopy"].find((mark) => hasMark(attributes, mark));
      if (foreign !== undefined)
        throw new RuntError(
          "FailedPrecondition",
          `${readable(path)}: is tied to a layer below (overlay.${foreign})`,
          {
            operation: this.#operation,
            hint: "only what was mounted without redirect_dir and metacopy can be packed",
          },
        );
      if (name.startsWith(".wh."))
        return this.#warn(`${readable(path)}: a name that begins with .wh. means a whiteout`);
    }
    const type = typeOf(stats);
    if (!type) return this.#warn(`${readable(path)}: a socket cannot be in an archive`);
    const entry = this.#entry(path, type, stats);
    const inode = `${stats.dev}:${stats.ino}`;
    const first = stats.nlink > 1n && type !== "directory" ? this.#links.get(inode) : undefined;
    if (first !== undefined) return yield header({ ...entry, type: "hardlink", linkname: first, size: 0 });
    if (stats.nlink > 1n && type !== "directory") this.#links.set(inode, this.#nameOf(path));
    const xattrs = this.#xattrs(place, attributes);
    const linkname = type === "symlink" ? readlinkAt(dir, name) : "";
    if (type === "file") return yield* this.#file({ ...entry, xattrs }, dir, name, stats);
    yield header({ ...entry, xattrs, linkname });
    if (type === "directory" && this.#isOpaque(place, attributes))
      yield header(hidden(`${this.#nameOf(path)}/.wh..opq`));
  }

  *#file(entry: TarEntry, dir: Fd, name: string, stats: BigIntStats): Generator<Uint8Array, void> {
    using file = openAt(dir, name, howToReadFile);
    const { dev, ino } = fstatSync(file.n, { bigint: true });
    if (dev !== stats.dev || ino !== stats.ino)
      throw new RuntError("FailedPrecondition", `${readable(entry.name)}: was replaced while it was read`, {
        operation: this.#operation,
      });
    yield header(entry);
    for (let at = 0; at < entry.size; ) {
      const piece = Buffer.allocUnsafe(Math.min(entry.size - at, pieceBytes));
      const n = readSync(file.n, piece, 0, piece.length, at);
      if (n === 0)
        throw new RuntError("FailedPrecondition", `${readable(entry.name)}: got shorter while it was read`, {
          operation: this.#operation,
        });
      at += n;
      yield piece.subarray(0, n);
    }
    yield padding(entry.size);
  }

  #entry(path: string, type: EntryType, stats: BigIntStats): TarEntry {
    const { newestS = Number.POSITIVE_INFINITY } = this.#options;
    const { mtime } = timesOf(stats);
    const time = mtime.s >= newestS ? { s: newestS, ns: 0 } : mtime;
    const isDevice = type === "character" || type === "block";
    const device = Number(stats.rdev);
    const name = this.#nameOf(path);
    return {
      name: type === "directory" ? `${name}/` : name,
      type,
      linkname: "",
      mode: Number(stats.mode & 0o7777n),
      ...this.#ownerOf({ uid: Number(stats.uid), gid: Number(stats.gid) }),
      size: type === "file" ? Number(stats.size) : 0,
      mtimeS: time.s,
      mtimeNs: time.ns,
      atimeS: time.s,
      atimeNs: time.ns,
      major: isDevice ? (device >>> 8) & 0xfff : 0,
      minor: isDevice ? (device & 0xff) | ((device >>> 12) & 0xfff00) : 0,
      xattrs: undefined,
      sparse: undefined,
    };
  }

  /** What belongs to the file, not to this host or to OverlayFS. */
  #xattrs(place: Buffer, names: readonly string[]): Map<string, Uint8Array> | undefined {
    const own = names.filter(
      (name) => !name.startsWith("trusted.") && name !== "security.selinux" && !isMark(name),
    );
    const values = own.sort().flatMap((name) => {
      const value = getXattr(place, name);
      return value ? [[name, value] as const] : [];
    });
    return values.length > 0 ? new Map(values) : undefined;
  }

  #isOpaque(place: Buffer, attributes: readonly string[]): boolean {
    if (this.#options.source !== "overlay") return false;
    return overlayPrefixes.some((prefix) => {
      const name = `${prefix}opaque`;
      // "x" says only that there may be whiteouts that are files.
      return attributes.includes(name) && getXattr(place, name)?.toString("latin1") === "y";
    });
  }

  #warn(text: string): void {
    this.#options.onWarning?.(text);
  }
}

function isMark(name: string): boolean {
  return overlayPrefixes.some((prefix) => name.startsWith(prefix));
}

function hasMark(names: readonly string[], mark: string): boolean {
  return overlayPrefixes.some((prefix) => names.includes(`${prefix}${mark}`));
}

function typeOf(stats: BigIntStats): EntryType | undefined {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isCharacterDevice()) return "character";
  if (stats.isBlockDevice()) return "block";
  return stats.isFIFO() ? "fifo" : undefined;
}

/** A whiteout of `path`; what hides has no owner, no mode, no time. */
function hidden(path: string): TarEntry {
  const slash = path.lastIndexOf("/");
  return { ...blankEntry, name: `${path.slice(0, slash + 1)}.wh.${path.slice(slash + 1)}` };
}
