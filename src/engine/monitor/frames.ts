/** Frames between a monitor and its clients: bytes to values and back. @see ../../runtime/wire/monitor.ts */
import { RuntError } from "../../errors.ts";
import {
  type FrameName,
  frameHeaderSize,
  frameNames,
  frames,
  maxFrameData,
} from "../../runtime/wire/monitor.ts";

/** Numbers of a frame or a record, by the names that the table gives them; what did not come is 0. */
export type Numbers<F extends string = string> = Readonly<Record<F, bigint>>;

/** What came in. `data` is empty where the frame has numbers, and the other way round. */
export interface Frame {
  readonly name: FrameName;
  readonly numbers: Numbers;
  readonly data: Buffer;
}

/** @param payload numbers in the table's order, or bytes of at most `maxFrameData` */
export function encodeFrame(name: FrameName, payload: readonly number[] | Uint8Array = []): Buffer {
  const isData = payload instanceof Uint8Array;
  const bytes = Buffer.alloc(frameHeaderSize + (isData ? payload.length : 8 * payload.length));
  bytes.writeUInt32LE(frameNames.indexOf(name), 0);
  bytes.writeUInt32LE(bytes.length - frameHeaderSize, 4);
  if (isData) bytes.set(payload, frameHeaderSize);
  else for (const [i, n] of payload.entries()) bytes.writeBigInt64LE(BigInt(n), frameHeaderSize + 8 * i);
  return bytes;
}

/** `fields` of `payload`, which may be shorter or longer than this build would have it. */
export function decodeNumbers<F extends string>(fields: readonly F[], payload: Buffer): Numbers<F> {
  const at = (i: number): bigint => (payload.length >= 8 * i + 8 ? payload.readBigInt64LE(8 * i) : 0n);
  return Object.fromEntries(fields.map((field, i) => [field, at(i)])) as Numbers<F>;
}

/** Puts together what a stream socket has taken apart. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** @throws {RuntError} Internal for what no monitor sends */
  *take(bytes: Buffer): Generator<Frame, void> {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= frameHeaderSize) {
      const length = this.#rest.readUInt32LE(4);
      if (length > maxFrameData) {
        throw new RuntError("Internal", `monitor: a frame of ${length} bytes`, { operation: "monitor" });
      }
      const end = frameHeaderSize + length;
      if (this.#rest.length < end) return;
      const name = frameNames[this.#rest.readUInt32LE(0)];
      const payload = this.#rest.subarray(frameHeaderSize, end);
      this.#rest = this.#rest.subarray(end);
      // From a newer monitor: not for us.
      if (name === undefined) continue;
      const fields = frames[name];
      yield fields === "data"
        ? { name, numbers: {}, data: payload }
        : { name, numbers: decodeNumbers(fields, payload), data: Buffer.alloc(0) };
    }
  }
}
