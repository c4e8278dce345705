/** What `--network` says: which network namespace a container gets, and which networks it is on. */
import { RuntError } from "../../errors.ts";
import { defaultNetworkName } from "./network.ts";
import type { NetworkRequest } from "./request.ts";

export type NetworkMode =
  /** The host's own namespace. */
  | { readonly kind: "host" }
  /** A namespace of its own with a loopback only. */
  | { readonly kind: "none" }
  /** That of another container, by name or ID. */
  | { readonly kind: "container"; readonly container: string }
  /** That of a path. */
  | { readonly kind: "path"; readonly path: string }
  /** A namespace of its own, put on networks. */
  | { readonly kind: "networks"; readonly networks: readonly NetworkRequest[] };

function refuse(text: string, why: string): RuntError {
  return new RuntError("InvalidArgument", `invalid --network ${text}: ${why}`, {
    operation: "options",
    hint: "write host, none, container:NAME, ns:PATH or NETWORK[:ip=…,ip6=…,mac=…,alias=…,interface_name=…]",
  });
}

/**
 * The mode that the values of `--network` make together: several of them are several networks.
 * @param values none for the default network
 * @throws {RuntError} InvalidArgument
 */
export function parseNetworkMode(values: readonly string[]): NetworkMode {
  const modes = values.map(parseOne);
  if (modes.length === 0) return { kind: "networks", networks: [{ network: defaultNetworkName }] };
  if (modes.length === 1) return modes[0]!;
  const networks = modes.flatMap((mode, i) => {
    if (mode.kind !== "networks") throw refuse(values[i]!, "cannot be combined with another network");
    return mode.networks;
  });
  return { kind: "networks", networks };
}

function parseOne(text: string): NetworkMode {
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  const rest = colon < 0 ? "" : text.slice(colon + 1);
  switch (name) {
    case "host":
    case "none":
      if (colon >= 0) throw refuse(text, `${name} takes no options`);
      return { kind: name };
    case "container":
      if (rest === "") throw refuse(text, "names no container");
      return { kind: "container", container: rest };
    case "ns":
      if (!rest.startsWith("/")) throw refuse(text, "the path must be absolute");
      return { kind: "path", path: rest };
    case "":
      throw refuse(text, "names no network");
    case "default":
    case "private":
      return { kind: "networks", networks: [{ network: defaultNetworkName, ...options(text, rest) }] };
    default:
      return { kind: "networks", networks: [{ network: name, ...options(text, rest) }] };
  }
}

/** Keys of the options, and what they are called in a request. */
const keys: Readonly<Record<string, "ipv4" | "ipv6" | "macAddress" | "interfaceName" | "alias">> = {
  ip: "ipv4",
  ip6: "ipv6",
  mac: "macAddress",
  mac_address: "macAddress",
  interface_name: "interfaceName",
  alias: "alias",
};

function options(text: string, rest: string): Omit<NetworkRequest, "network"> {
  const found: Partial<Record<"ipv4" | "ipv6" | "macAddress" | "interfaceName", string>> = {};
  const aliases: string[] = [];
  for (const option of rest === "" ? [] : rest.split(",")) {
    const [, key = "", value = ""] = /^([^=]*)=(.*)$/.exec(option) ?? [];
    const meaning = keys[key];
    if (!meaning || value === "") throw refuse(text, `${option} is no option of a network`);
    if (meaning === "alias") aliases.push(value);
    // podman has one word for addresses of both families.
    else found[meaning === "ipv4" && value.includes(":") ? "ipv6" : meaning] = value;
  }
  return { ...found, ...(aliases.length > 0 && { aliases }) };
}
