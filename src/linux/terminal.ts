/** Window sizes of terminals. @see ioctl_tty(2) */
import { Bytes, check, I32, I64, syscall } from "./ffi.ts";
import type { Fd } from "./fd.ts";
import { SYS } from "./syscall-numbers.ts";

const TIOCSWINSZ = 0x5414;

/** Sets the size in characters; the processes of the terminal get SIGWINCH. */
export function setWindowSize(terminal: Fd | number, rows: number, columns: number): void {
  const size = new Uint8Array(Uint16Array.of(rows, columns, 0, 0).buffer);
  const fd = typeof terminal === "number" ? terminal : terminal.n;
  check(syscall(SYS.ioctl, [I32, I64, Bytes], [fd, TIOCSWINSZ, size]), "ioctl");
}
