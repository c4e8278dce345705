/** The bridge of a network in the kernel: made when a container first needs it, and gone with the network. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import { bytesOfAddress, type InetAddress } from "../../linux/inet-address.ts";
import {
  AF_INET,
  AF_INET6,
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_F_NODAD,
  IFA_F_PERMANENT,
  IFA_LOCAL,
  type Link,
  RT_SCOPE_UNIVERSE,
  Rtnetlink,
} from "../../linux/rtnetlink.ts";
import { hasCode } from "../../linux/system-error.ts";
import { aliasPrefix, bridgeAlias, type NetworkContext } from "./context.ts";
import { forgetBridge } from "./firewall.ts";
import { type Network, type ParsedSubnet, parsedSubnets } from "./network.ts";

const defaultMtu = 1500;

/**
 * Gives the network's bridge, with its addresses and settings, made if missing. With the lock.
 * @param found the link of that name, if the caller has asked for it already
 * @throws {RuntError} AlreadyExists where somebody else has a link of that name
 */
export function ensureBridge(
  context: NetworkContext,
  here: Rtnetlink,
  network: Network,
  found: Link | undefined = here.link(network.link),
): Link {
  if (found) checkOwner(context, network, found);
  const subnets = parsedSubnets(network);
  const wasThere = found !== undefined;
  if (!wasThere) {
    here.addBridge(network.link, {
      mtu: network.mtu || mtuOfDefaultRoute(here),
      address: bridgeAddress(network),
      alias: bridgeAlias(context, network.name),
    });
  }
  const link = found ?? here.link(network.link)!;
  if (found && isUnmarked(network, found)) here.setAlias(network.link, bridgeAlias(context, network.name));
  // One that a killed process began may lack some, or be down.
  if (!found?.isUp) {
    withoutDiscovery(network);
    here.setUp(link.index);
  }
  const addresses = wasThere ? here.addresses(link) : [];
  for (const subnet of subnets) {
    const { gateway } = subnet;
    if (!gateway) continue;
    const bytes = bytesOfAddress(gateway);
    if (addresses.some(({ attributes }) => attributes.get(IFA_ADDRESS)?.equals(bytes))) continue;
    configure(network, subnet);
    addAddress(here, link.index, gateway, subnet);
  }
  return link;
}

function checkOwner(context: NetworkContext, network: Network, link: Link): void {
  const alias = bridgeAlias(context, network.name);
  // Without an alias it is one that a killed process had just made; those of others are no bridges of this name.
  if (link.kind === "bridge" && (link.alias === alias || link.alias === "")) return;
  throw new RuntError("AlreadyExists", `link ${link.name} is there already and is not ours`, {
    operation: "network setup",
    subject: `network ${network.name}`,
    hint: `remove it, or make the network with another bridge name`,
  });
}

/** Locally administered, and always the same for a network: so it does not change when a port comes or goes. */
function bridgeAddress({ id }: Network): Buffer {
  return Buffer.concat([Buffer.of(0x02), Buffer.from(id.slice(0, 10), "hex")]);
}

/** An address of a link with its subnet. IPv6 does not look for duplicates: who has what is known, and it takes a second. */
export function addAddress(
  rtnetlink: Rtnetlink,
  index: number,
  address: InetAddress,
  { subnet }: Pick<ParsedSubnet, "subnet">,
): void {
  const bytes = bytesOfAddress(address);
  const isIpv4 = address.family === 4;
  const attributes = new Map([
    [IFA_LOCAL, bytes],
    [IFA_ADDRESS, bytes],
  ]);
  if (isIpv4 && subnet.prefixLength < 31) {
    const hosts = (1n << BigInt(32 - subnet.prefixLength)) - 1n;
    attributes.set(IFA_BROADCAST, bytesOfAddress({ family: 4, value: subnet.base | hosts }));
  }
  rtnetlink.addAddress(index, {
    family: isIpv4 ? AF_INET : AF_INET6,
    prefixLength: subnet.prefixLength,
    scope: RT_SCOPE_UNIVERSE,
    flags: IFA_F_PERMANENT | (isIpv4 ? 0 : IFA_F_NODAD),
    attributes,
  });
}

/**
 * The host learns nothing from what containers say: not who its router is (CVE-2020-13401), and not that an address is
 * theirs. Looking for duplicates would moreover take a second in which nothing of IPv6 goes through. To be done before it
 * is up.
 */
function withoutDiscovery({ link, name }: Network): void {
  // There is no such directory on a machine without IPv6.
  if (!existsSync(`/proc/sys/net/ipv6/conf/${link}`)) return;
  setting(`ipv6/conf/${link}/accept_ra`, "0", name);
  setting(`ipv6/conf/${link}/accept_dad`, "0", name);
}

/** Settings of the machine without which a bridge leads nowhere. */
function configure({ link, name }: Network, { subnet }: ParsedSubnet): void {
  if (subnet.family === 4) {
    setting(`ipv4/conf/${link}/route_localnet`, "1", name);
    setting("ipv4/ip_forward", "1", name);
  } else {
    setting(`ipv6/conf/${link}/disable_ipv6`, "0", name);
    forwardIpv6(name);
  }
}

/** A machine that forwards heeds no router advertisements any more, unless it is told to: it would lose its own way. */
function forwardIpv6(network: string): void {
  const all = "/proc/sys/net/ipv6/conf/all/forwarding";
  if (readFileSync(all, "latin1").trim() === "1") return;
  for (const link of readdirSync("/proc/sys/net/ipv6/conf")) {
    const accept = `/proc/sys/net/ipv6/conf/${link}/accept_ra`;
    if (link !== "all" && readFileSync(accept, "latin1").trim() === "1") writeFileSync(accept, "2");
  }
  setting("ipv6/conf/all/forwarding", "1", network);
}

/** Writes a setting of our network namespace, unless it is so already: /proc/sys may be read-only. */
function setting(name: string, value: string, network: string): void {
  const path = `/proc/sys/net/${name}`;
  try {
    if (readFileSync(path, "latin1").trim() !== value) writeFileSync(path, value);
  } catch (error) {
    if (!hasCode(error, "EROFS", "EACCES", "EPERM", "ENOENT")) throw error;
    const { code = "" } = error as NodeJS.ErrnoException;
    throw new RuntError(
      "FailedPrecondition",
      `${path} cannot be set to ${value}: ${code}`,
      { operation: "network setup", subject: `network ${network}`, path, code },
      error,
    );
  }
}

/** Of the link by which most leaves; larger packets than that would be cut. */
function mtuOfDefaultRoute(here: Rtnetlink): number {
  const routes = here.routes().filter(({ prefixLength, link }) => prefixLength === 0 && link !== 0);
  const links = here.links();
  const mtus = routes.flatMap(({ link }) => links.find(({ index }) => index === link)?.mtu ?? []);
  return Math.min(...(mtus.length > 0 ? mtus : [defaultMtu]));
}

/** A bridge gets its name and its address at once, and its alias a moment later: a process may be killed between. */
function isUnmarked(network: Network, link: Link): boolean {
  return link.alias === "" && link.address.equals(bridgeAddress(network));
}

/** Takes a network's bridge away, if it is there and ours. With the lock. */
export function removeBridge(context: NetworkContext, network: Network): void {
  using here = new Rtnetlink();
  const link = here.link(network.link);
  if (link?.kind === "bridge" && (link.alias.startsWith(aliasPrefix(context)) || isUnmarked(network, link)))
    here.removeLink(link.name);
  forgetBridge(context, network);
}
