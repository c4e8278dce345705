/**
 * `cp`: files of a container, looked at, read and written as archives. Every path is resolved below its root directory by
 * openat2(2), link by link, and what is opened is opened without following any: what the container makes of its files
 * meanwhile leads nowhere else (CVE-2019-14271, CVE-2018-15664).
 */
import { RuntError } from "../../errors.ts";
import { extractArchive } from "../../image/layer/extract.ts";
import { defaultLimits } from "../../image/layer/limits.ts";
import { packPath } from "../../image/layer/pack.ts";
import { LayerTree } from "../../image/layer/tree.ts";
import { readable, readlinkAt } from "../../linux/at.ts";
import type { EngineContext } from "../context.ts";
import { userIn } from "./user-in.ts";
import { openView, type RootView } from "./view.ts";

/** What is at a path. */
export interface FoundFile {
  /** From the root directory, without links on the way; byte string without slashes at its ends. */
  readonly path: string;
  /** Its last component; "" for the root directory. */
  readonly name: string;
  /** Undefined: nothing is there, but its directory is. */
  readonly stat: FileStat | undefined;
}

export interface FileStat {
  readonly type: "file" | "directory" | "link" | "other";
  readonly size: number;
  /** Permissions: the twelve bits that chmod(2) takes. */
  readonly mode: number;
  readonly mtimeMs: number;
  readonly linkTarget: string | undefined;
}

export interface CopyOutOptions {
  /**
   * Of the thing in the archive, a byte string; "": what is in the directory, without the directory. Its own by default.
   */
  readonly name?: string | undefined;
  readonly onWarning?: ((text: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CopyInOptions {
  /** "archive": whose the archive says; "container": who the container's own program is. */
  readonly owner?: "archive" | "container" | undefined;
  readonly onWarning?: ((text: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws {RuntError} NotFound */
export async function containerFiles(context: EngineContext, text: string): Promise<ContainerFiles> {
  return new ContainerFiles(await openView(context, text, "cp"));
}

/** As many as the kernel follows. */
const mostLinks = 40;

/** Files of one container. Unless it runs nobody else can start or change it until this is disposed of. */
export class ContainerFiles implements AsyncDisposable {
  readonly #view: RootView;
  readonly #tree: LayerTree;

  /** Takes over `view`. */
  constructor(view: RootView) {
    this.#view = view;
    this.#tree = new LayerTree(view.root, defaultLimits);
  }

  /**
   * Looks a path up from the root directory.
   * @param last whether a link at its end is followed; one with a slash behind it is
   * @throws {RuntError} NotFound where its directory is not there
   */
  find(path: string, last: "follow" | "nofollow" = "nofollow"): FoundFile {
    const missing = () => {
      const { name } = this.#view.record;
      return new RuntError("NotFound", `could not find the file ${path} in container ${name}`, {
        operation: "cp",
        subject: `container ${name}`,
        path,
      });
    };
    let rest = Buffer.from(path, "utf8").toString("latin1");
    const follow = last === "follow" || /\/\.?$/.test(path);
    for (let links = 0; links <= mostLinks; links++) {
      const text = rest.replace(/(\/\.?)+$/, "");
      const slash = text.lastIndexOf("/");
      const base = text.slice(slash + 1);
      const parent = this.#tree.resolve(base === ".." ? text : text.slice(0, Math.max(slash, 0)), rest);
      if (parent === undefined) throw missing();
      if (base === ".." || base === "." || base === "") return this.#found(parent);
      const full = parent === "" ? base : `${parent}/${base}`;
      const found = this.#found(full);
      if (found.stat?.type !== "link" || !follow) return found;
      const target = this.#tree.at(full, readlinkAt);
      rest = target.startsWith("/") ? target : `${parent}/${target}`;
    }
    throw new RuntError("InvalidArgument", `${path}: too many levels of symbolic links`, {
      operation: "cp",
      path,
      code: "ELOOP",
    });
  }

  /** The directory of what `find` has found. */
  directoryOf({ path }: FoundFile): FoundFile {
    return this.#found(path.slice(0, Math.max(path.lastIndexOf("/"), 0)));
  }

  #found(path: string): FoundFile {
    return { path, name: path.slice(path.lastIndexOf("/") + 1), stat: this.#stat(path) };
  }

  #stat(path: string): FileStat | undefined {
    const stats = this.#tree.stat(path);
    if (!stats) return undefined;
    const isLink = stats.isSymbolicLink();
    return {
      type: stats.isFile() ? "file" : stats.isDirectory() ? "directory" : isLink ? "link" : "other",
      size: Number(stats.size),
      mode: Number(stats.mode & 0o7777n),
      mtimeMs: Number(stats.mtimeMs),
      linkTarget: isLink ? readable(this.#tree.at(path, readlinkAt)) : undefined,
    };
  }

  /** The archive of what is at a path that `find` has found. @throws {RuntError} */
  async *read(found: FoundFile, options: CopyOutOptions = {}): AsyncGenerator<Uint8Array, void> {
    const { name = found.name, onWarning, signal } = options;
    const { ids, root } = this.#view;
    yield* packPath(root, found.path, name, {
      source: "tree",
      operation: "cp",
      owner: (entry) => ids.toContainer(entry),
      ...(onWarning && { onWarning }),
      ...(signal && { signal }),
    });
  }

  /**
   * Writes what an archive has into a directory that `find` has found.
   * @throws {RuntError} InvalidArgument where it is no directory; FailedPrecondition where it is read-only
   */
  async write(
    { path, stat }: FoundFile,
    archive: AsyncIterable<Uint8Array>,
    options: CopyInOptions = {},
  ): Promise<void> {
    const { record, root, ids } = this.#view;
    const site = { operation: "cp", subject: `container ${record.name}`, path: `/${readable(path)}` };
    if (stat?.type !== "directory") {
      throw new RuntError("InvalidArgument", `/${readable(path)} is not a directory`, site);
    }
    const own = options.owner === "container" ? this.#user() : undefined;
    try {
      await extractArchive(archive, {
        root,
        directory: path,
        owner: (entry) => ids.toHost(own ?? entry),
        privileged: process.geteuid!() === 0 ? "make" : "skip",
        ...(options.onWarning && { warn: options.onWarning }),
        signal: options.signal,
      });
    } catch (error) {
      if (error instanceof RuntError && error.site.code === "EROFS") {
        throw new RuntError("FailedPrecondition", "container rootfs is marked read-only", site, error);
      }
      throw error;
    }
  }

  /** Who the container's program is; undefined where nobody has said. */
  #user(): { uid: number; gid: number } | undefined {
    const { user } = this.#view.record.definition;
    if (user === "") return undefined;
    const { uid, gid } = userIn(this.#view.root, user);
    return { uid, gid };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#view[Symbol.asyncDispose]();
  }
}
