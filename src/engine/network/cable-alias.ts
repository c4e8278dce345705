/** What is written on the host's end of a cable: whose it is, for people and for whoever cleans up. */
import type { Link } from "../../linux/rtnetlink.ts";
import { aliasPrefix, type NetworkContext } from "./context.ts";
import type { Attachment } from "./record.ts";

/** What is written on the host's end of a cable. */
export function cableAlias(context: NetworkContext, id: string, attachment: Attachment): string {
  const { network, interfaceName, ipv4, ipv6 } = attachment;
  return aliasPrefix(context) + [id, network, interfaceName, ipv4 || "-", ipv6 || "-"].join(" ");
}

/** Whose cable a link of ours is; "" where that is not written on it. */
export function ownerOf(context: NetworkContext, { alias }: Link): string {
  const prefix = aliasPrefix(context);
  return alias.startsWith(prefix) ? (alias.slice(prefix.length).split(" ")[0] ?? "") : "";
}
