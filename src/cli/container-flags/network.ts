/** `--network` in all its forms, and the flags that say more about it. @see docker run --network; podman-run(1) */
import type { NetworkAttachment, NetworkRequest } from "../../engine/request.ts";
import type { OptionSpecs, OptionValues } from "../option.ts";
import { ipVersion } from "./address.ts";
import { commaList } from "./comma-list.ts";
import { cut } from "./environment.ts";
import { conflict, flagError } from "./flag-error.ts";
import { nameOptions, namesOf } from "./names.ts";
import { parseExpose, parsePublish } from "./ports.ts";
import { absolutePath, type Surroundings } from "./surroundings.ts";

const group = "Network";
const flag = "--network";

export const networkOptions = {
  network: {
    type: "strings",
    value: "network",
    group,
    summary:
      "bridge (the default), host, none, container:<name>, ns:<path>, or a network of one's own, also as name:ip=…,mac=…,alias=…",
  },
  net: { type: "strings", value: "network", summary: "the same as --network", hidden: true },
  publish: {
    type: "strings",
    short: "p",
    value: "[[ip:][port]:]port[/proto]",
    group,
    summary: "a port of the host leads to one of the container; ranges: 8000-8009:80-89",
  },
  publishAll: {
    type: "boolean",
    short: "P",
    group,
    summary: "publish all ports that the image exposes, anywhere",
  },
  expose: { type: "strings", value: "port[/proto]", group, summary: "say that it listens there" },
  ip: { type: "string", value: "ip", group, summary: "its address in the network" },
  ip6: { type: "string", value: "ip", group, summary: "its IPv6 address in the network" },
  macAddress: { type: "string", value: "mac", group, summary: "its hardware address in the network" },
  networkAlias: { type: "strings", value: "name", group, summary: "another name that it has in the network" },
  netAlias: { type: "strings", value: "name", summary: "the same as --network-alias", hidden: true },
  ...nameOptions,
} as const satisfies OptionSpecs;

type Values = OptionValues<typeof networkOptions>;

/** Where docker knows no network of that name, podman's words for the default one. */
const defaults: readonly string[] = ["bridge", "default", "private"];

/**
 * What the flags say of the network.
 * @throws {RuntError} InvalidArgument
 */
export function networkOf(options: Values, { cwd }: Surroundings): NetworkRequest {
  const given = [...options.network, ...options.net];
  const ports = options.publish.flatMap(parsePublish);
  const expose = options.expose.flatMap(parseExpose);
  const common = { publishAll: options.publishAll, ...namesOf(options) };
  const [only] = given;
  const special = given.find((text) => /^(host|none|container:.*|ns:.*)$/.test(text));
  if (special !== undefined && given.length > 1) {
    throw conflict(`${flag} ${special} excludes any other ${flag}`);
  }
  if (special === undefined) {
    return { mode: "bridge", networks: attachmentsOf(given, options), ports, expose, ...common };
  }
  const [kind, operand] = cut(only!, ":");
  if (kind === "container" && !operand) throw flagError(flag, only!, "no container");
  if (kind === "ns" && !operand) throw flagError(flag, only!, "no path");
  if (kind === "container" && expose.length > 0) {
    throw conflict("port exposing and the container type network mode");
  }
  const aboutAddress = Object.entries({
    ip: options.ip,
    ip6: options.ip6,
    "mac-address": options.macAddress,
    "network-alias": aliasesOf(options)[0],
  }).find(([, value]) => value !== undefined);
  if (aboutAddress) throw conflict(`--${aboutAddress[0]} and ${flag} ${special}`);
  const mode =
    kind === "container"
      ? { container: operand! }
      : kind === "ns"
        ? { path: absolutePath(operand!, cwd) }
        : (kind as "host" | "none");
  return { mode, networks: [], ports, expose, ...common };
}

function aliasesOf({ networkAlias, netAlias }: Values): string[] {
  return [...networkAlias, ...netAlias];
}

function attachmentsOf(given: readonly string[], options: Values): NetworkAttachment[] {
  const attachments = given.map(parseNetwork);
  const twice = attachments.find(({ network }, i) => attachments.findIndex((a) => a.network === network) < i);
  if (twice) throw conflict(`network ${JSON.stringify(twice.network)} is given twice`);
  const own = {
    aliases: aliasesOf(options),
    ipv4: checked("--ip", options.ip, (text) => ipVersion(text) === 4, "not an IPv4 address"),
    ipv6: checked("--ip6", options.ip6, (text) => ipVersion(text) === 6, "not an IPv6 address"),
    mac: checked("--mac-address", options.macAddress, isMac, "not a hardware address"),
  };
  const says = own.aliases.length > 0 || own.ipv4 || own.ipv6 || own.mac;
  if (!says) return isDefault(attachments) ? [] : attachments;
  if (attachments.length > 1) {
    throw conflict("--ip, --ip6, --mac-address and --network-alias are for one network; say it in --network");
  }
  const [first] = attachments;
  if (first && isSpecific(first)) {
    throw conflict("--ip, --ip6, --mac-address and --network-alias, and the same in --network");
  }
  return [{ network: first?.network ?? "bridge", ...own }];
}

function isSpecific({ aliases, ipv4, ipv6, mac }: NetworkAttachment): boolean {
  return aliases.length > 0 || [ipv4, ipv6, mac].some((value) => value !== undefined);
}

function isDefault(attachments: readonly NetworkAttachment[]): boolean {
  const [only, more] = attachments;
  return only === undefined || (more === undefined && only.network === "bridge" && !isSpecific(only));
}

/** "web", podman's "web:ip=10.1.2.3,alias=db", docker's "name=web,ip=10.1.2.3". */
function parseNetwork(text: string): NetworkAttachment {
  const isDockers = /(^|,)name=/.test(text);
  const [name, list] = isDockers ? ["", text] : cut(text, ":");
  const fields = list === undefined || list === "" ? [] : commaList(flag, list).map((field) => cut(field));
  let network = name;
  const attachment = { aliases: [] as string[], ipv4: undefined, ipv6: undefined, mac: undefined } as {
    aliases: string[];
    ipv4: string | undefined;
    ipv6: string | undefined;
    mac: string | undefined;
  };
  for (const [key, value] of fields) {
    if (!value) throw flagError(flag, text, `${JSON.stringify(key)} without a value`);
    if (key === "name" && isDockers) network = value;
    else if (key === "alias") attachment.aliases.push(value);
    else if (key === "ip" && ipVersion(value) === 4) attachment.ipv4 = value;
    else if ((key === "ip6" || key === "ip") && ipVersion(value) === 6) attachment.ipv6 = value;
    else if ((key === "mac" || key === "mac-address") && isMac(value)) attachment.mac = value;
    else if (["ip", "ip6", "mac", "mac-address"].includes(key)) {
      throw flagError(flag, text, `${JSON.stringify(value)} is no address`);
    } else throw flagError(flag, text, `invalid option ${JSON.stringify(key)}: ip, ip6, mac, alias`);
  }
  if (network === "") throw flagError(flag, text, "no name");
  if (/^(slirp4netns|pasta)$/.test(network)) {
    throw flagError(
      flag,
      text,
      `there is no ${network} here; networks of an ordinary user are none and host`,
      "Unimplemented",
    );
  }
  return { network: defaults.includes(network) ? "bridge" : network, ...attachment };
}

function isMac(text: string): boolean {
  return /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text);
}

function checked(
  flag: string,
  value: string | undefined,
  test: (text: string) => boolean,
  why: string,
): string | undefined {
  if (value !== undefined && !test(value)) throw flagError(flag, value, why);
  return value;
}
