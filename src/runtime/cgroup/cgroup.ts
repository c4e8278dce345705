/** One cgroup v2 directory: its files, its processes, its children. */
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { Fd } from "../../linux/fd.ts";
import { O_PATH } from "../../linux/openat2.ts";
import { hasCode, SystemError } from "../../linux/system-error.ts";
import { hierarchyRoot, words } from "./hierarchy.ts";

const EXDEV = 18;

/**
 * A cgroup by its place. The directory need not exist. Once used, it is held open, so that all reads and
 * writes go to the very directory that was reached from the verified mount, whatever is mounted where later.
 */
export class Cgroup implements Disposable {
  readonly mountPoint: string;
  /** From the mount point: "/a/b". */
  readonly path: string;
  #fd: Fd | undefined;

  constructor(mountPoint: string, path: string) {
    this.mountPoint = mountPoint;
    this.path = path;
  }

  /** Absolute path of the directory, for messages and for people. */
  get dir(): string {
    return this.path === "/" ? this.mountPoint : this.mountPoint + this.path;
  }

  /**
   * The directory, opened with O_PATH: for CLONE_INTO_CGROUP and bpf(2). It stays this object's to close.
   * @throws {SystemError} ENOENT; EXDEV, where some other file system is mounted on it
   */
  get fd(): Fd {
    this.#fd ??= openBelow(this.mountPoint, this.path);
    return this.#fd;
  }

  [Symbol.dispose](): void {
    this.#fd?.[Symbol.dispose]();
    this.#fd = undefined;
  }

  /** What a file says. @throws {SystemError} ENOENT; ENODEV when the cgroup was removed meanwhile; EOPNOTSUPP */
  read(file: string): string {
    try {
      return readFileSync(this.#at(file), "utf8");
    } catch (error) {
      throw inPlace(error, `${this.dir}/${file}`);
    }
  }

  /** The same, or undefined where there is no such file or no such cgroup. */
  readIfAny(file: string): string | undefined {
    try {
      return this.read(file);
    } catch (error) {
      if (hasCode(error, "ENOENT", "ENODEV")) return undefined;
      throw error;
    }
  }

  /** One write(2), which is how cgroup files want it. @throws {SystemError} whatever the kernel thinks of it */
  write(file: string, value: string): void {
    try {
      const fd = openSync(this.#at(file), constants.O_WRONLY);
      try {
        writeSync(fd, value);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      throw inPlace(error, `${this.dir}/${file}`);
    }
  }

  /** The value of `key` in a file of lines "key value", undefined where there is none. */
  field(file: string, key: string): number | undefined {
    const line = this.readIfAny(file)
      ?.split("\n")
      .find((each) => each.startsWith(`${key} `));
    return line === undefined ? undefined : Number(line.slice(key.length + 1));
  }

  /** The controllers that are available in it. */
  controllers(): Set<string> {
    return words(this.readIfAny("cgroup.controllers") ?? "");
  }

  /** Is the directory there? */
  exists(): boolean {
    return this.readIfAny("cgroup.controllers") !== undefined;
  }

  /** Is a process in it or below it? */
  populated(): boolean {
    return this.field("cgroup.events", "populated") === 1;
  }

  /** The cgroups directly below. */
  children(): Cgroup[] {
    try {
      return readdirSync(this.#at("."), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => this.child(entry.name));
    } catch (error) {
      if (hasCode(error, "ENOENT", "ENODEV")) return [];
      throw inPlace(error, this.dir);
    }
  }

  /** The cgroup at a relative path below. */
  child(path: string): Cgroup {
    return new Cgroup(this.mountPoint, `${this.path === "/" ? "" : this.path}/${path}`);
  }

  /** Pids of the processes in it and below it; none where it does not exist. */
  processes(): number[] {
    const pids = this.#pidsHere();
    for (const child of this.children()) {
      using each = child;
      pids.push(...each.processes());
    }
    return pids;
  }

  #pidsHere(): number[] {
    try {
      return numbers(this.readIfAny("cgroup.procs") ?? "");
    } catch (error) {
      if (!hasCode(error, "EOPNOTSUPP", "ENOTSUP")) throw error;
    }
    // A threaded cgroup lists threads only; processes are listed at the root of the threaded subtree.
    const threads = numbers(this.readIfAny("cgroup.threads") ?? "");
    return [...new Set(threads.map(threadGroup))];
  }

  #at(file: string): string {
    return `/proc/self/fd/${this.fd.n}/${file}`;
  }
}

/**
 * Paths of cgroups have no "..", and cgroup2 has no symbolic links: what is reached from the verified root and
 * lies on the same file system is a cgroup. This costs a third of what openat2(2) does through FFI.
 */
function openBelow(mountPoint: string, path: string): Fd {
  const root = hierarchyRoot(mountPoint);
  try {
    const flags = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
    const fd = new Fd(openSync(`/proc/self/fd/${root.fd.n}${path}`, flags));
    if (fstatSync(fd.n).dev === root.device) return fd;
    fd[Symbol.dispose]();
  } catch (error) {
    throw inPlace(error, mountPoint + path);
  }
  throw new SystemError("open", EXDEV, { path: mountPoint + path });
}

function numbers(text: string): number[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && line !== "0")
    .map(Number);
}

function threadGroup(thread: number): number {
  try {
    return Number(/^Tgid:\s*(\d+)/m.exec(readFileSync(`/proc/${thread}/status`, "latin1"))?.[1] ?? thread);
  } catch {
    return thread;
  }
}

/** The same failure with the path that people know instead of our way to it. */
function inPlace(error: unknown, path: string): unknown {
  const { syscall, errno } = error as NodeJS.ErrnoException;
  return syscall && errno ? new SystemError(syscall, -errno, { path }) : error;
}
