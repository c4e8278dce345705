/**
 * Which proxy a URL is reached through, from HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as Go programs read them:
 * whoever sets them for docker or podman finds them obeyed alike.
 */
import { BlockList, isIP } from "node:net";
import { isLoopback } from "./host.ts";

type Environment = Readonly<Record<string, string | undefined>>;

function variable(environment: Environment, name: string): string {
  return environment[name] || environment[name.toLowerCase()] || "";
}

/** The proxy for `url`; undefined is a direct connection. This machine never is behind one. */
export function proxyFor(url: URL, environment: Environment): URL | undefined {
  const setting = variable(environment, url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY");
  if (setting === "" || isLoopback(url.hostname)) return undefined;
  if (isExempt(url, variable(environment, "NO_PROXY"))) return undefined;
  return URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(setting) ? setting : `http://${setting}`) ?? undefined;
}

function isExempt(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return list
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== "" && (entry === "*" || covers(entry, host, port)));
}

function covers(entry: string, host: string, port: string): boolean {
  if (entry.includes("/")) return isInNetwork(entry, host);
  const [, name = entry, onlyPort] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? [];
  if (onlyPort !== undefined && onlyPort !== port) return false;
  const plain = name.replace(/^\[|\]$/g, "").replace(/^\*(?=\.)/, "");
  if (plain.startsWith(".")) return host.endsWith(plain);
  return host === plain || (isIP(host) === 0 && host.endsWith(`.${plain}`));
}

function isInNetwork(cidr: string, host: string): boolean {
  const [network = "", prefix = ""] = cidr.split("/", 2);
  const [family, hostFamily] = [isIP(network), isIP(host)];
  const bits = Number(prefix);
  if (family === 0 || family !== hostFamily || !/^\d+$/.test(prefix) || bits > (family === 4 ? 32 : 128))
    return false;
  const block = new BlockList();
  const name = family === 4 ? "ipv4" : "ipv6";
  block.addSubnet(network, bits, name);
  return block.check(host, name);
}
