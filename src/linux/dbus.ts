/** A D-Bus connection: method calls and signals over a unix socket, to a bus or straight to a peer. */
import type { Socket } from "node:net";
import {
  decodeMessage,
  encodeCall,
  headerStart,
  type Message,
  MessageType,
  type MethodCall,
  messageLength,
} from "./dbus-message.ts";
import type { DBusValue } from "./dbus-wire.ts";

/** An error that the other side answered with. */
export class DBusError extends Error {
  override readonly name = "DBusError";
  /** "org.freedesktop.systemd1.UnitExists". */
  readonly errorName: string;

  constructor(errorName: string, text: string) {
    super(text || errorName);
    this.errorName = errorName;
  }
}

/** As long as other D-Bus libraries wait. */
const answerLimitMs = 25_000;

interface Waiting {
  resolve(body: readonly DBusValue[]): void;
  reject(error: Error): void;
}

/** A signal somebody waits for. */
interface Listener {
  readonly matches: (signal: Message) => boolean;
  readonly resolve: (signal: Message) => void;
  readonly reject: (error: Error) => void;
}

export class DBusConnection implements Disposable {
  readonly #socket: Socket;
  readonly #calls = new Map<number, Waiting>();
  readonly #listeners = new Set<Listener>();
  /** Waits for a line of text, which comes before the first message only. */
  #handshake: { resolve(line: string): void; reject(error: Error): void } | undefined;
  #input: Buffer = Buffer.alloc(0);
  #serial = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (data: Buffer) => this.#receive(data));
    socket.on("error", (error) => this.#fail(error));
    socket.setTimeout(answerLimitMs, () => {
      const waits = this.#handshake !== undefined || this.#calls.size > 0;
      if (waits) socket.destroy(new Error(`no answer over D-Bus within ${answerLimitMs / 1000} s`));
    });
    socket.on("close", () => this.#fail(new Error("the D-Bus connection was closed")));
  }

  /**
   * Connects and authenticates by the credentials of the socket.
   * @param path of the unix socket
   * @param uid who we are for the other side
   * @param bus whether there is a message bus, which wants to be greeted
   * @throws ENOENT, ECONNREFUSED, EACCES; {DBusError} where the credentials are refused
   */
  static async open(path: string, { uid, bus }: { uid: number; bus: boolean }): Promise<DBusConnection> {
    // Loaded here and not above: most commands never talk to systemd.
    const [{ connect }, { once }] = await Promise.all([import("node:net"), import("node:events")]);
    const socket = connect({ path });
    try {
      await once(socket, "connect");
      const connection = new DBusConnection(socket);
      await connection.#authenticate(uid);
      if (bus) await connection.call({ ...busObject, member: "Hello" });
      return connection;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /**
   * Calls a method and waits for its answer.
   * @throws {DBusError} what the other side answered
   */
  call(call: MethodCall): Promise<readonly DBusValue[]> {
    const serial = ++this.#serial;
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error("the D-Bus connection is closed"));
      this.#calls.set(serial, { resolve, reject });
      this.#socket.write(encodeCall(call, serial));
    });
  }

  /** Has the bus pass on signals of this kind: "type='signal',member='JobRemoved'". */
  async addMatch(rule: string): Promise<void> {
    await this.call({ ...busObject, member: "AddMatch", signature: "s", args: [rule] });
  }

  /**
   * The first signal from now on that `matches`.
   * @throws what ends the connection, or the reason of `signal`
   */
  waitFor(matches: (message: Message) => boolean, signal: AbortSignal): Promise<Message> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.#listeners.delete(listener);
        signal.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => {
        done();
        reject(signal.reason);
      };
      const listener: Listener = {
        matches,
        resolve: (message) => {
          done();
          resolve(message);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      };
      this.#listeners.add(listener);
      signal.addEventListener("abort", onAbort);
    });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  /**
   * SASL EXTERNAL: the socket tells who we are, we say it once more in hexadecimal ASCII. All of it goes in one
   * write: systemd's side does not look at a message that it has received together with "BEGIN", until
   * something else arrives.
   * @see dbus-specification.html#auth-protocol
   */
  async #authenticate(uid: number): Promise<void> {
    const answer = new Promise<string>((resolve, reject) => {
      this.#handshake = { resolve, reject };
    });
    this.#socket.write(`\0AUTH EXTERNAL ${Buffer.from(String(uid)).toString("hex")}\r\nBEGIN\r\n`);
    const line = await answer;
    if (!line.startsWith("OK ")) throw new DBusError("org.freedesktop.DBus.Error.AuthFailed", line);
  }

  #receive(data: Buffer): void {
    this.#input = this.#input.length === 0 ? data : Buffer.concat([this.#input, data]);
    if (this.#handshake) {
      const end = this.#input.indexOf("\r\n");
      if (end < 0) return;
      this.#handshake.resolve(this.#input.toString("latin1", 0, end));
      this.#handshake = undefined;
      this.#input = this.#input.subarray(end + 2);
    }
    try {
      while (this.#input.length >= headerStart) {
        const length = messageLength(this.#input);
        if (this.#input.length < length) return;
        const message = decodeMessage(this.#input.subarray(0, length));
        this.#input = this.#input.subarray(length);
        this.#dispatch(message);
      }
    } catch (error) {
      this.#fail(error as Error);
      this.#socket.destroy();
    }
  }

  #dispatch(message: Message): void {
    if (message.type === MessageType.signal) {
      for (const listener of [...this.#listeners]) if (listener.matches(message)) listener.resolve(message);
      return;
    }
    const waiting = this.#calls.get(message.replySerial);
    this.#calls.delete(message.replySerial);
    if (message.type === MessageType.methodReturn) waiting?.resolve(message.body);
    else waiting?.reject(new DBusError(message.errorName, String(message.body[0] ?? "")));
  }

  #fail(error: Error): void {
    this.#handshake?.reject(error);
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
    for (const listener of [...this.#listeners]) listener.reject(error);
  }
}

const busObject = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
};
