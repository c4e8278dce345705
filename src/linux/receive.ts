/** Reading from sockets and pipes that are plain fds. */
import { readSync } from "node:fs";
import { Fd } from "./fd.ts";
import { Bytes, check, I32, syscall } from "./ffi.ts";
import { SYS } from "./syscall-numbers.ts";

/** One message, of at most `limit` bytes. @throws EAGAIN where the socket is not blocking and has none */
export function receive(socket: Fd, limit: number): Buffer {
  const buffer = Buffer.alloc(limit);
  return buffer.subarray(0, readSync(socket.n, buffer));
}

const O_CLOEXEC = 0x80000;

/** pipe2(2): reading end, writing end; the caller owns both. */
export function pipe(): [Fd, Fd] {
  const pair = new Uint8Array(8);
  check(syscall(SYS.pipe2, [Bytes, I32], [pair, O_CLOEXEC]), "pipe2");
  const view = new DataView(pair.buffer);
  return [new Fd(view.getInt32(0, true)), new Fd(view.getInt32(4, true))];
}
