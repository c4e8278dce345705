/** flock(2): a lock that ends with the process that has it. */
import { constants, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Fd } from "./fd.ts";
import { check, I32, syscall } from "./ffi.ts";
import { SYS } from "./syscall-numbers.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;
const EWOULDBLOCK = -11;

/**
 * Waits for the exclusive lock of a file or directory. Closing the fd, which is the caller's, gives it up.
 * @throws ENOENT
 */
export async function flock(path: string): Promise<Fd> {
  const fd = new Fd(openSync(path, constants.O_RDONLY));
  try {
    for (;;) {
      const result = syscall(SYS.flock, [I32, I32], [fd.n, LOCK_EX | LOCK_NB]);
      if (result !== EWOULDBLOCK) {
        check(result, "flock", { path });
        return fd;
      }
      await sleep(5);
    }
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}
