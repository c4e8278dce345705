/** Links, addresses and routes of a network namespace. @see rtnetlink(7) */
import type { Fd } from "./fd.ts";
import {
  type Attribute,
  encodeAttributes,
  NETLINK_ROUTE,
  type NetlinkRequest,
  NetlinkSocket,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  nested,
  text,
  u32,
} from "./netlink.ts";
import {
  type Address,
  attributesOf,
  decodeAddress,
  decodeLink,
  decodeRoute,
  IFA_FLAGS,
  IFF_UP,
  IFLA_BRPORT_ISOLATED,
  IFLA_BRPORT_MODE,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_INFO_SLAVE_DATA,
  IFLA_INFO_SLAVE_KIND,
  IFLA_LINK,
  IFLA_LINKINFO,
  IFLA_NET_NS_FD,
  IFLA_NEW_IFINDEX,
  ifaddrmsg,
  ifinfomsg,
  type Link,
  type LinkSettings,
  type Route,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RTA_DST,
  RTA_GATEWAY,
  RTA_OIF,
  RTA_PRIORITY,
  RTM_DELLINK,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWROUTE,
  RTN_UNICAST,
  RTPROT_STATIC,
  VETH_INFO_PEER,
} from "./rtnetlink-message.ts";
import { hasCode } from "./system-error.ts";

export {
  type Address,
  AF_INET,
  AF_INET6,
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_F_MANAGETEMPADDR,
  IFA_F_NODAD,
  IFA_F_NOPREFIXROUTE,
  IFA_F_PERMANENT,
  IFA_LABEL,
  IFA_LOCAL,
  IFA_RT_PRIORITY,
  type Link,
  type LinkSettings,
  type Route,
  RT_SCOPE_UNIVERSE,
} from "./rtnetlink-message.ts";

/** rtnetlink in one network namespace. */
export class Rtnetlink implements Disposable {
  readonly #socket: NetlinkSocket;

  /** @param namespace an nsfs fd, which stays the caller's; our own namespace if absent */
  constructor(namespace?: Fd) {
    this.#socket = NetlinkSocket.open(NETLINK_ROUTE, namespace);
  }

  /** Undefined where there is none of that name. */
  link(name: string): Link | undefined {
    try {
      const attributes: Attribute[] = [[IFLA_IFNAME, text(name)]];
      const [answer] = this.#socket.request({
        name: "RTM_GETLINK",
        type: RTM_GETLINK,
        header: ifinfomsg(0),
        attributes,
        about: name,
      });
      return answer && decodeLink(answer.body);
    } catch (error) {
      if (hasCode(error, "ENODEV")) return undefined;
      throw error;
    }
  }

  links(): Link[] {
    const request = { name: "RTM_GETLINK", type: RTM_GETLINK, flags: NLM_F_DUMP, header: ifinfomsg(0) };
    return this.#socket.request(request).map(({ body }) => decodeLink(body));
  }

  /** Addresses of both families. */
  addresses(link: Link): Address[] {
    const header = ifaddrmsg({ family: 0, prefixLength: 0, scope: 0, flags: 0 }, link.index);
    const request = { name: "RTM_GETADDR", type: RTM_GETADDR, flags: NLM_F_DUMP, header };
    return this.#socket
      .request(request)
      .filter(({ body }) => body.readInt32LE(4) === link.index)
      .map(({ body }) => decodeAddress(body));
  }

  /**
   * Moves a link into the network namespace of `target`, where it gets another name and another index. It
   * comes there down and without addresses.
   * @param to name: `%d` stands for the first number that is free
   * @throws {NetlinkError} EEXIST for a name or an index that is taken; EINVAL for a link that cannot leave
   */
  move(link: Link, target: Fd, to: { readonly name: string; readonly index: number }): void {
    this.#socket.request({
      name: "RTM_NEWLINK",
      type: RTM_NEWLINK,
      header: ifinfomsg(link.index),
      attributes: [
        [IFLA_NET_NS_FD, u32(target.n)],
        [IFLA_IFNAME, text(to.name)],
        [IFLA_NEW_IFINDEX, u32(to.index)],
      ],
      about: link.name,
    });
  }

  /** @throws {NetlinkError} EEXIST; EACCES where IPv6 is disabled */
  addAddress(index: number, address: Address): void {
    this.#socket.request({
      name: "RTM_NEWADDR",
      type: RTM_NEWADDR,
      flags: NLM_F_CREATE | NLM_F_EXCL,
      header: ifaddrmsg(address, index),
      attributes: [...address.attributes, [IFA_FLAGS, u32(address.flags)]],
    });
  }

  /** @throws {NetlinkError} EEXIST for a name that is taken */
  addBridge(name: string, settings: LinkSettings): void {
    this.#addLink(name, "bridge", settings, []);
  }

  /**
   * A pair of links that are the ends of one cable, the second of them in the namespace of `peer.namespace`. That one
   * comes down: it is made before there is a cable.
   * @throws {NetlinkError} EEXIST for a name that is taken, there too
   */
  addVeth(
    name: string,
    settings: LinkSettings,
    peer: Omit<LinkSettings, "isUp"> & { readonly name: string; readonly namespace: Fd },
  ): void {
    const end = [
      ifinfomsg(0),
      encodeAttributes([
        [IFLA_IFNAME, text(peer.name)],
        [IFLA_NET_NS_FD, u32(peer.namespace.n)],
        ...attributesOf(peer),
      ]),
    ];
    this.#addLink(name, "veth", settings, [nested(IFLA_INFO_DATA, [[VETH_INFO_PEER, Buffer.concat(end)]])]);
  }

  /**
   * A link on top of another, in the namespace of `namespace`: macvlan or ipvlan, of the mode that `data` says.
   * @throws {NetlinkError} EEXIST, EBUSY for a parent that is a bridge's port
   */
  addUpperLink(
    kind: "macvlan" | "ipvlan",
    parent: Link,
    settings: LinkSettings & { readonly name: string; readonly namespace: Fd },
    data: readonly Attribute[],
  ): void {
    const place: Attribute[] = [
      [IFLA_LINK, u32(parent.index)],
      [IFLA_NET_NS_FD, u32(settings.namespace.n)],
    ];
    this.#addLink(settings.name, kind, settings, [nested(IFLA_INFO_DATA, data)], place);
  }

  #addLink(
    name: string,
    kind: string,
    settings: LinkSettings,
    info: readonly Attribute[],
    place: readonly Attribute[] = [],
  ): void {
    const up = settings.isUp ? IFF_UP : 0;
    this.#socket.request({
      name: "RTM_NEWLINK",
      type: RTM_NEWLINK,
      flags: NLM_F_CREATE | NLM_F_EXCL,
      header: ifinfomsg(0, up, up),
      attributes: [
        [IFLA_IFNAME, text(name)],
        ...attributesOf(settings),
        ...place,
        nested(IFLA_LINKINFO, [[IFLA_INFO_KIND, text(kind)], ...info]),
      ],
      about: name,
    });
    // These the kernel heeds only for links that are there already.
    const { alias, port } = settings;
    const later: Attribute[] = alias === undefined ? [] : [[IFLA_IFALIAS, text(alias)]];
    if (port) {
      const data = nested(IFLA_INFO_SLAVE_DATA, [
        [IFLA_BRPORT_MODE, Uint8Array.of(Number(port.hairpin))],
        [IFLA_BRPORT_ISOLATED, Uint8Array.of(Number(port.isolated))],
      ]);
      later.push(nested(IFLA_LINKINFO, [[IFLA_INFO_SLAVE_KIND, text("bridge")], data]));
    }
    if (later.length > 0) this.#change(name, later);
  }

  /** Writes something on a link, for people and for who looks for his own. */
  setAlias(name: string, alias: string): void {
    this.#change(name, [[IFLA_IFALIAS, text(alias)]]);
  }

  #change(name: string, attributes: readonly Attribute[]): void {
    this.#socket.request({
      name: "RTM_NEWLINK",
      type: RTM_NEWLINK,
      header: ifinfomsg(0),
      attributes: [[IFLA_IFNAME, text(name)], ...attributes],
      about: name,
    });
  }

  /** Of a pair both ends go. @returns whether it was there */
  removeLink(name: string): boolean {
    const request = { name: "RTM_DELLINK", type: RTM_DELLINK, header: ifinfomsg(0), about: name };
    return this.#unlessGone({ ...request, attributes: [[IFLA_IFNAME, text(name)]] });
  }

  #unlessGone(request: NetlinkRequest): boolean {
    try {
      this.#socket.request(request);
      return true;
    } catch (error) {
      if (hasCode(error, "ENODEV")) return false;
      throw error;
    }
  }

  /** The main table of both families. */
  routes(): Route[] {
    const request = { name: "RTM_GETROUTE", type: RTM_GETROUTE, flags: NLM_F_DUMP, header: Buffer.alloc(12) };
    return this.#socket
      .request(request)
      .filter(({ body }) => body.readUInt8(4) === RT_TABLE_MAIN && body.readUInt8(7) === RTN_UNICAST)
      .map(({ body }) => decodeRoute(body));
  }

  /** @throws {NetlinkError} EEXIST; ENETUNREACH for a gateway that no link leads to */
  addRoute(route: Route): void {
    const header = Buffer.alloc(12);
    header.writeUInt8(route.family, 0);
    header.writeUInt8(route.prefixLength, 1);
    header.writeUInt8(RT_TABLE_MAIN, 4);
    header.writeUInt8(RTPROT_STATIC, 5);
    header.writeUInt8(RT_SCOPE_UNIVERSE, 6);
    header.writeUInt8(RTN_UNICAST, 7);
    const attributes: Attribute[] = [];
    if (route.destination) attributes.push([RTA_DST, route.destination]);
    if (route.gateway) attributes.push([RTA_GATEWAY, route.gateway]);
    if (route.link !== 0) attributes.push([RTA_OIF, u32(route.link)]);
    if (route.priority !== undefined) attributes.push([RTA_PRIORITY, u32(route.priority)]);
    const flags = NLM_F_CREATE | NLM_F_EXCL;
    this.#socket.request({ name: "RTM_NEWROUTE", type: RTM_NEWROUTE, flags, header, attributes });
  }

  setUp(index: number): void {
    this.#socket.request({
      name: "RTM_NEWLINK",
      type: RTM_NEWLINK,
      header: ifinfomsg(index, IFF_UP, IFF_UP),
    });
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}
