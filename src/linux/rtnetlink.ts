/** Links and addresses of a network namespace. @see rtnetlink(7) */
import type { Fd } from "./fd.ts";
import {
  type Attribute,
  decodeAttributes,
  NETLINK_ROUTE,
  NetlinkSocket,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  text,
  textOf,
  u32,
} from "./netlink.ts";
import { hasCode } from "./system-error.ts";

/** `<linux/rtnetlink.h>` */
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
export const RT_SCOPE_UNIVERSE = 0;

/** `<linux/if_link.h>` */
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_NET_NS_FD = 28;
const IFLA_NEW_IFINDEX = 49;

/** `<linux/if_addr.h>` */
export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;
export const IFA_LABEL = 3;
export const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
export const IFA_RT_PRIORITY = 9;
export const IFA_F_NODAD = 0x02;
export const IFA_F_MANAGETEMPADDR = 0x100;
export const IFA_F_NOPREFIXROUTE = 0x200;
export const IFA_F_PERMANENT = 0x80;

const IFF_UP = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly isUp: boolean;
  readonly mtu: number;
  /** Hardware address, as bytes. */
  readonly address: Buffer;
}

/** An address of a link, with the attributes as the kernel has them. */
export interface Address {
  readonly family: typeof AF_INET | typeof AF_INET6 | number;
  readonly prefixLength: number;
  readonly scope: number;
  /** IFA_F_ flags. */
  readonly flags: number;
  readonly attributes: ReadonlyMap<number, Buffer>;
}

/** rtnetlink in one network namespace. */
export class Rtnetlink implements Disposable {
  readonly #socket: NetlinkSocket;

  /** @param namespace an nsfs fd, which stays the caller's; our own namespace if absent */
  constructor(namespace?: Fd) {
    this.#socket = NetlinkSocket.open(NETLINK_ROUTE, namespace);
  }

  /** Undefined where there is none of that name. */
  link(name: string): Link | undefined {
    try {
      const attributes: Attribute[] = [[IFLA_IFNAME, text(name)]];
      const [answer] = this.#socket.request({
        name: "RTM_GETLINK",
        type: RTM_GETLINK,
        header: ifinfomsg(0),
        attributes,
        about: name,
      });
      return answer && decodeLink(answer.body);
    } catch (error) {
      if (hasCode(error, "ENODEV")) return undefined;
      throw error;
    }
  }

  links(): Link[] {
    const request = { name: "RTM_GETLINK", type: RTM_GETLINK, flags: NLM_F_DUMP, header: ifinfomsg(0) };
    return this.#socket.request(request).map(({ body }) => decodeLink(body));
  }

  /** Addresses of both families. */
  addresses(link: Link): Address[] {
    const header = ifaddrmsg({ family: 0, prefixLength: 0, scope: 0, flags: 0 }, link.index);
    const request = { name: "RTM_GETADDR", type: RTM_GETADDR, flags: NLM_F_DUMP, header };
    return this.#socket
      .request(request)
      .filter(({ body }) => body.readInt32LE(4) === link.index)
      .map(({ body }) => decodeAddress(body));
  }

  /**
   * Moves a link into the network namespace of `target`, where it gets another name and another index. It
   * comes there down and without addresses.
   * @param to name: `%d` stands for the first number that is free
   * @throws {NetlinkError} EEXIST for a name or an index that is taken; EINVAL for a link that cannot leave
   */
  move(link: Link, target: Fd, to: { readonly name: string; readonly index: number }): void {
    this.#socket.request({
      name: "RTM_NEWLINK",
      type: RTM_NEWLINK,
      header: ifinfomsg(link.index),
      attributes: [
        [IFLA_NET_NS_FD, u32(target.n)],
        [IFLA_IFNAME, text(to.name)],
        [IFLA_NEW_IFINDEX, u32(to.index)],
      ],
      about: link.name,
    });
  }

  /** @throws {NetlinkError} EEXIST; EACCES where IPv6 is disabled */
  addAddress(index: number, address: Address): void {
    this.#socket.request({
      name: "RTM_NEWADDR",
      type: RTM_NEWADDR,
      flags: NLM_F_CREATE | NLM_F_EXCL,
      header: ifaddrmsg(address, index),
      attributes: [...address.attributes, [IFA_FLAGS, u32(address.flags)]],
    });
  }

  setUp(index: number): void {
    this.#socket.request({
      name: "RTM_NEWLINK",
      type: RTM_NEWLINK,
      header: ifinfomsg(index, IFF_UP, IFF_UP),
    });
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

/** @param change which of the flags count */
function ifinfomsg(index: number, flags = 0, change = 0): Uint8Array {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(change, 12);
  return header;
}

function ifaddrmsg(address: Omit<Address, "attributes">, index: number): Uint8Array {
  const header = Buffer.alloc(8);
  header.writeUInt8(address.family, 0);
  header.writeUInt8(address.prefixLength, 1);
  header.writeUInt8(address.flags & 0xff, 2);
  header.writeUInt8(address.scope, 3);
  header.writeInt32LE(index, 4);
  return header;
}

function decodeLink(body: Buffer): Link {
  const attributes = decodeAttributes(body.subarray(16));
  return {
    index: body.readInt32LE(4),
    name: textOf(attributes.get(IFLA_IFNAME)),
    isUp: (body.readUInt32LE(8) & IFF_UP) !== 0,
    mtu: attributes.get(IFLA_MTU)?.readUInt32LE(0) ?? 0,
    address: attributes.get(IFLA_ADDRESS) ?? Buffer.alloc(0),
  };
}

function decodeAddress(body: Buffer): Address {
  const attributes = decodeAttributes(body.subarray(8));
  return {
    family: body.readUInt8(0),
    prefixLength: body.readUInt8(1),
    // The header has room for eight flags only.
    flags: attributes.get(IFA_FLAGS)?.readUInt32LE(0) ?? body.readUInt8(2),
    scope: body.readUInt8(3),
    attributes,
  };
}
