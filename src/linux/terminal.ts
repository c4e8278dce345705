/** Window sizes of terminals. @see ioctl_tty(2) */

import type { Fd } from "./fd.ts";
import { Bytes, check, I32, I64, syscall } from "./ffi.ts";
import { SYS } from "./syscall-numbers.ts";

const TCGETS = 0x5401;
const TCSETS = 0x5402;
const TIOCSWINSZ = 0x5414;

const ONLCR = 0x4;
/** Offset of c_oflag, and room for the kernel's struct termios. */
const oflagAt = 4;
const termiosSize = 64;

/**
 * Stops the terminal from turning "\n" into "\r\n": for one whose output goes to another terminal, which
 * does that itself.
 */
export function clearOnlcr(terminal: number): void {
  const termios = new Uint8Array(termiosSize);
  check(syscall(SYS.ioctl, [I32, I64, Bytes], [terminal, TCGETS, termios]), "ioctl");
  const view = new DataView(termios.buffer);
  view.setUint32(oflagAt, view.getUint32(oflagAt, true) & ~ONLCR, true);
  check(syscall(SYS.ioctl, [I32, I64, Bytes], [terminal, TCSETS, termios]), "ioctl");
}

/** Sets the size in characters; the processes of the terminal get SIGWINCH. */
export function setWindowSize(terminal: Fd | number, rows: number, columns: number): void {
  const size = new Uint8Array(Uint16Array.of(rows, columns, 0, 0).buffer);
  const fd = typeof terminal === "number" ? terminal : terminal.n;
  check(syscall(SYS.ioctl, [I32, I64, Bytes], [fd, TIOCSWINSZ, size]), "ioctl");
}
