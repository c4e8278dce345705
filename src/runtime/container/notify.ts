/** NOTIFY_SOCKET: the container's readiness, passed on to the service manager that started us. @see sd_notify(3) */
import { chmodSync } from "node:fs";
import type { Fd } from "../../linux/fd.ts";
import { isAlive, POLLIN, poll } from "../../linux/process.ts";
import { pipe, receive } from "../../linux/receive.ts";
import { bindUnix, connectUnix, SOCK_DGRAM, SOCK_NONBLOCK, sendFds } from "../../linux/socket.ts";
import { hasCode } from "../../linux/system-error.ts";

export interface NotifyRelay {
  /** Waits until the container says it is ready, and says so on. Ends early when the container ends. */
  run(pid: number, startTime: number): Promise<void>;
}

const pollMs = 200;
const barrierTimeoutMs = 30_000;

/** @param socket NOTIFY_SOCKET of our environment */
export function relayNotify(stateDirectory: string, socket: string): NotifyRelay {
  const path = `${stateDirectory}/notify/notify.sock`;
  const inside = bindUnix(path, SOCK_DGRAM | SOCK_NONBLOCK);
  // Whoever the container's user is may tell us.
  chmodSync(path, 0o777);
  return {
    async run(pid, startTime) {
      using from = inside;
      for (;;) {
        const ready = await poll(from.n, POLLIN, pollMs);
        if (ready & POLLIN) {
          const line = takeReady(from);
          if (line) return await tell(socket, `${line}\nMAINPID=${pid}\n`);
        } else if (!isAlive(pid, startTime)) return;
      }
    },
  };
}

/** The READY=1 line of a datagram that has one. */
function takeReady(from: Fd): string | undefined {
  try {
    return receive(from, 4096)
      .toString("utf8")
      .split("\n")
      .find((line) => line.startsWith("READY="));
  } catch (error) {
    if (hasCode(error, "EAGAIN")) return undefined;
    throw error;
  }
}

/** Sends the message, and waits until the manager has taken it: it closes the pipe that goes with BARRIER=1. */
async function tell(socket: string, text: string): Promise<void> {
  using to = connectUnix(socket, SOCK_DGRAM);
  sendFds(to, text, []);

  const [reader, writer] = pipe();
  using _reader = reader;
  {
    using _writer = writer;
    sendFds(to, "BARRIER=1", [writer.n]);
  }
  await poll(reader.n, 0, barrierTimeoutMs);
}
