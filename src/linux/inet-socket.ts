/** Sockets bound to a port of this machine: whether it is free, and to keep it so. @see ip(7), ipv6(7) */
import { Fd } from "./fd.ts";
import { Bytes, check, I32, I64, syscall } from "./ffi.ts";
import { bytesOfAddress, formatInetAddress, type InetAddress } from "./inet-address.ts";
import { u32 } from "./netlink.ts";
import { SYS } from "./syscall-numbers.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

export type Transport = "tcp" | "udp" | "sctp";

/** SOCK_STREAM or SOCK_DGRAM, and IPPROTO_. */
const sockets: Readonly<Record<Transport, readonly [type: number, protocol: number]>> = {
  tcp: [1, 6],
  udp: [2, 17],
  sctp: [1, 132],
};

/**
 * A socket that has a port for itself, as a server would have it. TCP and SCTP listen, so that a server which listens
 * already is an error, and connections it had and that are still fading are none.
 * @param port 0 for any that is free
 * @returns the fd, which is the caller's, and the port
 * @throws {SystemError} EADDRINUSE; EADDRNOTAVAIL: not an address of this machine; EACCES; EPROTONOSUPPORT
 */
export function bindPort(transport: Transport, address: InetAddress, port: number): { fd: Fd; port: number } {
  const [type, protocol] = sockets[transport];
  const family = address.family === 4 ? AF_INET : AF_INET6;
  const about = { path: `${transport} ${withPort(address, port)}` };
  const socket = syscall(SYS.socket, [I32, I32, I64], [family, type | SOCK_CLOEXEC, protocol]);
  const fd = new Fd(check(socket, "socket", about));
  try {
    if (family === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    // With it two sockets could have the same port of UDP.
    if (transport !== "udp") setOption(fd, SOL_SOCKET, SO_REUSEADDR);
    const name = encodeName(address, port);
    check(syscall(SYS.bind, [I32, Bytes, I32], [fd.n, name, name.length]), "bind", about);
    if (transport !== "udp") check(syscall(SYS.listen, [I32, I32], [fd.n, 1]), "listen", about);
    return { fd, port: port || boundPort(fd) };
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}

/** "10.0.0.1:80", "[::1]:80". */
export function withPort(address: InetAddress, port: number): string {
  const host = formatInetAddress(address);
  return `${address.family === 4 ? host : `[${host}]`}:${port}`;
}

function setOption(fd: Fd, level: number, option: number): void {
  check(syscall(SYS.setsockopt, [I32, I32, I32, Bytes, I32], [fd.n, level, option, u32(1), 4]), "setsockopt");
}

/** sockaddr_in or sockaddr_in6. */
function encodeName(address: InetAddress, port: number): Buffer {
  const name = Buffer.alloc(address.family === 4 ? 16 : 28);
  name.writeUInt16LE(address.family === 4 ? AF_INET : AF_INET6, 0);
  name.writeUInt16BE(port, 2);
  name.set(bytesOfAddress(address), address.family === 4 ? 4 : 8);
  return name;
}

function boundPort(fd: Fd): number {
  const name = Buffer.alloc(28);
  check(syscall(SYS.getsockname, [I32, Bytes, Bytes], [fd.n, name, u32(name.length)]), "getsockname");
  return name.readUInt16BE(2);
}
