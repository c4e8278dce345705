/** Processes of the host, by pid with start time or by pidfd, so that a reused pid is never taken for the old one. */
import { readFileSync } from "node:fs";
import { Fd } from "./fd.ts";
import { Bytes, call, callAsync, check, I32, I64, syscall, U32 } from "./ffi.ts";
import { SYS } from "./syscall-numbers.ts";
import { hasCode } from "./system-error.ts";

/** The fields of /proc/PID/stat that tell one process from another. @see proc_pid_stat(5) */
export interface ProcessStat {
  /** "R", "S", "Z" … */
  readonly state: string;
  readonly parent: number;
  /** Clock ticks after boot. */
  readonly startTime: number;
}

/** Undefined where there is no such process. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    // Node reads UTF-8 in one step, other encodings in several; what is not ASCII stands in the name only.
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
  // The command name may hold anything, parentheses too; what counts comes after the last one.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0]!, parent: Number(fields[1]), startTime: Number(fields[19]) };
}

let own: number | undefined;

/** When this process was started, in clock ticks after boot. */
export function ownStartTime(): number {
  own ??= readProcessStat(process.pid)!.startTime;
  return own;
}

/** Whether that very process is there and has not ended. */
export function isAlive(pid: number, startTime: number): boolean {
  const stat = readProcessStat(pid);
  return stat !== undefined && stat.startTime === startTime && stat.state !== "Z" && stat.state !== "X";
}

/** pidfd_open(2). The caller owns the fd. @throws {SystemError} ESRCH */
export function pidfd_open(pid: number): Fd {
  return new Fd(check(syscall(SYS.pidfd_open, [I32, U32], [pid, 0]), "pidfd_open"));
}

export const SIGKILL = 9;

/** pidfd_send_signal(2). @throws {SystemError} ESRCH, EPERM, EINVAL */
export function pidfd_send_signal(pidfd: Fd, signal: number): void {
  check(syscall(SYS.pidfd_send_signal, [I32, I32, I64, U32], [pidfd.n, signal, 0, 0]), "pidfd_send_signal");
}

/** pidfd_getfd(2): a copy of fd `n` of another process. The caller owns it. @throws {SystemError} EPERM, EBADF */
export function pidfd_getfd(pidfd: Fd, n: number): Fd {
  return new Fd(check(syscall(SYS.pidfd_getfd, [I32, I32, U32], [pidfd.n, n, 0]), "pidfd_getfd"));
}

/** Waits until a child of ours has ended, and lets it go. For one that is about to end anyway. */
export function reapChild(pid: number): void {
  const status = new Uint8Array(4);
  syscall(SYS.wait4, [I32, Bytes, I32, I64], [pid, status, 0, 0]);
}

const WNOHANG = 1;

/** The same for one that may not have ended yet. @returns whether it is gone */
export function reapIfEnded(pid: number): boolean {
  return syscall(SYS.wait4, [I32, Bytes, I32, I64], [pid, new Uint8Array(4), WNOHANG, 0]) !== 0;
}

export const POLLIN = 0x1;
export const POLLERR = 0x8;
export const POLLOUT = 0x4;
export const POLLHUP = 0x10;

/** poll(2) of one fd, blocking this thread. @returns revents; 0 after `timeoutMs` (−1: never) */
export function pollSync(fd: number, events: number, timeoutMs: number): number {
  for (;;) {
    const revents = call("runt_poll", [I32, I32, I32], [fd, events, timeoutMs]);
    if (revents !== -4) return check(revents, "poll");
  }
}

/** The same on another thread. */
export async function poll(fd: number, events: number, timeoutMs: number): Promise<number> {
  for (;;) {
    const revents = await callAsync("runt_poll", [I32, I32, I32], [fd, events, timeoutMs]);
    if (revents !== -4) return check(revents, "poll");
  }
}

/** prctl(2) PR_SET_CHILD_SUBREAPER: orphans of our children become ours. */
export function becomeSubreaper(): void {
  check(syscall(SYS.prctl, [I32, I64, I64, I64, I64], [36, 1, 0, 0, 0]), "prctl");
}

const CLOSE_RANGE_CLOEXEC = 4;

/**
 * close_range(2) with CLOSE_RANGE_CLOEXEC: no program that this process starts from now on gets an fd above
 * stdio, but for those that it is given on purpose. Node does that for the low fds it was started with only.
 */
export function keepFdsFromChildren(): void {
  check(syscall(SYS.close_range, [U32, U32, U32], [3, 0xffff_ffff, CLOSE_RANGE_CLOEXEC]), "close_range");
}
