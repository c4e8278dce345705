/** Published ports as a user writes them: `[[ip:][host port]:]container port[/protocol]`, with ranges. */
import { RuntError } from "../../errors.ts";
import { formatInetAddress, isLoopbackIpv6, parseInetAddress } from "../../linux/inet-address.ts";
import type { Transport } from "../../linux/inet-socket.ts";

/** One port of a container, and where on the host it is to be reached. */
export interface PortMapping {
  /** "" for all addresses of both families; "0.0.0.0" or "::" for all of one. */
  readonly hostAddress: string;
  /** First and last of those that will do: the first free one is taken. 0 and 0 for any. */
  readonly hostPorts: readonly [first: number, last: number];
  readonly containerPort: number;
  readonly protocol: Transport;
}

/** A port that a container has on the host. */
export interface PublishedPort {
  /** As in `PortMapping`. */
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: Transport;
}

/**
 * `text` as one mapping for each port of the container. Two ranges have the same length; with one port of the container
 * and a range of the host's, the first free one of these is taken.
 * @throws {RuntError} InvalidArgument
 */
export function parsePortMapping(text: string): PortMapping[] {
  const refuse = (why: string): RuntError =>
    new RuntError("InvalidArgument", `invalid published port ${JSON.stringify(text)}: ${why}`, {
      operation: "options",
      hint: "write [[ip:][hostPort]:]containerPort[/tcp|udp|sctp]",
    });
  const [, rest = "", protocol = "tcp"] = /^(.*?)(?:\/([a-zA-Z]+))?$/s.exec(text) ?? [];
  const transport = protocol.toLowerCase();
  if (transport !== "tcp" && transport !== "udp" && transport !== "sctp") {
    throw refuse(`${protocol} is no protocol`);
  }
  const match = /^(?:(?:\[([^\]]*)\]|([^:]*)):)?(?:([^:]*):)?([^:]+)$/.exec(rest);
  if (!match) throw refuse("an IPv6 address stands in brackets");
  let [, bracketed, plain, hostText, containerText = ""] = match;
  // With one colon it is the host's port that stands before it.
  if (hostText === undefined && bracketed === undefined && plain !== undefined) {
    hostText = plain;
    plain = undefined;
  }
  const addressText = bracketed ?? plain ?? "";
  const address = parseInetAddress(addressText);
  if (addressText !== "" && (!address || (bracketed !== undefined) !== (address.family === 6))) {
    throw refuse(`${addressText} is no address`);
  }
  const hostAddress = address ? formatInetAddress(address) : "";
  const container = range(containerText);
  if (!container) throw refuse(`${containerText} is no port`);
  const host = hostText ? range(hostText) : undefined;
  if (hostText && !host) throw refuse(`${hostText} is no port`);
  const count = container[1] - container[0] + 1;
  const hostCount = host ? host[1] - host[0] + 1 : count;
  if (count !== hostCount && count !== 1) throw refuse("the ranges differ in length");
  return Array.from({ length: count }, (_, i) => ({
    hostAddress,
    hostPorts: !host ? [0, 0] : count === 1 ? host : [host[0] + i, host[0] + i],
    containerPort: container[0] + i,
    protocol: transport,
  }));
}

/**
 * A mapping whose address is written as addresses always are here, so that one and the same is known as such; one of
 * IPv4 that is written as one of IPv6 is what it means.
 * @throws {RuntError} InvalidArgument: it is no address. It would otherwise be taken for all of them
 */
export function plainMapping(mapping: PortMapping): PortMapping {
  const { hostAddress, containerPort, protocol } = mapping;
  if (hostAddress === "") return mapping;
  const address = parseInetAddress(hostAddress);
  if (!address) {
    throw new RuntError(
      "InvalidArgument",
      `${JSON.stringify(hostAddress)} is no address to publish a port on`,
      {
        operation: "network setup",
        subject: `port ${containerPort}/${protocol}`,
        hint: "names, and zones like %eth0, are not taken",
      },
    );
  }
  const { family, value } = address;
  if (protocol === "sctp" && isLoopbackIpv6(address)) {
    throw new RuntError("Unimplemented", "SCTP is not published on ::1", {
      operation: "network setup",
      subject: `port ${containerPort}/${protocol}`,
    });
  }
  const isMapped = family === 6 && value >> 32n === 0xffffn;
  return {
    ...mapping,
    hostAddress: formatInetAddress(isMapped ? { family: 4, value: value & 0xffffffffn } : address),
  };
}

function range(text: string): [number, number] | undefined {
  const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  return first >= 1 && last >= first && last <= 65535 ? [first, last] : undefined;
}

/** "80/tcp -> 0.0.0.0:8080", as `runt port` prints it. */
export function formatPublishedPort({
  hostAddress,
  hostPort,
  containerPort,
  protocol,
}: PublishedPort): string {
  const host = hostAddress === "" ? "0.0.0.0" : hostAddress.includes(":") ? `[${hostAddress}]` : hostAddress;
  return `${containerPort}/${protocol} -> ${host}:${hostPort}`;
}
