/** How a process ended, as waitid(2) tells it. */
import { constants } from "node:os";
import type { ExitStatus } from "../api.ts";

const CLD_EXITED = 1;

/** "SIGKILL" for 9; "SIGRTMIN+1" and the like have numbers only. */
export function signalName(signal: number): string {
  const known = Object.entries(constants.signals).find(([, number]) => number === signal);
  return known?.[0] ?? `SIG${signal}`;
}

/** @param value `si_code << 8 | si_status` */
export function exitStatusOf(value: number): ExitStatus {
  const status = value & 0xff;
  return value >> 8 === CLD_EXITED ? { exited: status } : { signaled: signalName(status), signal: status };
}

/** What a shell writes into `$?`. */
export function exitCode(status: ExitStatus): number {
  return "exited" in status ? status.exited : 128 + status.signal;
}
