/** D-Bus messages: a fixed header, fields by number, and a body. @see dbus-specification.html#message-protocol-messages */
import { type DBusValue, Reader, type Variant, Writer } from "./dbus-wire.ts";

export const MessageType = { methodCall: 1, methodReturn: 2, error: 3, signal: 4 } as const;

/** What is called, and with what. */
export interface MethodCall {
  /** Name of the peer on a bus; without a bus there is none. */
  readonly destination?: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Of `args`. */
  readonly signature?: string;
  readonly args?: readonly DBusValue[];
}

/** A message that came in. Fields that it does not have are "". */
export interface Message {
  readonly type: number;
  /** Serial of the call that this answers; 0 is none. */
  readonly replySerial: number;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly errorName: string;
  readonly body: readonly DBusValue[];
}

const littleEndian = 0x6c;
const protocolVersion = 1;
const Field = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  signature: 8,
} as const;

/** The bytes of a call. @param serial not 0, and each only once per connection */
export function encodeCall(call: MethodCall, serial: number): Uint8Array {
  const { signature = "", args = [] } = call;
  const body = new Writer();
  body.writeAll(signature, args);

  const fields: [number, Variant][] = [
    [Field.path, { signature: "o", value: call.path }],
    [Field.interface, { signature: "s", value: call.interface }],
    [Field.member, { signature: "s", value: call.member }],
  ];
  if (call.destination) fields.push([Field.destination, { signature: "s", value: call.destination }]);
  if (signature) fields.push([Field.signature, { signature: "g", value: signature }]);

  const header = new Writer();
  const fixed = [littleEndian, MessageType.methodCall, 0, protocolVersion, body.length, serial];
  header.writeAll("yyyyuua(yv)", [...fixed, fields]);
  header.align(8);
  return Buffer.concat([header.bytes(), body.bytes()]);
}

/** Bytes that are needed to know how long a message is. */
export const headerStart = 16;

/** The length of the message that begins with `start`. */
export function messageLength(start: Uint8Array): number {
  if (start[0] !== littleEndian) throw new RangeError("not a little-endian D-Bus message");
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const fields = view.getUint32(12, true);
  return Math.ceil((headerStart + fields) / 8) * 8 + view.getUint32(4, true);
}

/** @param bytes one whole message */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new Reader(bytes);
  const [, type, , , , , pairs] = reader.readAll("yyyyuua(yv)");
  const fields = new Map(pairs as unknown as [number, Variant][]);
  const text = (field: number): string => (fields.get(field)?.value as string | undefined) ?? "";
  reader.align(8);
  return {
    type: type as number,
    replySerial: (fields.get(Field.replySerial)?.value as number | undefined) ?? 0,
    path: text(Field.path),
    interface: text(Field.interface),
    member: text(Field.member),
    errorName: text(Field.errorName),
    body: reader.readAll(text(Field.signature)),
  };
}
