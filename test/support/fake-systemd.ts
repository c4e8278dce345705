/** A systemd manager of our own behind a unix socket: what it answers is up to the test. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeMessage, headerStart, type Message, messageLength } from "../../src/linux/dbus-message.ts";
import { type DBusValue, Writer } from "../../src/linux/dbus-wire.ts";

export interface FakeCall {
  readonly member: string;
  readonly args: readonly DBusValue[];
}

export interface FakeAnswer {
  readonly signature?: string;
  readonly body?: readonly DBusValue[];
  /** Name of an error instead; `body` is then its text. */
  readonly error?: string;
  /** Signals to send, before or after the answer. */
  readonly before?: FakeSignal[];
  readonly after?: FakeSignal[];
}

export interface FakeSignal {
  readonly member: string;
  readonly signature: string;
  readonly body: readonly DBusValue[];
}

/** The end of a job, as systemd tells it. */
export function jobRemoved(unit: string, result: string): FakeSignal {
  return {
    member: "JobRemoved",
    signature: "uoss",
    body: [1, "/org/freedesktop/systemd1/job/1", unit, result],
  };
}

export class FakeSystemd implements AsyncDisposable {
  readonly path: string;
  readonly calls: FakeCall[] = [];
  readonly #dir: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(dir: string, server: Server) {
    this.#dir = dir;
    this.path = join(dir, "private");
    this.#server = server;
  }

  /** @param answer undefined: the call is never answered */
  static async start(
    answer: (call: FakeCall) => FakeAnswer | undefined,
    authentication = "OK 1234",
  ): Promise<FakeSystemd> {
    const dir = mkdtempSync(join(tmpdir(), "runt-fake-systemd-"));
    const server = createServer((socket) => fake.#serve(socket, answer, authentication));
    const fake = new FakeSystemd(dir, server);
    server.listen(fake.path);
    await once(server, "listening");
    return fake;
  }

  #serve(socket: Socket, answer: (call: FakeCall) => FakeAnswer | undefined, authentication: string): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    let input = Buffer.alloc(0);
    let begun = false;
    socket.on("data", (data: Buffer) => {
      input = Buffer.concat([input, data]);
      if (!begun) {
        const at = input.indexOf("BEGIN\r\n");
        if (at < 0) return;
        if (!/^\0AUTH EXTERNAL [\da-f]+\r\n$/.test(input.toString("latin1", 0, at))) return socket.destroy();
        socket.write(`${authentication}\r\n`);
        begun = true;
        input = input.subarray(at + 7);
      }
      while (input.length >= headerStart && input.length >= messageLength(input)) {
        const length = messageLength(input);
        const serial = input.readUInt32LE(8);
        this.#handle(socket, serial, decodeMessage(input.subarray(0, length)), answer);
        input = input.subarray(length);
      }
    });
  }

  #handle(
    socket: Socket,
    serial: number,
    message: Message,
    answer: (call: FakeCall) => FakeAnswer | undefined,
  ): void {
    const call = { member: message.member, args: message.body };
    this.calls.push(call);
    const reply = answer(call);
    if (!reply) return;
    const { before = [], after = [], error, signature = error ? "s" : "", body = [] } = reply;
    for (const signal of before) socket.write(encodeSignal(signal));
    socket.write(
      encode(error ? 3 : 2, { replySerial: serial, errorName: error ?? "", member: "", signature, body }),
    );
    for (const signal of after) socket.write(encodeSignal(signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
    rmSync(this.#dir, { recursive: true });
  }
}

function encodeSignal({ member, signature, body }: FakeSignal): Uint8Array {
  return encode(4, { replySerial: 0, errorName: "", member, signature, body });
}

let serials = 1000;

function encode(
  type: number,
  {
    replySerial,
    errorName,
    member,
    signature,
    body,
  }: {
    replySerial: number;
    errorName: string;
    member: string;
    signature: string;
    body: readonly DBusValue[];
  },
): Uint8Array {
  const content = new Writer();
  content.writeAll(signature, body);
  const fields: DBusValue[] = [];
  if (member) {
    fields.push([1, { signature: "o", value: "/org/freedesktop/systemd1" }]);
    fields.push([2, { signature: "s", value: "org.freedesktop.systemd1.Manager" }]);
    fields.push([3, { signature: "s", value: member }]);
  }
  if (errorName) fields.push([4, { signature: "s", value: errorName }]);
  if (replySerial) fields.push([5, { signature: "u", value: replySerial }]);
  if (signature) fields.push([8, { signature: "g", value: signature }]);
  const header = new Writer();
  header.writeAll("yyyyuua(yv)", ["l".charCodeAt(0), type, 0, 1, content.length, serials++, fields]);
  header.align(8);
  return Buffer.concat([header.bytes(), content.bytes()]);
}
