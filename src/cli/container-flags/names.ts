/** `--add-host`, `--dns`, `--dns-search`, `--dns-option`: how a container finds others by name. */
import type { NetworkRequest } from "../../engine/request.ts";
import type { OptionSpecs, OptionValues } from "../option.ts";
import { ipVersion } from "./address.ts";
import { flagError } from "./flag-error.ts";

const group = "Network";

export const nameOptions = {
  addHost: {
    type: "strings",
    value: "name:ip",
    group,
    summary: "a line for /etc/hosts; host-gateway as the address is this machine",
  },
  dns: { type: "strings", value: "ip", group, summary: "name servers, instead of the host's" },
  dnsSearch: {
    type: "strings",
    value: "domain",
    group,
    summary: "where short names are looked for; . for nowhere",
  },
  dnsOption: { type: "strings", value: "option", group, summary: "options of resolv.conf(5): ndots:2" },
  dnsOpt: { type: "strings", value: "option", summary: "the same as --dns-option", hidden: true },
} as const satisfies OptionSpecs;

/** @throws {RuntError} InvalidArgument */
export function namesOf(
  options: OptionValues<typeof nameOptions>,
): Pick<NetworkRequest, "dns" | "dnsSearch" | "dnsOptions" | "extraHosts"> {
  for (const text of options.dns) {
    if (ipVersion(text) === 0) throw flagError("--dns", text, "not an IP address");
  }
  return {
    extraHosts: options.addHost.flatMap(extraHosts),
    dns: options.dns,
    dnsSearch: options.dnsSearch,
    dnsOptions: [...options.dnsOption, ...options.dnsOpt],
  };
}

/** `name:ip`, `name=ip`, and podman's `a;b:ip`. */
function extraHosts(text: string): { name: string; address: string }[] {
  const at = text.includes("=") ? text.indexOf("=") : text.indexOf(":");
  const names = at < 0 ? "" : text.slice(0, at);
  const address = text.slice(at + 1).replace(/^\[(.*)\]$/, "$1");
  if (names === "" || address === "") throw flagError("--add-host", text, "not name:ip");
  if (address !== "host-gateway" && ipVersion(address) === 0) {
    throw flagError("--add-host", text, `invalid IP address ${JSON.stringify(address)}`);
  }
  return names.split(";").map((name) => ({ name, address }));
}
