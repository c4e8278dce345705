/**
 * `<root>/<id>/`: what one command leaves for the next to find.
 *
 * ```
 * state.json   who and where: see `StoredState`; replaced by rename, so that it is always whole
 * config.json  the configuration as it was at create
 * exec.fifo    there until start: init waits at its other end
 * notify/      the NOTIFY_SOCKET relay's end, where one was asked for
 * ```
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { makeDirectory } from "../../linux/make-directory.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { CgroupState } from "../cgroup/driver.ts";

/** state.json. We write it ourselves, so it is read back without a schema. */
export interface StoredState {
  /** Of this file's format. */
  readonly version: 1;
  readonly ociVersion: string;
  readonly id: string;
  readonly bundle: string;
  readonly rootfs: string;
  /** RFC 3339, UTC. */
  readonly created: string;
  readonly uid: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** Who makes it: as long as that process lives and `init` is unknown, the container is being created. */
  readonly creator: ProcessId;
  readonly init?: ProcessId;
  readonly cgroup?: CgroupState;
  /** CLONE_NEW* of the namespaces that init has and the runtime had not. */
  readonly namespaceFlags: number;
  readonly keyring: "new" | "inherited";
  /** NOTIFY_SOCKET of the caller, which `start` relays to. */
  readonly notifySocket?: string;
  /** Whether config.json has poststart or poststop hooks: mostly it need not be read again. Of earlier versions unknown. */
  readonly hasHooks?: boolean;
}

/** A process that a reused pid cannot be mistaken for. */
export interface ProcessId {
  readonly pid: number;
  readonly startTime: number;
}

/** As runc has them. @throws {RuntError} InvalidArgument */
export function checkId(id: string, operation: string): void {
  // It names a directory and a cgroup, for which the kernel has room for 255 bytes.
  if (!/^[\w+.-]{1,255}$/.test(id) || id === "." || id === "..") {
    const shown = JSON.stringify(id.length > 80 ? `${id.slice(0, 76)}…` : id);
    throw new RuntError("InvalidArgument", `invalid container ID format: ${shown}`, {
      operation,
      subject: "container-id",
    });
  }
}

export function stateDirectory(root: string, id: string): string {
  return join(root, id);
}

/** Makes `<root>/<id>`. @throws {RuntError} AlreadyExists */
export function makeStateDirectory(root: string, id: string): string {
  const directory = stateDirectory(root, id);
  try {
    try {
      mkdirSync(directory, { mode: 0o711 });
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
      makeDirectory(root, 0o711);
      mkdirSync(directory, { mode: 0o711 });
    }
  } catch (error) {
    if (hasCode(error, "EEXIST")) {
      throw new RuntError("AlreadyExists", "container with given ID already exists", {
        operation: "create",
        subject: `container ${id}`,
      });
    }
    throw stateError(error, "create", id);
  }
  return directory;
}

/** Writes state.json. @throws {RuntError} Unavailable where the disk is full and the like */
export function writeState(directory: string, state: StoredState): void {
  stageState(directory, state)();
}

/**
 * Writes state.json under another name, which nobody looks at.
 * @returns what puts it into force, which is quick
 * @throws {RuntError} Unavailable where the disk is full and the like; so does what is returned
 */
export function stageState(directory: string, state: StoredState): () => void {
  const temporary = join(directory, `.state.json.${process.pid}`);
  const attempt = (write: () => void): void => {
    try {
      write();
    } catch (error) {
      rmSync(temporary, { force: true });
      throw stateError(error, "create", state.id);
    }
  };
  attempt(() => writeFileSync(temporary, JSON.stringify(state), { mode: 0o600 }));
  return () => attempt(() => renameSync(temporary, join(directory, "state.json")));
}

/** What the disk says to a file of ours: full, read-only, not ours to write. */
export function stateError(error: unknown, operation: string, id: string): RuntError {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const kind = code === "EACCES" || code === "EPERM" ? "PermissionDenied" : "Unavailable";
  return new RuntError(
    kind,
    `cannot keep the container's state: ${message}`,
    { operation, subject: `container ${id}`, code },
    error,
  );
}

/** @throws {RuntError} NotFound: `container does not exist` */
export function readState(root: string, id: string, operation: string): StoredState {
  checkId(id, operation);
  try {
    return JSON.parse(readFileSync(join(root, id, "state.json"), "utf8")) as StoredState;
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) {
      throw new RuntError("NotFound", "container does not exist", { operation, subject: `container ${id}` });
    }
    if (error instanceof SyntaxError) {
      throw new RuntError("Internal", `${join(root, id, "state.json")}: ${error.message}`, { operation });
    }
    throw stateError(error, operation, id);
  }
}

/** Ids of all containers below `root`; none where it does not exist. */
export function listIds(root: string): string[] {
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

export function removeState(root: string, id: string): void {
  const directory = stateDirectory(root, id);
  try {
    // All there is of most containers once they have run; to try is quicker than to look.
    unlinkSync(join(directory, "config.json"));
    unlinkSync(join(directory, "state.json"));
    rmdirSync(directory);
  } catch {
    rmSync(directory, { recursive: true, force: true });
  }
}
