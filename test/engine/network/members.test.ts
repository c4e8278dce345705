/** Which address a container gets, without a kernel. */
import { describe, expect, test } from "vitest";
import { Members, parseMembers } from "../../../src/engine/network/members.ts";
import type { Network } from "../../../src/engine/network/network.ts";
import { formatInetAddress, type InetAddress } from "../../../src/linux/inet-address.ts";

function network(subnet: string, gateway: string, ipRange = ""): Network {
  return { name: "n", subnets: [{ subnet, gateway, ipRange }] } as unknown as Network;
}

function take(members: Members, of: Network, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const address = members.allocate(of, 4) as InetAddress;
    const ipv4 = formatInetAddress(address);
    members.put({ id: `c${members.list.length + i}`, ipv4, ipv6: "", names: [], nameservers: [] });
    return ipv4;
  });
}

describe("addresses of a network", () => {
  test("in turn, without the network's own, the gateway and the broadcast address; then none is free", () => {
    const small = network("10.0.0.0/29", "10.0.0.1");
    const members = new Members();
    expect(take(members, small, 5)).toEqual([2, 3, 4, 5, 6].map((n) => `10.0.0.${n}`));
    expect(() => members.allocate(small, 4)).toThrow("no free address in 10.0.0.0/29");
  });

  test("one that was given back is given again only after all others", () => {
    const small = network("10.0.0.0/29", "10.0.0.1");
    const members = new Members();
    take(members, small, 2);
    members.remove(members.list[0]!.id);
    expect(take(members, small, 4)).toEqual(["10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.2"]);
  });

  test("from a range of the subnet", () => {
    const ranged = network("10.0.0.0/24", "10.0.0.1", "10.0.0.248/29");
    expect(take(new Members(), ranged, 7).at(-1)).toBe("10.0.0.254");
    expect(take(new Members(), network("10.0.0.0/31", "10.0.0.0"), 1)).toEqual(["10.0.0.1"]);
  });

  test.each([
    ["10.0.0.1", "is the gateway"],
    ["10.0.0.0", "is the network's own"],
    ["10.0.0.255", "is the broadcast address"],
    ["10.0.1.1", "is not in 10.0.0.0/24"],
    ["fd00::1", "is not in 10.0.0.0/24"],
    ["x", "is not in 10.0.0.0/24"],
  ])("%s cannot be had: it %s", (address, why) => {
    expect(() => new Members().allocate(network("10.0.0.0/24", "10.0.0.1"), 4, address)).toThrow(why);
  });

  test("a network of one family gives none of the other", () => {
    expect(new Members().allocate(network("10.0.0.0/24", "10.0.0.1"), 6)).toBeUndefined();
  });
});

describe("the file of members", () => {
  test("is read back as it was; lines that are cut off are left out", () => {
    const text =
      "listen 10.0.0.1\nlast 10.0.0.3\nmember a 10.0.0.2 fd00::2 web,www 1.1.1.1\nmember b 10.0.0.3 - b -\nmember c 10.";
    const { list, last } = parseMembers(text);
    expect(list).toEqual([
      { id: "a", ipv4: "10.0.0.2", ipv6: "fd00::2", names: ["web", "www"], nameservers: ["1.1.1.1"] },
      { id: "b", ipv4: "10.0.0.3", ipv6: "", names: ["b"], nameservers: [] },
    ]);
    expect([...last]).toEqual([[4, "10.0.0.3"]]);
  });
});
