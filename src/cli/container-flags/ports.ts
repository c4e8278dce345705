/** `-p [[ip:][host-port]:]port[/protocol]` and `--expose`. @see docker run --publish */
import type { PortRequest } from "../../engine/request.ts";
import { ipVersion } from "./address.ts";
import { cut } from "./environment.ts";
import { flagError } from "./flag-error.ts";

const protocols = ["tcp", "udp", "sctp"] as const;
type Protocol = (typeof protocols)[number];

interface Range {
  readonly first: number;
  readonly last: number;
}

/**
 * The ports that one value of `-p` publishes: a range is as many.
 * @throws {RuntError} InvalidArgument
 */
export function parsePublish(given: string): PortRequest[] {
  const flag = "--publish";
  const text = given.includes("=") ? short(flag, given) : given;
  const [address, word] = cut(text, "/");
  const protocol = protocolOf(flag, given, word);
  const { ip, host, container } = partsOf(flag, given, address);
  const ports = rangeOf(flag, given, container, 1);
  // "0" is docker's other word for a port that is free.
  const hosts = host === "" || host === "0" ? undefined : rangeOf(flag, given, host, 1);
  const hostIp = ip === "" ? undefined : ip;
  if (hosts === undefined) {
    return each(ports, (containerPort) => ({
      hostIp,
      hostPort: 0,
      hostPortEnd: undefined,
      containerPort,
      protocol,
    }));
  }
  if (lengthOf(ports) === 1) {
    const { first, last } = hosts;
    const hostPortEnd = last > first ? last : undefined;
    return [{ hostIp, hostPort: first, hostPortEnd, containerPort: ports.first, protocol }];
  }
  if (lengthOf(hosts) !== lengthOf(ports)) {
    throw flagError(flag, given, "the ranges of ports are not equally long");
  }
  return each(ports, (containerPort) => ({
    hostIp,
    hostPort: hosts.first + containerPort - ports.first,
    hostPortEnd: undefined,
    containerPort,
    protocol,
  }));
}

/** "80", "80-90/udp" → "80/udp" and so on. @throws {RuntError} InvalidArgument */
export function parseExpose(text: string): string[] {
  const [ports, word] = cut(text, "/");
  const protocol = protocolOf("--expose", text, word);
  return each(rangeOf("--expose", text, ports, 1), (port) => `${port}/${protocol}`);
}

/** docker's other form: "target=80,published=8080,protocol=tcp". */
function short(flag: string, text: string): string {
  const fields = Object.fromEntries(text.split(",").map((field) => cut(field.trim())));
  const wrong = Object.keys(fields).find((key) => !["target", "published", "protocol", "mode"].includes(key));
  if (wrong !== undefined) throw flagError(flag, text, `unexpected key ${JSON.stringify(wrong)}`);
  return `${fields.published ?? ""}:${fields.target ?? ""}/${fields.protocol ?? "tcp"}`;
}

/** The last two parts are ports; what is before them is an address, and that may have colons itself. */
function partsOf(flag: string, text: string, address: string) {
  const bracketed = /^\[([^\]]*)\]:(.*)$/.exec(address);
  const parts = (bracketed?.[2] ?? address).split(":");
  const container = parts.pop()!;
  const host = parts.pop() ?? "";
  const plain = bracketed?.[1] ?? parts.join(":");
  if (bracketed && (parts.length > 0 || !(bracketed[2] ?? "").includes(":"))) {
    throw flagError(flag, text, "not [[ip:][host-port]:]port[/protocol]");
  }
  if (plain !== "" && (ipVersion(plain) === 0 || plain.includes("%")))
    throw flagError(flag, text, `invalid IP address ${JSON.stringify(plain)}`);
  if (container === "") throw flagError(flag, text, "no port of the container");
  return { ip: plain, host, container };
}

function rangeOf(flag: string, text: string, ports: string, least: number): Range {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(ports);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  if (!match || first < least || last > 65535) {
    throw flagError(flag, text, `invalid port ${JSON.stringify(ports)}: 1 to 65535, or a range of them`);
  }
  if (last < first) throw flagError(flag, text, `the range ${JSON.stringify(ports)} ends before it begins`);
  return { first, last };
}

function lengthOf({ first, last }: Range): number {
  return last - first + 1;
}

function each<T>(range: Range, make: (port: number) => T): T[] {
  return Array.from({ length: lengthOf(range) }, (_, i) => make(range.first + i));
}

function protocolOf(flag: string, text: string, word = "tcp"): Protocol {
  const protocol = protocols.find((known) => known === word.toLowerCase());
  if (!protocol) throw flagError(flag, text, `invalid protocol ${JSON.stringify(word)}: tcp, udp or sctp`);
  return protocol;
}
