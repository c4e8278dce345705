/**
 * Who has which address of a network: one text file for each network that has containers, which is both the list of
 * leases and what the name responder answers from. It reads the file at every question, so its form is made for that:
 *
 * ```
 * listen 10.87.0.1
 * upstream 9.9.9.9
 * last 10.87.0.3
 * member 4f1c… 10.87.0.2 fd9b:…::2 web,4f1c2ab3d9e0,www 1.1.1.1
 * ```
 *
 * `listen`: where the responder answers; no such line, no names. `upstream`: whom it asks for names it does not know;
 * "none" for nobody; the host's own servers where the line is missing. `last`: the address given out last. `member`:
 * container, its addresses ("-" for none), its names, and servers to ask in place of those of the network ("-").
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import {
  contains,
  type Family,
  formatInetAddress,
  formatSubnet,
  type InetAddress,
  lastOf,
  parseInetAddress,
} from "../../linux/inet-address.ts";
import { places } from "./context.ts";
import { namesIn, readText, replaceFile } from "./files.ts";
import { type Network, type ParsedSubnet, subnetOf } from "./network.ts";

export interface Member {
  readonly id: string;
  /** "" for none. */
  readonly ipv4: string;
  readonly ipv6: string;
  /** By which the others find it. */
  readonly names: readonly string[];
  readonly nameservers: readonly string[];
}

/** The responder, which is nobody, reads them; the directory above is closed to everybody else. */
const readableMode = 0o644;

/** Members of one network. To be read, changed and written with the lock. */
export class Members {
  readonly list: Member[];
  /** The address given out last, by family. */
  readonly last: Map<Family, string>;

  constructor(list: Member[] = [], last: Map<Family, string> = new Map()) {
    this.list = list;
    this.last = last;
  }

  static read(root: string, network: string): Members {
    return parseMembers(readText(join(places.members(root), network)) ?? "");
  }

  /** The file goes with the last member, and with it the responder's port. */
  write(root: string, network: Network): void {
    const path = join(places.members(root), network.name);
    if (this.list.length === 0 && this.last.size === 0) rmSync(path, { force: true });
    else replaceFile(path, this.#format(network), "memory", readableMode);
  }

  #format(network: Network): string {
    const lines: string[] = [];
    if (network.dns && this.list.length > 0) {
      for (const { gateway } of network.subnets) if (gateway) lines.push(`listen ${gateway}`);
      const upstream = network.internal ? ["none"] : network.nameservers;
      for (const server of upstream) lines.push(`upstream ${server}`);
    }
    for (const address of this.last.values()) lines.push(`last ${address}`);
    for (const { id, ipv4, ipv6, names, nameservers } of this.list) {
      const words = [ipv4, ipv6, names.join(","), nameservers.join(",")].map((word) => word || "-");
      lines.push(`member ${id} ${words.join(" ")}`);
    }
    return `${lines.join("\n")}\n`;
  }

  find(id: string): Member | undefined {
    return this.list.find((member) => member.id === id);
  }

  /** Replaces what there was of that container. */
  put(member: Member): void {
    this.remove(member.id);
    this.list.push(member);
  }

  /** @returns whether it was there */
  remove(id: string): boolean {
    const at = this.list.findIndex((member) => member.id === id);
    if (at >= 0) this.list.splice(at, 1);
    return at >= 0;
  }

  /** Who has an address. */
  holderOf(address: InetAddress): string | undefined {
    const text = formatInetAddress(address);
    return this.list.find(({ ipv4, ipv6 }) => ipv4 === text || ipv6 === text)?.id;
  }

  /**
   * An address that nobody has, the one after the last that was given out: one that somebody had a moment ago may
   * still be in neighbours' tables and in connections.
   * @param wanted an address to have instead
   * @returns undefined where the network has no subnet of that family
   * @throws {RuntError} AlreadyExists: somebody has `wanted`; InvalidArgument: it is not in the subnet;
   *   Unavailable: all are taken
   */
  allocate(network: Network, family: Family, wanted?: string): InetAddress | undefined {
    if (wanted !== undefined) return this.#reserve(network, family, wanted);
    const parsed = subnetOf(network, family);
    if (!parsed) return undefined;
    const taken = new Set(this.list.map(({ ipv4, ipv6 }) => (family === 4 ? ipv4 : ipv6)));
    const { first, last } = usable(parsed);
    const count = last - first + 1n;
    const previous = parseInetAddress(this.last.get(family) ?? "")?.value ?? first - 1n;
    const start = previous >= first && previous < last ? previous + 1n : first;
    // More than all addresses that can be taken need not be tried.
    const tries = count < BigInt(taken.size + 2) ? count : BigInt(taken.size + 2);
    for (let i = 0n; i < tries; i++) {
      const address = { family, value: first + ((start - first + i) % count) };
      const text = formatInetAddress(address);
      if (taken.has(text) || address.value === parsed.gateway?.value) continue;
      this.last.set(family, text);
      return address;
    }
    throw new RuntError("Unavailable", `no free address in ${formatSubnet(parsed.range)}`, {
      operation: "network setup",
      subject: `network ${network.name}`,
      hint: "remove containers, or make a network with a larger subnet",
    });
  }

  #reserve(network: Network, family: Family, wanted: string): InetAddress {
    const site = { operation: "network setup", subject: `network ${network.name}` };
    const address = parseInetAddress(wanted);
    const parsed = address?.family === family ? subnetOf(network, family, address) : undefined;
    if (!address || !parsed || !contains(parsed.subnet, address)) {
      const subnets = network.subnets.map(({ subnet }) => subnet).join(", ");
      throw new RuntError("InvalidArgument", `address ${wanted} is not in ${subnets || "any subnet"}`, site);
    }
    const { subnet, gateway } = parsed;
    const isBroadcast = family === 4 && subnet.prefixLength < 31 && address.value === lastOf(subnet);
    const isNetwork = address.value === subnet.base && subnet.prefixLength < (family === 4 ? 31 : 127);
    if (isBroadcast || isNetwork || address.value === gateway?.value) {
      const what = isBroadcast ? "broadcast address" : isNetwork ? "network's own" : "gateway";
      throw new RuntError("InvalidArgument", `address ${wanted} is the ${what}`, site);
    }
    const holder = this.holderOf(address);
    if (holder !== undefined) {
      throw new RuntError(
        "AlreadyExists",
        `address ${wanted} is in use by container ${holder.slice(0, 12)}`,
        site,
      );
    }
    return address;
  }
}

/** First and last address that may be given out: neither the network's own nor the broadcast address. */
function usable({ subnet, range }: ParsedSubnet): { first: bigint; last: bigint } {
  const isPair = subnet.prefixLength >= (subnet.family === 4 ? 31 : 127);
  const first = range.base === subnet.base && !isPair ? range.base + 1n : range.base;
  const hasBroadcast = subnet.family === 4 && !isPair && lastOf(range) === lastOf(subnet);
  return { first, last: hasBroadcast ? lastOf(range) - 1n : lastOf(range) };
}

/** What cannot be read is left out: it was written when the power failed, and so speaks of nobody. */
export function parseMembers(text: string): Members {
  const members = new Members();
  const word = (part: string | undefined): string => (part === undefined || part === "-" ? "" : part);
  const list = (part: string | undefined): string[] => word(part).split(",").filter(Boolean);
  for (const line of text.split("\n")) {
    const [kind, first, ipv4, ipv6, names, nameservers] = line.split(" ");
    if (kind === "last") {
      const address = parseInetAddress(first ?? "");
      if (address) members.last.set(address.family, formatInetAddress(address));
    } else if (kind === "member" && first && nameservers !== undefined) {
      members.list.push({
        id: first,
        ipv4: word(ipv4),
        ipv6: word(ipv6),
        names: list(names),
        nameservers: list(nameservers),
      });
    }
  }
  return members;
}

/** Networks that have a file of members. */
export function networksWithMembers(root: string): string[] {
  return namesIn(places.members(root));
}
