/**
 * Which way a published port takes: the kernel's rules translate addresses within one family; what they cannot do is
 * the proxy's, which is ::1 (IPv6 has no route_localnet) and whatever comes by the family that the container has no
 * address of.
 */
import {
  formatInetAddress,
  type InetAddress,
  isLoopbackIpv6,
  loopbackIpv6,
  parseInetAddress,
} from "../../linux/inet-address.ts";
import type { PublishedPort } from "./port-mapping.ts";
import type { Attachment, ContainerRecord } from "./record.ts";

/** Where a container is reached from the host. */
export interface Way {
  readonly address: string;
  /** The host's end of the cable. */
  readonly hostLink: string;
}

/** By family: the first network of a container that has a bridge and a way out. */
export function waysInto(attachments: readonly Attachment[]): { 4?: Way; 6?: Way } {
  const bridged = attachments.filter(({ driver, internal }) => driver === "bridge" && !internal);
  const wayOf = (family: "ipv4" | "ipv6"): Way | undefined => {
    const found = bridged.find((attachment) => attachment[family] !== "");
    return found && { address: found[family].split("/")[0]!, hostLink: found.hostLink };
  };
  const [ipv4, ipv6] = [wayOf("ipv4"), wayOf("ipv6")];
  return { ...(ipv4 && { 4: ipv4 }), ...(ipv6 && { 6: ipv6 }) };
}

const anyIpv4: InetAddress = { family: 4, value: 0n };
const anyIpv6: InetAddress = { family: 6, value: 0n };

/** The address of the host that was asked for; all of both families for "". */
export function addressesOf(hostAddress: string): InetAddress[] {
  const address = parseInetAddress(hostAddress);
  return address ? [address] : [anyIpv4, anyIpv6];
}

/** What the proxy carries. */
export interface Forward {
  readonly hostAddress: InetAddress;
  readonly port: PublishedPort;
  readonly way: Way;
}

/** Of a container; none of SCTP, which only the rules know. */
export function forwardsOf({ attachments, ports }: ContainerRecord): Forward[] {
  const ways = waysInto(attachments);
  // Servers that listen on one family only listen on that.
  const way = ways[4] ?? ways[6];
  if (!way) return [];
  return ports.flatMap((port) =>
    port.protocol === "sctp"
      ? []
      : addressesOf(port.hostAddress).flatMap((address) => {
          const { family, value } = address;
          if (!ways[family] || isLoopbackIpv6(address)) return { hostAddress: address, port, way };
          return family === 6 && value === 0n ? { hostAddress: loopbackIpv6, port, way } : [];
        }),
  );
}

/** As text by which it is known: "tcp ::1 8080 10.86.0.2 80 rv1a2b…". */
export function formatForward({ hostAddress, port, way }: Forward): string {
  const from = `${port.protocol} ${formatInetAddress(hostAddress)} ${port.hostPort}`;
  return `${from} ${way.address} ${port.containerPort} ${way.hostLink}`;
}
