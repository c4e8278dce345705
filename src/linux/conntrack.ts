/** The kernel's table of connections, of which those to a port can be made to be looked at anew. @see conntrack(8) */
import {
  type Attribute,
  decodeAttributes,
  NETLINK_NETFILTER,
  NetlinkSocket,
  NLA_F_NESTED,
  NLM_F_DUMP,
  nested,
  u32,
} from "./netlink.ts";
import { hasCode } from "./system-error.ts";

/** `<linux/netfilter/nfnetlink_conntrack.h>`, of the subsystem NFNL_SUBSYS_CTNETLINK. */
const IPCTNL_MSG_CT_GET = (1 << 8) | 1;
const IPCTNL_MSG_CT_DELETE = (1 << 8) | 2;
const CTA_TUPLE_ORIG = 1;
const CTA_ID = 12;
const CTA_FILTER = 25;
const CTA_TUPLE_PROTO = 2;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const CTA_FILTER_F_CTA_PROTO_NUM = 1 << 3;
const CTA_FILTER_F_CTA_PROTO_DST_PORT = 1 << 5;

const AF_INET = 2;
const AF_INET6 = 10;
export const IPPROTO_UDP = 17;

/**
 * Forgets all flows of a protocol to some ports. What keeps on being sent is then taken for the first packet of a flow
 * again, so that rules of address translation apply that are younger than it.
 */
export function forgetFlows(protocol: number, ports: readonly number[]): void {
  if (ports.length === 0) return;
  using socket = NetlinkSocket.open(NETLINK_NETFILTER);
  for (const family of [AF_INET, AF_INET6]) {
    for (const port of ports) forgetTo(socket, family, protocol, port);
  }
}

function forgetTo(socket: NetlinkSocket, family: number, protocol: number, port: number): void {
  const header = Uint8Array.of(family, 0, 0, 0);
  const dump = { name: "IPCTNL_MSG_CT_GET", type: IPCTNL_MSG_CT_GET, flags: NLM_F_DUMP, header };
  const tuple = nested(CTA_TUPLE_ORIG, [
    nested(CTA_TUPLE_PROTO, [
      [CTA_PROTO_NUM, Uint8Array.of(protocol)],
      [CTA_PROTO_DST_PORT, Uint8Array.of(port >> 8, port & 0xff)],
    ]),
  ]);
  const filter = nested(CTA_FILTER, [
    [CTA_FILTER_ORIG_FLAGS, u32(CTA_FILTER_F_CTA_PROTO_NUM | CTA_FILTER_F_CTA_PROTO_DST_PORT)],
    [CTA_FILTER_REPLY_FLAGS, u32(0)],
  ]);
  for (const { body } of socket.request({ ...dump, attributes: [tuple, filter] })) {
    const flow = decodeAttributes(body.subarray(header.length));
    const orig = flow.get(CTA_TUPLE_ORIG);
    const id = flow.get(CTA_ID);
    if (!orig) continue;
    const attributes: Attribute[] = [[CTA_TUPLE_ORIG | NLA_F_NESTED, orig]];
    if (id) attributes.push([CTA_ID, id]);
    try {
      socket.request({ name: "IPCTNL_MSG_CT_DELETE", type: IPCTNL_MSG_CT_DELETE, header, attributes });
    } catch (error) {
      // It ended meanwhile.
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
}
