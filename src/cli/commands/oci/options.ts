/** Options that several commands share, and what the environment adds to them. */
import { resolve } from "node:path";
import type { CreateOptions, ExitStatus } from "../../../runtime/api.ts";
import type { OptionSpecs, OptionValues } from "../../option.ts";

/** How many open files the container's process inherits beside stdio. */
export const preserveFds = {
  type: "integer",
  value: "n",
  default: 0,
  summary: "file descriptors from 3 on that the process keeps, beside those of LISTEN_FDS",
} as const;

export const consoleSocket = {
  type: "string",
  value: "socket",
  summary: "unix socket that receives the master of the process's terminal",
} as const;

export const pidfdSocket = {
  type: "string",
  value: "socket",
  summary: "unix socket that receives a pidfd of the process",
} as const;

export const pidFile = {
  type: "string",
  value: "file",
  summary: "write the pid of the process to this file",
} as const;

/** Of create and of run. */
export const createOptions = {
  bundle: {
    type: "string",
    short: "b",
    value: "dir",
    summary: "the bundle (default is the current directory)",
  },
  config: {
    type: "string",
    short: "f",
    value: "file",
    summary: "the configuration (default is config.json in the bundle)",
  },
  consoleSocket,
  pidfdSocket,
  pidFile,
  noPivot: {
    type: "boolean",
    summary: "move the root mount instead of pivot_root, for a rootfs on a ramdisk",
  },
  noNewKeyring: { type: "boolean", summary: "keep the caller's session keyring" },
  preserveFds,
} as const satisfies OptionSpecs;

/** The values of `createOptions`, and what systemd or another caller passed in the environment. */
export function toCreateOptions(values: OptionValues<typeof createOptions>): CreateOptions {
  const { LISTEN_FDS, LISTEN_PID, NOTIFY_SOCKET } = process.env;
  // The variables may be meant for a parent that did not take them away. @see sd_listen_fds(3)
  const listenFds = Number(LISTEN_PID) === process.pid ? Number.parseInt(LISTEN_FDS ?? "", 10) || 0 : 0;
  const { bundle, ...rest } = values;
  return {
    ...rest,
    bundle: resolve(bundle ?? "."),
    ...(listenFds > 0 && { listenFds }),
    ...(NOTIFY_SOCKET && { notifySocket: NOTIFY_SOCKET }),
  };
}

/** As a shell counts: 128 and the number of the signal. Still running in the background is 0. */
export function exitStatus(status: ExitStatus | undefined): number {
  if (!status) return 0;
  return "exited" in status ? status.exited : 128 + status.signal;
}
