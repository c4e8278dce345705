/**
 * Extended attributes, whose values are any bytes: setxattr(2) and its kin. A place is an fd, or a path that is not
 * followed at its end (`pathAt` makes one of a directory fd and a name).
 */

import { cString, readable } from "./at.ts";
import { Fd } from "./fd.ts";
import { Bytes, check, I32, I64, syscall } from "./ffi.ts";
import { SYS } from "./syscall-numbers.ts";

/** What the kernel limits a list of names, and a value, to. */
const limitBytes = 65536;

const ERANGE = -34;
const EOPNOTSUPP = -95;
const ENODATA = -61;

/** An open file, or a path without a NUL. */
export type XattrPlace = Fd | Uint8Array;

function placeOf(place: XattrPlace): { types: [typeof I32] | [typeof Bytes]; value: number | Uint8Array } {
  if (place instanceof Fd) return { types: [I32], value: place.n };
  return { types: [Bytes], value: Buffer.concat([place, Buffer.of(0)]) };
}

/** Names, as byte strings; none where the file system knows no attributes. @throws {SystemError} */
export function listXattrs(place: XattrPlace): string[] {
  const { types, value } = placeOf(place);
  const number = place instanceof Fd ? SYS.flistxattr : SYS.llistxattr;
  const list = read(number, types, [value]);
  if (typeof list === "number") {
    if (list === EOPNOTSUPP) return [];
    check(list, "listxattr");
    return [];
  }
  return list.length === 0 ? [] : list.toString("latin1", 0, list.length - 1).split("\0");
}

/** The value; undefined where there is no such attribute. @throws {SystemError} */
export function getXattr(place: XattrPlace, name: string): Buffer | undefined {
  const { types, value } = placeOf(place);
  const number = place instanceof Fd ? SYS.fgetxattr : SYS.lgetxattr;
  const result = read(number, [...types, Bytes], [value, cString(name)]);
  if (typeof result !== "number") return result;
  if (result === ENODATA || result === EOPNOTSUPP) return undefined;
  check(result, "getxattr", { path: readable(name) });
  return undefined;
}

/** @throws {SystemError} EOPNOTSUPP, EPERM, ENOSPC, ERANGE, EINVAL, … */
export function setXattr(place: XattrPlace, name: string, bytes: Uint8Array): void {
  const { types, value } = placeOf(place);
  const number = place instanceof Fd ? SYS.fsetxattr : SYS.lsetxattr;
  const all = [value, cString(name), bytes.length === 0 ? Buffer.of(0) : bytes, bytes.length, 0];
  check(syscall(number, [...types, Bytes, Bytes, I64, I32], all), "setxattr", { path: readable(name) });
}

/** @throws {SystemError} ENODATA, … */
export function removeXattr(fd: Fd, name: string): void {
  const result = syscall(SYS.fremovexattr, [I32, Bytes], [fd.n, cString(name)]);
  check(result, "fremovexattr", { path: readable(name) });
}

/** Most lists and values are short: the long buffer is for the rest. @returns bytes, or -errno */
function read(
  number: number,
  types: readonly (typeof I32 | typeof Bytes)[],
  values: readonly (number | Uint8Array)[],
): Buffer | number {
  for (const length of [256, limitBytes]) {
    const buffer = Buffer.alloc(length);
    const result = syscall(number, [...types, Bytes, I64], [...values, buffer, length]);
    if (result >= 0) return buffer.subarray(0, result);
    if (result !== ERANGE || length === limitBytes) return result;
  }
  return ERANGE;
}
