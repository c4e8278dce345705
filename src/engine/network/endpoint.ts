/** A container's interface: the links, and inside the addresses and routes. */
import { RuntError } from "../../errors.ts";
import type { Fd } from "../../linux/fd.ts";
import { bytesOfAddress, parseCidr, parseInetAddress } from "../../linux/inet-address.ts";
import { type Attribute, u32 } from "../../linux/netlink.ts";
import { AF_INET, AF_INET6, type Link, type Rtnetlink } from "../../linux/rtnetlink.ts";
import { hasCode } from "../../linux/system-error.ts";
import { sha256 } from "../../spec/sha256.ts";
import { addAddress } from "./bridge.ts";
import { cableAlias } from "./cable-alias.ts";
import type { NetworkContext } from "./context.ts";
import type { Network } from "./network.ts";
import type { Attachment } from "./record.ts";

const loopback = 1;
/** Of the default route by a container's first network; the next ones come after it. */
const firstPriority = 100;

/** `<linux/if_link.h>` */
const IFLA_MACVLAN_MODE = 1;
const IFLA_IPVLAN_MODE = 1;
const modeNumbers: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  macvlan: { private: 1, vepa: 2, bridge: 4, passthru: 8 },
  ipvlan: { l2: 0, l3: 1, l3s: 2 },
};

/**
 * Makes the links of an attachment: a cable from the network's bridge into the container, or a link on top of the
 * network's.
 * @param bridge of a network with driver "bridge"
 * @throws {RuntError} NotFound: the host has no link of that name; FailedPrecondition: the container has one
 */
export function makeLinks(
  context: NetworkContext,
  here: Rtnetlink,
  namespace: Fd,
  id: string,
  network: Network,
  attachment: Attachment,
  bridge: Link | undefined,
): void {
  const { interfaceName: name } = attachment;
  const address = parseMacAddress(attachment.macAddress);
  try {
    if (bridge) {
      const { mtu } = bridge;
      const alias = cableAlias(context, id, attachment);
      // Hairpin, so that a container reaches itself by a port of the host that is published for it.
      const port = { hairpin: true, isolated: !network.icc };
      const outside = { mtu, master: bridge.index, port, alias, isUp: true };
      here.addVeth(attachment.hostLink, outside, { name, namespace, mtu, address });
    } else {
      here.addUpperLink(
        network.driver as "macvlan" | "ipvlan",
        parentOf(here, network),
        {
          name,
          namespace,
          ...(network.mtu > 0 && { mtu: network.mtu }),
          // Links of ipvlan have that of their parent.
          ...(network.driver === "macvlan" && { address }),
          isUp: true,
        },
        modeOf(network),
      );
    }
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    throw new RuntError(
      "FailedPrecondition",
      `the container has an interface ${name} already`,
      { operation: "network setup", subject: `container ${id}`, code: "EEXIST" },
      error,
    );
  }
}

function parentOf(here: Rtnetlink, network: Network): Link {
  const parent = here.link(network.link);
  if (parent) return parent;
  throw new RuntError("NotFound", `the host has no link ${network.link}`, {
    operation: "network setup",
    subject: `network ${network.name}`,
  });
}

function modeOf({ driver, mode }: Network): Attribute[] {
  const number = modeNumbers[driver]?.[mode] ?? 0;
  return driver === "macvlan"
    ? [[IFLA_MACVLAN_MODE, u32(number)]]
    : [[IFLA_IPVLAN_MODE, new Uint8Array(Uint16Array.of(number).buffer)]];
}

/** Inside: addresses, routes, and everything up. @param position of the network among the container's */
export function configureInside(
  there: Rtnetlink,
  network: Network,
  attachment: Attachment,
  position: number,
): void {
  there.setUp(loopback);
  const link = there.link(attachment.interfaceName)!;
  there.setUp(link.index);
  const ways = [
    { cidr: attachment.ipv4, gateway: attachment.gateway4, family: AF_INET },
    { cidr: attachment.ipv6, gateway: attachment.gateway6, family: AF_INET6 },
  ];
  for (const { cidr, gateway, family } of ways) {
    const parsed = parseCidr(cidr);
    if (!parsed) continue;
    addAddress(there, link.index, parsed.address, parsed);
    const via = parseInetAddress(gateway);
    const isByLinkAlone = network.driver === "ipvlan" && network.mode !== "l2";
    if (!via && !isByLinkAlone) continue;
    there.addRoute({
      family,
      prefixLength: 0,
      gateway: via && !isByLinkAlone ? bytesOfAddress(via) : undefined,
      link: link.index,
      priority: firstPriority + position,
    });
  }
}

/**
 * Always the same for an address: whoever has it next is not looked for where the last one was.
 * @param address as in `Attachment`; without one it is made from `id`
 */
export function macAddressFor(address: string, id: string): string {
  const parsed = parseCidr(address);
  const bytes = parsed ? bytesOfAddress(parsed.address).subarray(-4) : sha256(id).subarray(0, 4);
  return [0x02, 0x52, ...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** Six bytes. @throws {RuntError} InvalidArgument: no address of a single station */
export function parseMacAddress(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll(/[:-]/g, ""), "hex");
  const isAddress = /^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$/.test(text);
  if (isAddress && (bytes[0]! & 1) === 0) return bytes;
  throw new RuntError("InvalidArgument", `${text} is no MAC address of an interface`, {
    operation: "network setup",
  });
}
