/** syncfs(2): everything that was written to one file system, onto its disk. */
import { constants, openSync } from "node:fs";
import { Fd } from "./fd.ts";
import { callAsync, check, I32, I64 } from "./ffi.ts";
import { SYS } from "./syscall-numbers.ts";

/**
 * Waits until all data of the file system that holds `path` is on disk; on a thread of its own, for it can take seconds.
 * @throws ENOENT; {SystemError} EIO, ENOSPC, EDQUOT: some of it was lost
 */
export async function syncfs(path: string): Promise<void> {
  using fd = new Fd(openSync(path, constants.O_RDONLY));
  check(await callAsync("runt_syscall", [I64, I32], [SYS.syncfs, fd.n]), "syncfs", { path });
}
