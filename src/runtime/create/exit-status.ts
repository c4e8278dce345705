/** How a process ended, as waitid(2) tells it. */
import { constants } from "node:os";
import type { ExitStatus } from "../api.ts";

const CLD_EXITED = 1;

const names = new Map(Object.entries(constants.signals).map(([name, number]) => [number as number, name]));

/** "SIGKILL" for 9; "SIGRTMIN+1" and the like have numbers only. */
export function signalName(signal: number): string {
  return names.get(signal) ?? `SIG${signal}`;
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
