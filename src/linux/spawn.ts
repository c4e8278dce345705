/** Starts programs that stay when we go. */
import type { Fd } from "./fd.ts";
import { Bytes, callAsync, check, I32, Text } from "./ffi.ts";

/**
 * Starts a program that is nobody's child, in a session of its own, with all signals blocked and no environment. Node's own
 * way copies our page tables, and takes ten times as long; and this is done on a thread of its own.
 * @param words its arguments, its name first
 * @param fds become 3 and following; they stay the caller's, and open until then. 0, 1 and 2 are /dev/null
 * @returns its pid
 * @throws {SystemError} why it could not be started
 */
export async function spawnDetached(
  path: string,
  words: readonly string[],
  fds: readonly Fd[],
): Promise<number> {
  const text = Buffer.from(words.map((word) => `${word}\0`).join(""));
  const numbers = new Uint8Array(Int32Array.from(fds, (fd) => fd.n).buffer);
  const types = [Text, Bytes, I32, Bytes, I32] as const;
  const values = [path, text, words.length, numbers, fds.length];
  return check(await callAsync("runt_spawn_detached", types, values), "execve", { path });
}
