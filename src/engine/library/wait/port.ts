/** Ready when it listens: seen from within its network namespace, and for a published port from the host too. */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { hasCode } from "../../../linux/system-error.ts";
import { poll } from "./poll.ts";
import { WaitStrategy, type WaitTarget } from "./strategy.ts";

export class PortStrategy extends WaitStrategy {
  readonly #ports: readonly number[] | undefined;

  /** @param ports of the container; undefined: all TCP ports that are published or exposed */
  constructor(ports: readonly number[] | undefined) {
    super();
    this.#ports = ports;
  }

  get what(): string {
    return this.#ports
      ? `somebody to listen at port ${this.#ports.join(", ")}`
      : "somebody to listen at its ports";
  }

  async until({ inspect, signal }: WaitTarget): Promise<void> {
    const { NetworkSettings, State } = inspect;
    const exposed = Object.keys(NetworkSettings.Ports).filter((key) => key.endsWith("/tcp"));
    for (const port of this.#ports ?? exposed.map((key) => Number.parseInt(key, 10))) {
      await poll(signal, () => listens(State.Pid, port));
      for (const { HostIp, HostPort } of NetworkSettings.Ports[`${port}/tcp`] ?? []) {
        const host = HostIp === "" || HostIp === "0.0.0.0" ? "127.0.0.1" : HostIp === "::" ? "::1" : HostIp;
        await poll(signal, () => answers(host, Number(HostPort)));
      }
    }
  }
}

/** TCP_LISTEN of `<net/tcp_states.h>`, as proc_net_tcp writes it. */
const listening = "0A";

/** Whether a process in the network namespace of `pid` listens at `port`. @see proc_pid_net(5) */
export function listens(pid: number, port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return ["tcp", "tcp6"].some((name) =>
    textOf(`/proc/${pid}/net/${name}`)
      .split("\n")
      .some((line) => {
        const [, local, , state] = line.trim().split(/\s+/);
        return state === listening && local?.endsWith(`:${hex}`);
      }),
  );
}

/** "" where the kernel has no such protocol, or the process is gone. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if (hasCode(error, "ENOENT", "ESRCH", "EINVAL")) return "";
    throw error;
  }
}

const connectMs = 1000;

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: connectMs });
    const done = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
    socket.once("timeout", () => done(false));
  });
}
