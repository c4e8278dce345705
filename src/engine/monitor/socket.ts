/** The socket of a monitor: a name in its directory, however long the path of that is. */
import { chmodSync, closeSync, constants, openSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import type { Fd } from "../../linux/fd.ts";
import { makeAnew } from "../../linux/make-anew.ts";
import { sleep } from "../../linux/sleep.ts";
import { bindUnix, connectUnix, SOCK_STREAM } from "../../linux/socket.ts";
import { hasCode } from "../../linux/system-error.ts";

const name = "monitor.sock";

/** Calls `use` with a path of the socket that fits into the 108 bytes that the kernel has for it. */
function withShortPath<T>(directory: string, use: (path: string) => T): T {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return use(`/proc/self/fd/${fd}/${name}`);
  } finally {
    closeSync(fd);
  }
}

/** A socket for a monitor to listen at, which only we may connect to. The caller owns it. */
export function bindMonitor(directory: string): Fd {
  const bind = () => withShortPath(directory, (path) => bindUnix(path, SOCK_STREAM));
  // Of an earlier monitor, which is gone.
  const clear = () => rmSync(join(directory, name), { force: true });
  const socket = makeAnew(bind, "EADDRINUSE", clear);
  chmodSync(join(directory, name), 0o600);
  return socket;
}

/** How long a monitor may be too busy to take calls. */
const busyMs = 5000;

/** @throws {RuntError} NotFound where no monitor listens (any more) */
export async function connectMonitor(directory: string): Promise<Socket> {
  for (let waited = 0; ; waited += 10) {
    try {
      return await connectOnce(directory);
    } catch (error) {
      // So many wait to be let in already.
      if (hasCode(error, "EAGAIN") && waited < busyMs) {
        await sleep(10);
        continue;
      }
      throw notConnected(directory, error);
    }
  }
}

/** The same as an fd, which the caller owns; where too many wait to be let in already, waits with them. */
export function connectBlocking(directory: string): Fd {
  try {
    return withShortPath(directory, (path) => connectUnix(path, SOCK_STREAM));
  } catch (error) {
    throw notConnected(directory, error);
  }
}

function notConnected(path: string, error: unknown): RuntError {
  const gone = hasCode(error, "ENOENT", "ECONNREFUSED", "ENOTDIR");
  const what = gone ? "no monitor is running" : `monitor: ${(error as Error).message}`;
  return new RuntError(gone ? "NotFound" : "Unavailable", what, { operation: "monitor", path }, error);
}

function connectOnce(directory: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { connect } = process.getBuiltinModule("node:net");
    // connect(2) happens in this call, so the directory may be closed after it.
    const socket = withShortPath(directory, (path) => connect({ path }));
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}
