/** Netlink: requests to the kernel as messages of attributes, each answered before the call returns. @see netlink(7) */
import { readSync, writeSync } from "node:fs";
import { Fd } from "./fd.ts";
import { Bytes, call, check, I32, I64, syscall } from "./ffi.ts";
import { SYS } from "./syscall-numbers.ts";
import { SystemError } from "./system-error.ts";

/** `<linux/netlink.h>` */
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_DUMP = 0x300;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_ACK_TLVS = 0x200;
const NLM_F_CAPPED = 0x100;
const NLMSGERR_ATTR_MSG = 1;
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x80000;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
export const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

const headerSize = 16;
const attributeHeaderSize = 4;
/** More than the kernel puts into one datagram of a dump. One for all sockets: a request has its whole answer at once. */
const receiveBuffer = Buffer.allocUnsafeSlow(65536);

/** One attribute to send: its type, and its value in the kernel's byte order. */
export type Attribute = readonly [type: number, value: Uint8Array];

/** A number of four bytes, in the machine's order. */
export function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

/** A string with its NUL. */
export function text(value: string): Uint8Array {
  return Buffer.from(`${value}\0`);
}

/** An attribute whose value is attributes. */
export function nested(type: number, attributes: readonly Attribute[]): Attribute {
  return [type | NLA_F_NESTED, encodeAttributes(attributes)];
}

/** `attributes` as they travel, each padded to four bytes. */
export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
  return Buffer.concat(
    attributes.map(([type, value]) => {
      const length = attributeHeaderSize + value.length;
      const bytes = Buffer.alloc(align(length));
      bytes.writeUInt16LE(length, 0);
      bytes.writeUInt16LE(type, 2);
      bytes.set(value, attributeHeaderSize);
      return bytes;
    }),
  );
}

/** The attributes in `bytes` by type, without the nesting flag; of a type that is there twice the last. */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + attributeHeaderSize <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < attributeHeaderSize || at + length > bytes.length) break;
    found.set(
      bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK,
      bytes.subarray(at + attributeHeaderSize, at + length),
    );
    at += align(length);
  }
  return found;
}

/** The string in an attribute, without its NUL. */
export function textOf(value: Buffer | undefined): string {
  return value === undefined ? "" : value.toString("utf8").replace(/\0.*$/s, "");
}

export interface NetlinkRequest {
  /** For errors: "RTM_NEWLINK". */
  readonly name: string;
  readonly type: number;
  /** Beside NLM_F_REQUEST; NLM_F_ACK is set where it is no dump. */
  readonly flags?: number;
  /** The family's own header: ifinfomsg, ifaddrmsg, … */
  readonly header: Uint8Array;
  readonly attributes?: readonly Attribute[];
  /** For errors: what the request is about, such as a device's name. */
  readonly about?: string;
}

export interface NetlinkMessage {
  readonly type: number;
  /** What follows the netlink header. */
  readonly body: Buffer;
}

/** A refusal by the kernel, with the sentence in which it explains itself where it does. */
export class NetlinkError extends SystemError {
  readonly explanation: string;

  constructor(request: NetlinkRequest, errno: number, explanation: string) {
    super(request.name, errno, request.about === undefined ? {} : { path: request.about });
    this.explanation = explanation;
    if (explanation) this.message += ` (${explanation})`;
  }
}

export class NetlinkSocket implements Disposable {
  readonly #fd: Fd;
  #sequence = 0;

  private constructor(fd: Fd) {
    this.#fd = fd;
    // The kernel's explanations; refusals without a copy of the request; dumps that heed their filter.
    for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) {
      const types = [I32, I32, I32, Bytes, I32] as const;
      syscall(SYS.setsockopt, types, [fd.n, SOL_NETLINK, option, u32(1), 4]);
    }
  }

  /** A socket in our own network namespace, or in that of an nsfs fd. @throws {SystemError} EPERM for one not ours */
  static open(protocol: number, namespace?: Fd): NetlinkSocket {
    const type = SOCK_RAW | SOCK_CLOEXEC;
    if (namespace) {
      const values = [namespace.n, AF_NETLINK, type, protocol];
      return new NetlinkSocket(new Fd(check(call("runt_socket_in", [I32, I32, I32, I32], values), "setns")));
    }
    const fd = syscall(SYS.socket, [I32, I32, I64], [AF_NETLINK, type, protocol]);
    return new NetlinkSocket(new Fd(check(fd, "socket")));
  }

  /**
   * Sends one request and takes its whole answer.
   * @returns the messages before the final acknowledgement
   * @throws {NetlinkError} what the kernel refuses it with
   */
  request(request: NetlinkRequest): NetlinkMessage[] {
    const isDump = ((request.flags ?? 0) & NLM_F_DUMP) === NLM_F_DUMP;
    const sequence = ++this.#sequence;
    writeSync(this.#fd.n, encodeRequest(request, isDump, sequence));
    const answer: NetlinkMessage[] = [];
    for (;;) {
      const datagram = receiveBuffer.subarray(0, readSync(this.#fd.n, receiveBuffer));
      for (const { type, flags, sequence: of, body } of messages(datagram)) {
        if (of !== sequence) continue;
        if (type === NLMSG_DONE) {
          refuse(request, body.length >= 4 ? body.readInt32LE(0) : 0, "");
          return answer;
        }
        if (type === NLMSG_ERROR) {
          refuse(request, body.readInt32LE(0), explanation(flags, body));
          return answer;
        }
        // Copied: the buffer is used again for the next datagram.
        answer.push({ type, body: Buffer.from(body) });
      }
    }
  }

  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
  }
}

function align(length: number): number {
  return (length + 3) & ~3;
}

function encodeRequest(request: NetlinkRequest, isDump: boolean, sequence: number): Uint8Array {
  const body = Buffer.concat([request.header, encodeAttributes(request.attributes ?? [])]);
  const header = Buffer.alloc(headerSize);
  header.writeUInt32LE(headerSize + body.length, 0);
  header.writeUInt16LE(request.type, 4);
  header.writeUInt16LE(NLM_F_REQUEST | (isDump ? 0 : NLM_F_ACK) | (request.flags ?? 0), 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, body]);
}

function* messages(datagram: Buffer) {
  for (let at = 0; at + headerSize <= datagram.length; ) {
    const length = datagram.readUInt32LE(at);
    if (length < headerSize || at + length > datagram.length) return;
    yield {
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      body: datagram.subarray(at + headerSize, at + length),
    };
    at += align(length);
  }
}

/** @param result 0, or a negative errno */
function refuse(request: NetlinkRequest, result: number, why: string): void {
  if (result < 0) throw new NetlinkError(request, -result, why);
}

/** The sentence behind an error: after the errno, the request's header, and its body where it was not left out. */
function explanation(flags: number, body: Buffer): string {
  if (!(flags & NLM_F_ACK_TLVS)) return "";
  const copied = flags & NLM_F_CAPPED ? headerSize : align(body.readUInt32LE(4));
  return textOf(decodeAttributes(body.subarray(4 + copied)).get(NLMSGERR_ATTR_MSG));
}
