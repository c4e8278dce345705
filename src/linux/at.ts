/**
 * System calls on a name in an open directory, where the name may be any bytes: a byte string has one character
 * (U+0000 to U+00FF) for each byte, which is what Node calls latin1.
 */
import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { Fd } from "./fd.ts";
import { Bytes, check, I32, I64, syscall, U32 } from "./ffi.ts";
import { O_CLOEXEC } from "./openat2.ts";
import { SYS } from "./syscall-numbers.ts";
import { hasCode } from "./system-error.ts";

/** `<fcntl.h>`, what `node:fs` does not export. */
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_EMPTY_PATH = 0x1000;

/** Size of `struct open_how`. */
export const sizeOfOpenHow = 24;

/** `struct open_how`. O_CLOEXEC is always set. */
export function openHow(flags: number, resolve: number, mode = 0): Uint8Array {
  const how = new DataView(new ArrayBuffer(sizeOfOpenHow));
  how.setBigUint64(0, BigInt((flags | O_CLOEXEC) >>> 0), true);
  how.setBigUint64(8, BigInt(mode), true);
  how.setBigUint64(16, BigInt(resolve), true);
  return new Uint8Array(how.buffer);
}

/** A byte string as C wants it: with a NUL at its end. */
export function cString(name: string): Uint8Array {
  return Buffer.from(`${name}\0`, "latin1");
}

/** A byte string as people read it: UTF-8, with replacement characters for what is not. */
export function readable(name: string): string {
  return Buffer.from(name, "latin1").toString("utf8");
}

/** openat2(2) for any bytes. The caller owns the fd. @throws {SystemError} ENOENT, ELOOP, ENOTDIR, EXDEV, … */
export function openAt(dir: Fd, name: string, how: Uint8Array): Fd {
  const result = syscall(SYS.openat2, [I32, Bytes, Bytes, I64], [dir.n, cString(name), how, how.length]);
  return new Fd(check(result, "openat2", { path: readable(name) }));
}

/** mkdirat(2). @throws {SystemError} EEXIST, ENOENT, … */
export function mkdirat(dir: Fd, name: string, mode: number): void {
  const result = syscall(SYS.mkdirat, [I32, Bytes, U32], [dir.n, cString(name), mode]);
  check(result, "mkdirat", { path: readable(name) });
}

/** mknodat(2); `device` as `makedev` gives it. @throws {SystemError} EEXIST, EPERM, … */
export function mknodat(dir: Fd, name: string, mode: number, device: number): void {
  const result = syscall(SYS.mknodat, [I32, Bytes, U32, U32], [dir.n, cString(name), mode, device]);
  check(result, "mknodat", { path: readable(name) });
}

/** linkat(2); a symbolic link is linked itself. @throws {SystemError} EEXIST, ENOENT, EMLINK, … */
export function linkat(from: Fd, fromName: string, to: Fd, toName: string): void {
  const values = [from.n, cString(fromName), to.n, cString(toName), 0];
  const place = { path: readable(fromName), dest: readable(toName) };
  check(syscall(SYS.linkat, [I32, Bytes, I32, Bytes, I32], values), "linkat", place);
}

/** symlinkat(2). @throws {SystemError} EEXIST, … */
export function symlinkat(target: string, dir: Fd, name: string): void {
  const result = syscall(SYS.symlinkat, [Bytes, I32, Bytes], [cString(target), dir.n, cString(name)]);
  check(result, "symlinkat", { path: readable(target), dest: readable(name) });
}

/** unlinkat(2). @param flags AT_REMOVEDIR for a directory @throws {SystemError} ENOENT, EISDIR, ENOTEMPTY, … */
export function unlinkat(dir: Fd, name: string, flags = 0): void {
  const result = syscall(SYS.unlinkat, [I32, Bytes, I32], [dir.n, cString(name), flags]);
  check(result, "unlinkat", { path: readable(name) });
}

/** fchownat(2) of the name itself, be it a symbolic link. @throws {SystemError} EPERM, EINVAL, … */
export function fchownat(dir: Fd, name: string, uid: number, gid: number): void {
  const values = [dir.n, cString(name), uid, gid, AT_SYMLINK_NOFOLLOW | (name === "" ? AT_EMPTY_PATH : 0)];
  check(syscall(SYS.fchownat, [I32, Bytes, U32, U32, I32], values), "fchownat", { path: readable(name) });
}

/** Seconds and nanoseconds after 1970; the seconds may be negative. */
export interface Timespec {
  readonly s: number;
  readonly ns: number;
}

/** utimensat(2) of the name itself; "" is the directory, which must be open for reading. @throws {SystemError} */
export function utimensat(dir: Fd, name: string, atime: Timespec, mtime: Timespec): void {
  const times = new DataView(new ArrayBuffer(32));
  for (const [i, n] of [atime.s, atime.ns, mtime.s, mtime.ns].entries())
    times.setBigInt64(i * 8, BigInt(n), true);
  const result =
    name === ""
      ? syscall(SYS.utimensat, [I32, I64, Bytes, I32], [dir.n, 0, new Uint8Array(times.buffer), 0])
      : syscall(
          SYS.utimensat,
          [I32, Bytes, Bytes, I32],
          [dir.n, cString(name), new Uint8Array(times.buffer), AT_SYMLINK_NOFOLLOW],
        );
  check(result, "utimensat", { path: readable(name) });
}

/** The name in the directory as a path for `node:fs`, which then follows no link on the way but may at its end. */
export function pathAt(dir: Fd, name: string): Buffer {
  return Buffer.from(name === "" ? `/proc/self/fd/${dir.n}/.` : `/proc/self/fd/${dir.n}/${name}`, "latin1");
}

/** lstat of a name; undefined where there is none. "" is the directory. */
export function lstatAt(dir: Fd, name: string): BigIntStats | undefined {
  try {
    return lstatSync(pathAt(dir, name), { bigint: true });
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

/** The target of a symbolic link, as a byte string. */
export function readlinkAt(dir: Fd, name: string): string {
  return readlinkSync(pathAt(dir, name), "latin1" as "utf8");
}

/** Names in a directory, as byte strings in no order. */
export function namesIn(dir: Fd): string[] {
  return readdirSync(pathAt(dir, ""), { encoding: "latin1" as "utf8" });
}

/** `<sys/sysmacros.h>` makedev, as mknod(2) takes it: 12 bits of major and 20 of minor number. */
export function makedev(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}
