/** The messages of rtnetlink: numbers of the kernel, and what they carry as values. @see rtnetlink(7) */
import { type Attribute, decodeAttributes, textOf, u32 } from "./netlink.ts";

/** `<linux/rtnetlink.h>` */
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_GETROUTE = 26;
export const RT_SCOPE_UNIVERSE = 0;
export const RT_TABLE_MAIN = 254;
export const RTPROT_STATIC = 4;
export const RTN_UNICAST = 1;
export const RTA_DST = 1;
export const RTA_OIF = 4;
export const RTA_GATEWAY = 5;
export const RTA_PRIORITY = 6;

/** `<linux/if_link.h>` */
export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_LINK = 5;
export const IFLA_MASTER = 10;
export const IFLA_LINKINFO = 18;
export const IFLA_IFALIAS = 20;
export const IFLA_NET_NS_FD = 28;
export const IFLA_NEW_IFINDEX = 49;
export const IFLA_INFO_KIND = 1;
export const IFLA_INFO_DATA = 2;
export const IFLA_INFO_SLAVE_KIND = 4;
export const IFLA_INFO_SLAVE_DATA = 5;
export const IFLA_BRPORT_MODE = 4;
export const IFLA_BRPORT_ISOLATED = 33;
export const VETH_INFO_PEER = 1;

/** `<linux/if_addr.h>` */
export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;
export const IFA_LABEL = 3;
export const IFA_BROADCAST = 4;
export const IFA_FLAGS = 8;
export const IFA_RT_PRIORITY = 9;
export const IFA_F_NODAD = 0x02;
export const IFA_F_MANAGETEMPADDR = 0x100;
export const IFA_F_NOPREFIXROUTE = 0x200;
export const IFA_F_PERMANENT = 0x80;

export const IFF_UP = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly isUp: boolean;
  readonly mtu: number;
  /** Hardware address, as bytes. */
  readonly address: Buffer;
  /** "bridge", "veth"; "" for hardware. */
  readonly kind: string;
  /** Index of the bridge it is a port of; 0 for none. */
  readonly master: number;
  /** What somebody wrote on it. */
  readonly alias: string;
}

/** What a link gets when it is made; what is left out is the kernel's choice. */
export interface LinkSettings {
  readonly mtu?: number | undefined;
  /** Six bytes. */
  readonly address?: Uint8Array | undefined;
  /** Index of the bridge that it is to be a port of. */
  readonly master?: number | undefined;
  /** What is special about it as a port. @see bridge(8) */
  readonly port?: {
    /** What comes in by it may go out by it again. */
    readonly hairpin: boolean;
    /** It may not talk to others that may not either. */
    readonly isolated: boolean;
  };
  readonly alias?: string | undefined;
  readonly isUp?: boolean | undefined;
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

/** A route of the main table. */
export interface Route {
  readonly family: number;
  /** Bits of the destination; 0 for the default route. */
  readonly prefixLength: number;
  /** Undefined for the default route. */
  readonly destination?: Uint8Array | undefined;
  readonly gateway?: Uint8Array | undefined;
  /** Of the link it leaves by; 0 for none. */
  readonly link: number;
  /** The lower one is taken. */
  readonly priority?: number | undefined;
}

/** What a link is made with, but for what can be set only later. */
export function attributesOf({ mtu, address, master }: LinkSettings): Attribute[] {
  const attributes: Attribute[] = [];
  if (mtu !== undefined) attributes.push([IFLA_MTU, u32(mtu)]);
  if (address !== undefined) attributes.push([IFLA_ADDRESS, address]);
  if (master !== undefined) attributes.push([IFLA_MASTER, u32(master)]);
  return attributes;
}

/** `struct ifinfomsg` for the link `index`. @param change which of the flags count */
export function ifinfomsg(index: number, flags = 0, change = 0): Uint8Array {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(change, 12);
  return header;
}

/** `struct ifaddrmsg` for an address of the link `index`. */
export function ifaddrmsg(address: Omit<Address, "attributes">, index: number): Uint8Array {
  const header = Buffer.alloc(8);
  header.writeUInt8(address.family, 0);
  header.writeUInt8(address.prefixLength, 1);
  header.writeUInt8(address.flags & 0xff, 2);
  header.writeUInt8(address.scope, 3);
  header.writeInt32LE(index, 4);
  return header;
}

/** From the body of RTM_NEWLINK. */
export function decodeLink(body: Buffer): Link {
  const attributes = decodeAttributes(body.subarray(16));
  return {
    index: body.readInt32LE(4),
    name: textOf(attributes.get(IFLA_IFNAME)),
    isUp: (body.readUInt32LE(8) & IFF_UP) !== 0,
    mtu: attributes.get(IFLA_MTU)?.readUInt32LE(0) ?? 0,
    address: attributes.get(IFLA_ADDRESS) ?? Buffer.alloc(0),
    kind: textOf(decodeAttributes(attributes.get(IFLA_LINKINFO) ?? Buffer.alloc(0)).get(IFLA_INFO_KIND)),
    master: attributes.get(IFLA_MASTER)?.readUInt32LE(0) ?? 0,
    alias: textOf(attributes.get(IFLA_IFALIAS)),
  };
}

/** From the body of RTM_NEWROUTE. */
export function decodeRoute(body: Buffer): Route {
  const attributes = decodeAttributes(body.subarray(12));
  return {
    family: body.readUInt8(0),
    prefixLength: body.readUInt8(1),
    destination: attributes.get(RTA_DST),
    gateway: attributes.get(RTA_GATEWAY),
    link: attributes.get(RTA_OIF)?.readUInt32LE(0) ?? 0,
    priority: attributes.get(RTA_PRIORITY)?.readUInt32LE(0),
  };
}

/** From the body of RTM_NEWADDR. */
export function decodeAddress(body: Buffer): Address {
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
