/** A pair of terminal ends. @see pts(4), ioctl_tty(2) */
import { constants, openSync } from "node:fs";
import { Fd } from "./fd.ts";
import { Bytes, check, I32, I64, syscall } from "./ffi.ts";
import { SYS } from "./syscall-numbers.ts";

const TIOCGPTN = 0x80045430;
const TIOCSPTLCK = 0x40045431;

/**
 * A new terminal: what is written to the master is typed at the slave. It becomes nobody's controlling terminal. Both
 * ends are the caller's.
 * @throws {SystemError} where there is no /dev/ptmx, or no terminal is left
 */
export function openPty(): { readonly master: Fd; readonly slave: Fd } {
  const flags = constants.O_RDWR | constants.O_NOCTTY;
  const master = new Fd(openSync("/dev/ptmx", flags));
  try {
    const number = new Uint8Array(4);
    check(syscall(SYS.ioctl, [I32, I64, Bytes], [master.n, TIOCSPTLCK, number]), "ioctl");
    check(syscall(SYS.ioctl, [I32, I64, Bytes], [master.n, TIOCGPTN, number]), "ioctl");
    const n = new DataView(number.buffer).getUint32(0, true);
    return { master, slave: new Fd(openSync(`/dev/pts/${n}`, flags)) };
  } catch (error) {
    master[Symbol.dispose]();
    throw error;
  }
}
