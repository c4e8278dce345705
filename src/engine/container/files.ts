/** /etc/hosts, /etc/hostname and /etc/resolv.conf of a container: files of the engine's that are mounted over the image's. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineContext } from "../context.ts";
import type { NetworkState } from "../network-driver.ts";
import type { ContainerRecord } from "../record.ts";
import type { NetworkRequest } from "../request.ts";

const localHosts = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

/** Writes them anew for each run. Where they are another container's, there is nothing to write. */
export function writeFiles({ layout }: EngineContext, record: ContainerRecord, network: NetworkState): void {
  if (network.filesOf !== undefined) return;
  const directory = layout.container(record.id);
  const { request, definition } = record;
  const write = (name: string, text: string): void =>
    writeFileSync(join(directory, name), text, { mode: 0o644 });
  write("hostname", `${definition.hostname}\n`);
  write("hosts", hostsOf(request.network, network));
  write("resolv.conf", resolvConfOf(request.network, hostText("/etc/resolv.conf"), network));
}

function hostsOf(request: NetworkRequest, { hosts, namespace }: NetworkState): string {
  const base = namespace === "host" ? hostText("/etc/hosts") || localHosts : localHosts;
  const lines = [
    ...hosts.map(({ address, names }) => `${address}\t${names.join(" ")}`),
    ...request.extraHosts
      .filter(({ address }) => address !== "host-gateway")
      .map(({ name, address }) => `${address}\t${name}`),
  ];
  return `${base}${lines.map((line) => `${line}\n`).join("")}`;
}

/**
 * The host's, with what was asked for in its place. A server on the host's loopback cannot be reached from another
 * network namespace.
 * @see resolv.conf(5)
 */
export function resolvConfOf(
  { dns, dnsSearch, dnsOptions }: Pick<NetworkRequest, "dns" | "dnsSearch" | "dnsOptions">,
  host: string,
  {
    namespace,
    nameservers,
    searchDomains,
  }: Pick<NetworkState, "namespace" | "nameservers" | "searchDomains">,
): string {
  const lines = host.split("\n").map((line) => line.trim());
  const words = (keyword: string) =>
    lines
      .filter((line) => line.split(/\s/, 1)[0] === keyword)
      .map((line) => line.slice(keyword.length).trim());
  const reachable = words("nameserver").filter(
    (server) => namespace === "host" || !/^(127\.|::1$)/.test(server),
  );
  // The network's own responder passes on to `dns` what it does not know.
  const own = [nameservers, dns, reachable].find((list) => list.length > 0);
  const servers = own ?? ["8.8.8.8", "8.8.4.4"];
  const inherited = [...searchDomains, ...words("search").slice(-1)];
  const search = (dnsSearch.length > 0 ? dnsSearch.filter((domain) => domain !== ".") : inherited).join(" ");
  const options = dnsOptions.length > 0 ? dnsOptions.join(" ") : words("options").join(" ");
  return [
    ...servers.map((server) => `nameserver ${server}`),
    ...(search ? [`search ${search}`] : []),
    ...(options ? [`options ${options}`] : []),
    "",
  ].join("\n");
}

function hostText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
