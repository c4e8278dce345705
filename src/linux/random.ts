/** Random numbers of the kernel's, without node:crypto, which takes longer to load than a container takes to start. */
import { Bytes, check, I64, syscall, U32 } from "./ffi.ts";
import { SYS } from "./syscall-numbers.ts";

/** @returns two hexadecimal digits a byte */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}

/** @param limit at most 2^24 @returns 0 to `limit` - 1; the first are likelier than the last by 2^-24 */
export function randomBelow(limit: number): number {
  return randomBytes(6).readUIntBE(0, 6) % limit;
}

function randomBytes(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  // Up to 256 come in one piece.
  check(syscall(SYS.getrandom, [Bytes, I64, U32], [bytes, count, 0]), "getrandom");
  return bytes;
}
