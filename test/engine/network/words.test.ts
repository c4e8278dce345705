/** What users write of networks and ports, and what is written for programs in containers. */
import { describe, expect, test } from "vitest";
import {
  formatPublishedPort,
  hostsText,
  parseNetworkMode,
  parsePortMapping,
  parseResolvConf,
  resolvConfText,
} from "../../../src/engine/network/index.ts";
import { plainMapping } from "../../../src/engine/network/port-mapping.ts";

describe("--publish", () => {
  const any = [0, 0];
  test.each([
    ["80", "", any, 80, "tcp"],
    ["8080:80", "", [8080, 8080], 80, "tcp"],
    ["8080:80/udp", "", [8080, 8080], 80, "udp"],
    ["8080:80/SCTP", "", [8080, 8080], 80, "sctp"],
    ["127.0.0.1:8080:80", "127.0.0.1", [8080, 8080], 80, "tcp"],
    ["127.0.0.1::80", "127.0.0.1", any, 80, "tcp"],
    [":80", "", any, 80, "tcp"],
    ["0.0.0.0:8080:80", "0.0.0.0", [8080, 8080], 80, "tcp"],
    ["[::1]:80:80", "::1", [80, 80], 80, "tcp"],
    ["[::]::80", "::", any, 80, "tcp"],
    ["8000-8010:80", "", [8000, 8010], 80, "tcp"],
  ])("%s", (text, hostAddress, hostPorts, containerPort, protocol) => {
    expect(parsePortMapping(text)).toEqual([{ hostAddress, hostPorts, containerPort, protocol }]);
  });

  test("ranges of one length go pair by pair; one of the container only gets ports that are free", () => {
    expect(
      parsePortMapping("8000-8001:90-91").map(({ hostPorts, containerPort }) => [
        ...hostPorts,
        containerPort,
      ]),
    ).toEqual([
      [8000, 8000, 90],
      [8001, 8001, 91],
    ]);
    expect(parsePortMapping("90-91/udp")).toHaveLength(2);
  });

  test.each([
    ["", "is no port"],
    ["80/icmp", "icmp is no protocol"],
    ["0:80", "0 is no port"],
    ["8080:65536", "65536 is no port"],
    ["8080:http", "http is no port"],
    ["1-3:1-2", "the ranges differ in length"],
    ["3-1:1", "3-1 is no port"],
    ["::1:80:80", "an IPv6 address stands in brackets"],
    ["example.com:80:80", "example.com is no address"],
    ["[127.0.0.1]:80:80", "127.0.0.1 is no address"],
  ])("%j is refused", (text, why) => {
    expect(() => parsePortMapping(text)).toThrow(why === "is no port" ? /invalid published port/ : why);
  });

  test.each([
    ["", ""],
    ["127.0.0.1", "127.0.0.1"],
    ["0:0::1", "::1"],
    ["2001:DB8::2", "2001:db8::2"],
    ["::ffff:127.0.0.1", "127.0.0.1"],
  ])("address %j is %j", (hostAddress, plain) => {
    const mapping = { hostPorts: [8080, 8080], containerPort: 80, protocol: "tcp" } as const;
    expect(plainMapping({ ...mapping, hostAddress })).toEqual({ ...mapping, hostAddress: plain });
  });

  test.each(["localhost", "fe80::1%eth0", "300.0.0.1"])("address %j is none, and not all of them", (name) => {
    const mapping = { hostAddress: name, hostPorts: [0, 0], containerPort: 80, protocol: "tcp" } as const;
    expect(() => plainMapping(mapping)).toThrow(expect.objectContaining({ kind: "InvalidArgument" }));
  });

  test("as `runt port` prints it", () => {
    const port = { hostPort: 8080, containerPort: 80, protocol: "tcp" } as const;
    expect(formatPublishedPort({ hostAddress: "", ...port })).toBe("80/tcp -> 0.0.0.0:8080");
    expect(formatPublishedPort({ hostAddress: "::1", ...port })).toBe("80/tcp -> [::1]:8080");
  });
});

describe("--network", () => {
  test.each([
    [[], { kind: "networks", networks: [{ network: "bridge" }] }],
    [["bridge"], { kind: "networks", networks: [{ network: "bridge" }] }],
    [["host"], { kind: "host" }],
    [["none"], { kind: "none" }],
    [["container:web"], { kind: "container", container: "web" }],
    [["ns:/run/netns/x"], { kind: "path", path: "/run/netns/x" }],
    [
      ["a", "b:ip=10.1.1.1,alias=x,alias=y"],
      {
        kind: "networks",
        networks: [{ network: "a" }, { network: "b", ipv4: "10.1.1.1", aliases: ["x", "y"] }],
      },
    ],
    [
      ["a:ip=fd00::2,mac=02:00:00:00:00:01,interface_name=net0"],
      {
        kind: "networks",
        networks: [{ network: "a", ipv6: "fd00::2", macAddress: "02:00:00:00:00:01", interfaceName: "net0" }],
      },
    ],
  ])("%j", (values, mode) => {
    expect(parseNetworkMode(values)).toEqual(mode);
  });

  test.each([
    [["host:x"], "host takes no options"],
    [["container:"], "names no container"],
    [["ns:relative"], "the path must be absolute"],
    [["a:what=1"], "what=1 is no option"],
    [["host", "a"], "cannot be combined"],
    [[""], "names no network"],
  ])("%j is refused", (values, why) => {
    expect(() => parseNetworkMode(values)).toThrow(why);
  });
});

describe("/etc/resolv.conf", () => {
  test("is read as resolv.conf(5) says", () => {
    const text = "# one\nnameserver 1.2.3.4 # two\nsearch a b\noptions ndots:2\ndomain c\nnameserver\t::1\n";
    expect(parseResolvConf(text)).toEqual({
      nameservers: ["1.2.3.4", "::1"],
      search: ["c"],
      options: ["ndots:2"],
    });
  });

  test("the responder of a network is the only server; without one those of --dns", () => {
    const setup = { nameservers: ["10.87.0.1"], searchDomains: [] };
    const given = { nameservers: ["9.9.9.9"], search: ["."], options: ["ndots:1"] };
    expect(resolvConfText({ setup, ...given })).toBe("nameserver 10.87.0.1\noptions ndots:1\n");
    expect(resolvConfText({ ...given, search: ["x", "y"] })).toBe(
      "nameserver 9.9.9.9\nsearch x y\noptions ndots:1\n",
    );
    expect(resolvConfText({})).toMatch(/^nameserver (?!127\.)/);
  });
});

describe("/etc/hosts", () => {
  const attachment = { ipv4: "10.87.0.2/24", ipv6: "fd00::2/64", gateway4: "10.87.0.1", gateway6: "" };
  const setup = { attachments: [attachment] } as unknown as Parameters<typeof hostsText>[0]["setup"];

  test("has the container's addresses and names, and those that were added", () => {
    const lines = hostsText({
      hostname: "web",
      domainname: "example",
      setup,
      add: ["db:10.0.0.9", "a;b=host-gateway"],
    }).split("\n");
    expect(lines).toContain("127.0.0.1\tlocalhost");
    expect(lines).toContain("10.87.0.2\tweb.example web");
    expect(lines).toContain("fd00::2\tweb.example web");
    expect(lines).toContain("10.0.0.9\tdb");
    expect(lines).toContain("10.87.0.1\ta b");
    expect(lines).toContain("10.87.0.1\thost.docker.internal host.containers.internal");
    expect(hostsText({ hostname: "alone", add: ["x:[::1]"] })).toContain("::1\tx\n127.0.1.1\talone\n");
  });

  test.each(["name", "name:", "name:nowhere", "name:host-gateway"])("%j is refused", (entry) => {
    expect(() => hostsText({ hostname: "h", add: [entry] })).toThrow(/invalid host/);
  });
});
