/** The network namespace of a container, as an fd and as something to know it by. */
import { constants, fstatSync, openSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import { Fd } from "../../linux/fd.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { Namespace } from "./request.ts";

/** An open namespace; disposing of it closes what we opened ourselves. */
export interface OpenNamespace extends Disposable {
  readonly fd: Fd;
  /** For other programs to open; good as long as this process lives. */
  readonly path: string;
  /** Device and inode. */
  readonly key: string;
}

/** @throws {RuntError} NotFound: the container is gone; */
export function openNamespace(namespace: Namespace, id: string): OpenNamespace {
  const isOurs = typeof namespace === "string";
  const fd = isOurs ? open(namespace, id) : namespace;
  const { dev, ino } = fstatSync(fd.n);
  return {
    fd,
    path: isOurs ? namespace : `/proc/${process.pid}/fd/${fd.n}`,
    key: `${dev}:${ino}`,
    [Symbol.dispose]: () => {
      if (isOurs) fd[Symbol.dispose]();
    },
  };
}

/** Undefined where it is gone. */
export function tryOpenNamespace(namespace: Namespace, id: string): OpenNamespace | undefined {
  try {
    return openNamespace(namespace, id);
  } catch (error) {
    if (error instanceof RuntError && error.kind === "NotFound") return undefined;
    throw error;
  }
}

function open(path: string, id: string): Fd {
  try {
    return new Fd(openSync(path, constants.O_RDONLY));
  } catch (error) {
    if (!hasCode(error, "ENOENT", "ESRCH")) throw error;
    throw new RuntError(
      "NotFound",
      "the container has no network namespace any more",
      { operation: "network setup", subject: `container ${id}`, path },
      error,
    );
  }
}
