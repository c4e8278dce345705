import { describe, expect, test } from "vitest";
import {
  addressOfBytes,
  bytesOfAddress,
  contains,
  formatInetAddress,
  formatSubnet,
  lastOf,
  overlaps,
  parseCidr,
  parseInetAddress,
} from "../../src/linux/inet-address.ts";

describe("addresses", () => {
  test.each([
    ["10.0.0.1", "10.0.0.1"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["::ffff:192.0.2.1", "::ffff:c000:201"],
    ["fe80:0:0:0:0:0:0:0", "fe80::"],
  ])("%s is written %s — RFC 5952", (text, canonical) => {
    const address = parseInetAddress(text)!;
    expect(formatInetAddress(address)).toBe(canonical);
    expect(addressOfBytes(bytesOfAddress(address))).toEqual(address);
  });

  test.each(["", "10.0.0", "10.0.0.256", "1.2.3.4/24", "fe80::1%eth0", "::g", "name"])(
    "%j is none",
    (text) => {
      expect(parseInetAddress(text)).toBeUndefined();
    },
  );
});

describe("subnets", () => {
  test("an address with its prefix", () => {
    const { address, subnet } = parseCidr("10.1.2.3/20")!;
    expect(formatInetAddress(address)).toBe("10.1.2.3");
    expect(formatSubnet(subnet)).toBe("10.1.0.0/20");
    expect(formatInetAddress({ family: 4, value: lastOf(subnet) })).toBe("10.1.15.255");
    expect(contains(subnet, parseInetAddress("10.1.15.255")!)).toBe(true);
    expect(contains(subnet, parseInetAddress("10.1.16.0")!)).toBe(false);
    expect(contains(subnet, parseInetAddress("::")!)).toBe(false);
  });

  test.each(["10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "10.0.0.0/"])("%j is none", (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  test.each([
    ["10.0.0.0/8", "10.9.0.0/16", true],
    ["10.9.0.0/16", "10.0.0.0/8", true],
    ["10.0.0.0/9", "10.128.0.0/9", false],
    ["0.0.0.0/0", "::/0", false],
    ["fd00::/8", "fd12::/64", true],
  ])("%s and %s have an address in common: %s", (a, b, expected) => {
    expect(overlaps(parseCidr(a)!.subnet, parseCidr(b)!.subnet)).toBe(expected);
  });
});
