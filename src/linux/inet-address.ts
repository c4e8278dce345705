/** Addresses and subnets of IPv4 and IPv6, as text, as bytes and as numbers to count with. */
export type Family = 4 | 6;

/** An address; `value` is its bytes read as one number. */
export interface InetAddress {
  readonly family: Family;
  readonly value: bigint;
}

/** A subnet; `base` is its first address, in which no bit of the host part is set. */
export interface Subnet {
  readonly family: Family;
  readonly base: bigint;
  readonly prefixLength: number;
}

/** 32 or 128. */
export function bitsOf(family: Family): number {
  return family === 4 ? 32 : 128;
}

/** Undefined for what is none; zone indexes are not taken. */
export function parseInetAddress(text: string): InetAddress | undefined {
  if (ipv4.test(text)) return { family: 4, value: valueOfIpv4(text) };
  // node:net takes longer to load than a network to set up, and most addresses are of IPv4.
  if (!text.includes(":") || text.includes("%")) return undefined;
  return process.getBuiltinModule("node:net").isIPv6(text)
    ? { family: 6, value: valueOfIpv6(text) }
    : undefined;
}

const byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const ipv4 = new RegExp(`^${byte}(?:\\.${byte}){3}$`);

function valueOfIpv4(text: string): bigint {
  return text.split(".").reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function valueOfIpv6(text: string): bigint {
  const [left = "", right] = text.split("::");
  const head = groupsOf(left);
  const tail = right === undefined ? [] : groupsOf(right);
  const zeros = Array<bigint>(8 - head.length - tail.length).fill(0n);
  return [...head, ...zeros, ...tail].reduce((value, group) => (value << 16n) | group, 0n);
}

function groupsOf(text: string): bigint[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [BigInt(`0x${group}`)];
    const value = valueOfIpv4(group);
    return [value >> 16n, value & 0xffffn];
  });
}

/** The one way to write an address. @see RFC 5952 */
export function formatInetAddress({ family, value }: InetAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn));
  const { at, length } = longestZeros(groups);
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
  return length < 2 ? hex(groups) : `${hex(groups.slice(0, at))}::${hex(groups.slice(at + length))}`;
}

function longestZeros(groups: readonly number[]): { at: number; length: number } {
  let best = { at: 0, length: 0 };
  for (let at = 0; at < groups.length; at++) {
    let length = 0;
    while (groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  return best;
}

export const loopbackIpv6: InetAddress = { family: 6, value: 1n };

export function isLoopbackIpv6({ family, value }: InetAddress): boolean {
  return family === loopbackIpv6.family && value === loopbackIpv6.value;
}

/** In network order. */
export function bytesOfAddress({ family, value }: InetAddress): Buffer {
  return Buffer.from(value.toString(16).padStart(bitsOf(family) / 4, "0"), "hex");
}

/** From 4 or 16 bytes in network order. */
export function addressOfBytes(bytes: Uint8Array): InetAddress {
  const value = BigInt(`0x${Buffer.from(bytes).toString("hex") || "0"}`);
  return { family: bytes.length === 4 ? 4 : 6, value };
}

/** An address with the length of its prefix ("10.1.2.3/24"), and the subnet that is. Undefined for what is none. */
export function parseCidr(text: string): { address: InetAddress; subnet: Subnet } | undefined {
  const [, host = "", length = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const address = parseInetAddress(host);
  if (!address || Number(length) > bitsOf(address.family)) return undefined;
  return { address, subnet: subnetAround(address, Number(length)) };
}

/** The subnet of that size which `address` is in. */
export function subnetAround({ family, value }: InetAddress, prefixLength: number): Subnet {
  const hostBits = BigInt(bitsOf(family) - prefixLength);
  return { family, base: (value >> hostBits) << hostBits, prefixLength };
}

export function formatSubnet({ family, base, prefixLength }: Subnet): string {
  return `${formatInetAddress({ family, value: base })}/${prefixLength}`;
}

/** The highest address, which IPv4 uses for broadcast. */
export function lastOf({ family, base, prefixLength }: Subnet): bigint {
  return base + (1n << BigInt(bitsOf(family) - prefixLength)) - 1n;
}

export function contains(subnet: Subnet, { family, value }: InetAddress): boolean {
  return subnet.family === family && value >= subnet.base && value <= lastOf(subnet);
}

/** Whether they have an address in common. */
export function overlaps(a: Subnet, b: Subnet): boolean {
  return a.family === b.family && a.base <= lastOf(b) && b.base <= lastOf(a);
}
