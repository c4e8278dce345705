/** Unix sockets as fds, with other fds in their messages. @see unix(7) */
import { Fd } from "./fd.ts";
import { Bytes, call, check, I32, Text } from "./ffi.ts";

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0x800;
export const MSG_DONTWAIT = 0x40;

/** socketpair(2). The caller owns both. */
export function socketpair(type: number): [Fd, Fd] {
  const pair = new Uint8Array(8);
  check(call("runt_socketpair", [I32, Bytes], [type, pair]), "socketpair");
  const view = new DataView(pair.buffer);
  return [new Fd(view.getInt32(0, true)), new Fd(view.getInt32(4, true))];
}

/** A socket connected to the one at `path`. The caller owns it. @throws {SystemError} ENOENT, ECONNREFUSED */
export function connectUnix(path: string, type: number): Fd {
  return new Fd(check(call("runt_connect", [Text, I32], [path, type]), "connect", { path }));
}

/** A socket bound to `path`. The caller owns it. @throws {SystemError} EADDRINUSE, ENOENT */
export function bindUnix(path: string, type: number): Fd {
  return new Fd(check(call("runt_bind", [Text, I32], [path, type]), "bind", { path }));
}

/** sendmsg(2) of `data` with `fds` beside it; the receiver gets copies. */
export function sendFds(socket: Fd, data: string | Uint8Array, fds: readonly number[]): void {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  const numbers = new Uint8Array(Int32Array.from(fds).buffer);
  const types = [I32, Bytes, I32, Bytes, I32] as const;
  check(call("runt_send_fds", types, [socket.n, bytes, bytes.length, numbers, fds.length]), "sendmsg");
}

/** recvmsg(2) of one fd, which the caller owns. @throws {SystemError} EBADMSG where a message brought none, EAGAIN */
export function receiveFd(socket: Fd, flags = 0): Fd {
  return new Fd(check(call("runt_receive_fd", [I32, I32], [socket.n, flags]), "recvmsg"));
}
