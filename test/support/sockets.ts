/** The caller's side of unix sockets on which a runtime sends fds: what conmon, go-runc, systemd and seccomp agents do. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fd } from "../../src/linux/fd.ts";
import { Bytes, check, I32, I64, syscall } from "../../src/linux/ffi.ts";
import { POLLIN, poll } from "../../src/linux/process.ts";
import {
  bindUnix,
  MSG_DONTWAIT,
  receiveFd,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "../../src/linux/socket.ts";
import { testPrefix } from "./bundle.ts";
import { patienceMs } from "./container.ts";

const SYS =
  process.arch === "arm64"
    ? { listen: 201, accept4: 242, recvfrom: 207, ioctl: 29, fcntl: 25, getsockopt: 209 }
    : { listen: 50, accept4: 288, recvfrom: 45, ioctl: 16, fcntl: 72, getsockopt: 55 };
const SOCK_CLOEXEC = 0x80000;
const MSG_PEEK = 2;

/** What came with one message. */
export interface Received extends Disposable {
  readonly text: string;
  /** The fd that came with it. */
  readonly fd: Fd | undefined;
}

async function readable(socket: Fd): Promise<void> {
  if ((await poll(socket.n, POLLIN, patienceMs)) === 0) throw new Error("nothing came");
}

/** The text of the next message without taking it, then the message with its fd. */
function take(socket: Fd): Received {
  const buffer = Buffer.alloc(8192);
  const types = [I32, Bytes, I64, I32, I64, I64] as const;
  const peek = check(
    syscall(SYS.recvfrom, types, [socket.n, buffer, buffer.length, MSG_PEEK | MSG_DONTWAIT, 0, 0]),
    "recvfrom",
  );
  const text = buffer.toString("utf8", 0, peek);
  let fd: Fd | undefined;
  try {
    fd = receiveFd(socket, MSG_DONTWAIT);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EBADMSG") throw error;
  }
  return {
    text,
    fd,
    [Symbol.dispose]() {
      fd?.[Symbol.dispose]();
    },
  };
}

/** A socket in a directory of its own that takes messages. */
export class Receiver implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), `${testPrefix}-socket-`));
  readonly path = join(this.#directory, "s");
  readonly #socket: Fd;
  readonly #kind: "stream" | "datagram";

  /** Streams listen; each message is then the first of a connection. */
  constructor(kind: "stream" | "datagram" = "stream") {
    this.#kind = kind;
    this.#socket = bindUnix(this.path, (kind === "stream" ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK);
    if (kind === "stream") check(syscall(SYS.listen, [I32, I32], [this.#socket.n, 8]), "listen");
  }

  async receive(): Promise<Received> {
    await readable(this.#socket);
    if (this.#kind === "datagram") return take(this.#socket);
    using connection = new Fd(
      check(syscall(SYS.accept4, [I32, I64, I64, I32], [this.#socket.n, 0, 0, SOCK_CLOEXEC]), "accept4"),
    );
    await readable(connection);
    return take(connection);
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
    rmSync(this.#directory, { recursive: true });
  }
}

/** Rows and columns of a terminal, by its master. */
export function windowSize(terminal: Fd): { rows: number; columns: number } {
  const size = new Uint8Array(8);
  check(syscall(SYS.ioctl, [I32, I64, Bytes], [terminal.n, 0x5413, size]), "ioctl");
  const [rows = 0, columns = 0] = new Uint16Array(size.buffer);
  return { rows, columns };
}
