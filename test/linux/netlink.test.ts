import { describe, expect, test } from "vitest";
import {
  decodeAttributes,
  encodeAttributes,
  NETLINK_ROUTE,
  NetlinkError,
  NetlinkSocket,
  NLM_F_DUMP,
  nested,
  text,
  textOf,
  u32,
} from "../../src/linux/netlink.ts";
import { Rtnetlink } from "../../src/linux/rtnetlink.ts";

const RTM_GETLINK = 18;
const IFLA_IFNAME = 3;

function ifinfomsg(index = 0): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  return header;
}

describe("attributes — netlink(7)", () => {
  test("are padded to four bytes, and their length is without the padding", () => {
    expect(Buffer.from(encodeAttributes([[3, text("eth0")]])).toString("hex")).toBe(
      "0900030065746830000000" + "00",
    );
  });

  test("come back by type, nested ones without their flag", () => {
    const bytes = encodeAttributes([[1, u32(7)], nested(18, [[1, text("veth")]])]);
    const found = decodeAttributes(Buffer.from(bytes));
    expect(found.get(1)!.readUInt32LE(0)).toBe(7);
    expect(textOf(decodeAttributes(found.get(18)!).get(1))).toBe("veth");
  });

  test.each(["", "00", "ffff0100", "0300010000", "0800010041"])(
    "%j is cut short: what is whole is read",
    (hex) => {
      expect(decodeAttributes(Buffer.from(hex, "hex")).size).toBe(0);
    },
  );
});

describe("requests", () => {
  test("one link by index", () => {
    using socket = NetlinkSocket.open(NETLINK_ROUTE);
    const [answer] = socket.request({ name: "RTM_GETLINK", type: RTM_GETLINK, header: ifinfomsg(1) });
    expect(textOf(decodeAttributes(answer!.body.subarray(16)).get(IFLA_IFNAME))).toBe("lo");
  });

  test("a dump ends with the last link, and the socket takes the next request", () => {
    using socket = NetlinkSocket.open(NETLINK_ROUTE);
    const dump = { name: "RTM_GETLINK", type: RTM_GETLINK, flags: NLM_F_DUMP, header: ifinfomsg() };
    const first = socket.request(dump).length;
    expect(first).toBeGreaterThan(0);
    expect(socket.request(dump)).toHaveLength(first);
  });

  test("a refusal names the request, what it was about, and why", () => {
    using socket = NetlinkSocket.open(NETLINK_ROUTE);
    const request = {
      name: "RTM_GETLINK",
      type: RTM_GETLINK,
      header: ifinfomsg(0x7fff_0000),
      about: "a link",
    };
    expect(() => socket.request(request)).toThrow(NetlinkError);
    expect(() => socket.request(request)).toThrow("RTM_GETLINK a link: no such device");
  });

  test("a link that is not there is undefined", () => {
    using routes = new Rtnetlink();
    expect(routes.link("no-such-link")).toBeUndefined();
    expect(routes.link("lo")).toMatchObject({ index: 1, name: "lo" });
  });
});
