/** flock(2): a lock that ends with the process that has it. */
import { constants, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Abort, signalOf } from "./abort.ts";
import { Fd } from "./fd.ts";
import { check, I32, syscall } from "./ffi.ts";
import { SYS } from "./syscall-numbers.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;
const EWOULDBLOCK = -11;

/** Between two tries of a lock that someone has; doubled from the shorter to the longer. */
const shortestWaitMs = 5;
const longestWaitMs = 20;

/**
 * Waits for the exclusive lock of a file or directory. Closing the fd, which is the caller's, gives it up.
 * @throws ENOENT; the signal's reason
 */
export async function flock(path: string, signal?: Abort): Promise<Fd> {
  const fd = new Fd(openSync(path, constants.O_RDONLY));
  try {
    await waitForLock(fd.n, path, signal);
    return fd;
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}

/** Waits for the exclusive lock of an open file. It lasts until every copy of the fd is closed. */
export async function waitForLock(fd: number, path: string, signal?: Abort): Promise<void> {
  if (tryLock(fd, path)) return;
  const options = signal && { signal: signalOf(signal) };
  for (let wait = shortestWaitMs; !tryLock(fd, path); wait = Math.min(2 * wait, longestWaitMs)) {
    await sleep(wait, undefined, options);
  }
}

/**
 * Takes the exclusive lock of an open file if nobody has it.
 * @returns whether it is ours now
 */
export function tryLock(fd: number, path: string): boolean {
  const result = syscall(SYS.flock, [I32, I32], [fd, LOCK_EX | LOCK_NB]);
  if (result === EWOULDBLOCK) return false;
  check(result, "flock", { path });
  return true;
}
