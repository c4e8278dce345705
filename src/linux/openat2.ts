/** openat2(2): opens a path with a say in how it is resolved. */
import { Fd } from "./fd.ts";
import { Bytes, check, I32, I64, syscall, Text } from "./ffi.ts";
import { SYS } from "./syscall-numbers.ts";

/** `<fcntl.h>`, what `node:fs` does not export; the same on x86-64 and arm64. */
export const O_CLOEXEC = 0x80000;
export const O_PATH = 0x200000;
export const AT_FDCWD = -100;

/** `<linux/openat2.h>` */
export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;

const sizeOfOpenHow = 24;
// A rename or mount anywhere on the machine while ".." is resolved makes the kernel say EAGAIN.
const EAGAIN = -11;

/**
 * Opens `path` from the directory `dir`. O_CLOEXEC is always set. The caller owns the fd.
 * @param resolve RESOLVE_ flags
 * @throws {SystemError} EXDEV where the path leaves what `resolve` allows, ELOOP at a forbidden link; ENOENT; …
 */
export function openat2(
  dir: Fd | typeof AT_FDCWD,
  path: string,
  { flags, mode = 0, resolve }: { flags: number; mode?: number; resolve: number },
): Fd {
  const how = new DataView(new ArrayBuffer(sizeOfOpenHow));
  how.setBigUint64(0, BigInt((flags | O_CLOEXEC) >>> 0), true);
  how.setBigUint64(8, BigInt(mode), true);
  how.setBigUint64(16, BigInt(resolve), true);
  const values = [dir instanceof Fd ? dir.n : dir, path, new Uint8Array(how.buffer), sizeOfOpenHow];
  for (let tries = 0; ; tries++) {
    const fd = syscall(SYS.openat2, [I32, Text, Bytes, I64], values);
    if (fd !== EAGAIN || tries === 100) return new Fd(check(fd, "openat2", { path }));
  }
}
