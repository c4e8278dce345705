/** The files by which programs in a container find names: /etc/hosts and /etc/resolv.conf. */
import { readFileSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import { parseInetAddress } from "../../linux/inet-address.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { NetworkSetup } from "./request.ts";

/** Where nobody says anything else and the host has no server that a container could reach. */
const publicServers: readonly string[] = ["1.1.1.1", "8.8.8.8"];
const hostFile = "/etc/resolv.conf";
/** systemd-resolved tells the real servers there; in /etc/resolv.conf it has itself, on loopback. */
const resolvedFile = "/run/systemd/resolve/resolv.conf";

export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** @see resolv.conf(5) */
export function parseResolvConf(text: string): ResolvConf {
  const found = { nameservers: [] as string[], search: [] as string[], options: [] as string[] };
  for (const line of text.split("\n")) {
    const [key, ...words] = line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/);
    if (key === "nameserver" && words[0]) found.nameservers.push(words[0]);
    else if (key === "search" || key === "domain") found.search = words;
    else if (key === "options") found.options.push(...words);
  }
  return found;
}

/** The host's own, with servers that a container with a network namespace of its own can reach. */
export function hostResolvConf(): ResolvConf {
  const own = parseResolvConf(readIfThere(hostFile));
  const reachable = own.nameservers.filter(isReachable);
  if (reachable.length > 0) return { ...own, nameservers: reachable };
  const real = parseResolvConf(readIfThere(resolvedFile)).nameservers.filter(isReachable);
  return { ...own, nameservers: real.length > 0 ? real : publicServers };
}

/** An address with a zone index is one of a link that the container has not. */
function isReachable(server: string): boolean {
  const address = parseInetAddress(server);
  if (!address) return false;
  return address.family === 4 ? address.value >> 24n !== 127n : address.value !== 1n;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return "";
    throw error;
  }
}

export interface ResolvConfOptions {
  /** What the container's networks say; absent with another's or the host's namespace. */
  readonly setup?: Pick<NetworkSetup, "nameservers" | "searchDomains"> | undefined;
  /** `--dns`, `--dns-search` ("." for none) and `--dns-option`; empty where not given. */
  readonly nameservers?: readonly string[] | undefined;
  readonly search?: readonly string[] | undefined;
  readonly options?: readonly string[] | undefined;
}

/**
 * The text of a container's resolv.conf. Where a network has names its responder is the only server: it asks the
 * others, those of `--dns` too.
 */
export function resolvConfText(given: ResolvConfOptions): string {
  const host = hostResolvConf();
  const [wanted = [], search = [], options = []] = [given.nameservers, given.search, given.options];
  const ofNetwork = given.setup?.nameservers ?? [];
  const domains = search.length > 0 ? search : (given.setup?.searchDomains ?? []);
  const nameservers = ofNetwork.length > 0 ? ofNetwork : wanted.length > 0 ? wanted : host.nameservers;
  const finalSearch = domains.length > 0 ? domains.filter((domain) => domain !== ".") : host.search;
  const finalOptions = options.length > 0 ? options : host.options;
  const lines = nameservers.map((server) => `nameserver ${server}`);
  if (finalSearch.length > 0) lines.push(`search ${finalSearch.join(" ")}`);
  if (finalOptions.length > 0) lines.push(`options ${finalOptions.join(" ")}`);
  return `${lines.join("\n")}\n`;
}

export interface HostsOptions {
  readonly hostname: string;
  readonly domainname?: string | undefined;
  /** What the container has; absent with the host's namespace and with none. */
  readonly setup?: Pick<NetworkSetup, "attachments"> | undefined;
  /** `--add-host`: "name:address" or "name=address"; several names with ";"; `host-gateway` for the host's address. */
  readonly add?: readonly string[] | undefined;
}

/** The text of a container's hosts file. @throws {RuntError} InvalidArgument */
export function hostsText({ hostname, domainname, setup, add = [] }: HostsOptions): string {
  const attachments = setup?.attachments ?? [];
  const gateway = attachments.map(({ gateway4, gateway6 }) => gateway4 || gateway6).find(Boolean);
  const names = domainname ? `${hostname}.${domainname} ${hostname}` : hostname;
  const addresses = attachments
    .flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6])
    .filter(Boolean)
    .map((cidr) => cidr.split("/")[0]!);
  const own = addresses.length > 0 ? addresses : ["127.0.1.1"];
  const lines = [
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::\tip6-localnet",
    "ff00::\tip6-mcastprefix",
    "ff02::1\tip6-allnodes",
    "ff02::2\tip6-allrouters",
    ...add.map((entry) => addedHost(entry, gateway)),
    ...(gateway ? [`${gateway}\thost.docker.internal host.containers.internal`] : []),
    ...own.map((address) => `${address}\t${names}`),
  ];
  return `${lines.join("\n")}\n`;
}

function addedHost(entry: string, gateway: string | undefined): string {
  const [, names = "", value = ""] = /^([^:=]+)[:=](.+)$/.exec(entry) ?? [];
  const host = value.replace(/^\[(.*)\]$/, "$1");
  const address = host === "host-gateway" ? gateway : parseInetAddress(host) && host;
  if (names && address) return `${address}\t${names.split(";").filter(Boolean).join(" ")}`;
  const isGateway = host === "host-gateway";
  throw new RuntError(
    "InvalidArgument",
    `invalid host ${JSON.stringify(entry)}: ${isGateway ? "the container has no gateway" : "write name:address"}`,
    { operation: "options" },
  );
}
