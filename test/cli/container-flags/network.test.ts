import { describe, expect, test } from "vitest";
import { parseExpose, parsePublish } from "../../../src/cli/container-flags/ports.ts";
import { read, requestOf } from "./request.ts";

const port = { hostIp: undefined, hostPort: 0, hostPortEnd: undefined, containerPort: 80, protocol: "tcp" };

describe("-p [[ip:][host-port]:]port[/protocol]", () => {
  test.each([
    ["80", [port]],
    ["8080:80", [{ ...port, hostPort: 8080 }]],
    [":80", [port]],
    ["0:80", [port]],
    ["127.0.0.1:8080:80", [{ ...port, hostIp: "127.0.0.1", hostPort: 8080 }]],
    ["127.0.0.1::80", [{ ...port, hostIp: "127.0.0.1" }]],
    ["[::1]:8080:80", [{ ...port, hostIp: "::1", hostPort: 8080 }]],
    ["[::1]::80", [{ ...port, hostIp: "::1" }]],
    ["::1:8080:80", [{ ...port, hostIp: "::1", hostPort: 8080 }]],
    ["53:53/udp", [{ ...port, hostPort: 53, containerPort: 53, protocol: "udp" }]],
    ["80/SCTP", [{ ...port, protocol: "sctp" }]],
    ["8000-8009:80", [{ ...port, hostPort: 8000, hostPortEnd: 8009 }]],
    [
      "8000-8001:80-81",
      [
        { ...port, hostPort: 8000 },
        { ...port, hostPort: 8001, containerPort: 81 },
      ],
    ],
    ["80-81", [port, { ...port, containerPort: 81 }]],
    ["target=80,published=8080", [{ ...port, hostPort: 8080 }]],
    ["target=80,protocol=udp", [{ ...port, protocol: "udp" }]],
  ])("%s", (text, ports) => {
    expect(parsePublish(text)).toEqual(ports);
  });

  test.each([
    ["", "no port of the container"],
    ["8080:", "no port of the container"],
    ["0", 'invalid port "0": 1 to 65535, or a range of them'],
    ["65536", 'invalid port "65536": 1 to 65535, or a range of them'],
    ["http:80", 'invalid port "http": 1 to 65535, or a range of them'],
    ["80/icmp", 'invalid protocol "icmp": tcp, udp or sctp'],
    ["300.0.0.1:80:80", 'invalid IP address "300.0.0.1"'],
    ["web:80:80", 'invalid IP address "web"'],
    ["[::1]80:80", "invalid IP address"],
    ["[fe80::1%eth0]:80:80", 'invalid IP address "fe80::1%eth0"'],
    ["[::1]:80", "not [[ip:][host-port]:]port[/protocol]"],
    ["8000-8002:80-81", "the ranges of ports are not equally long"],
    ["81-80:80", 'the range "81-80" ends before it begins'],
    ["target=80,port=1", 'unexpected key "port"'],
  ])("%j is refused", (text, why) => {
    expect(() => parsePublish(text)).toThrow(
      expect.objectContaining({
        kind: "InvalidArgument",
        message: expect.stringMatching(/^--publish /),
      }),
    );
    expect(() => parsePublish(text)).toThrow(why);
  });

  test("--expose", () => {
    expect(parseExpose("80")).toEqual(["80/tcp"]);
    expect(parseExpose("80-82/udp")).toEqual(["80/udp", "81/udp", "82/udp"]);
    expect(() => parseExpose("x")).toThrow('--expose "x": invalid port "x"');
  });

  test("-P", async () => {
    expect((await requestOf("-P")).network.publishAll).toBe(true);
  });
});

const on = (network: string) => ({ network, aliases: [], ipv4: undefined, ipv6: undefined, mac: undefined });

describe("--network", () => {
  test.each([
    [[], { mode: "bridge", networks: [] }],
    [["--network", "bridge"], { mode: "bridge", networks: [] }],
    [["--net=default"], { mode: "bridge", networks: [] }],
    [["--network", "host"], { mode: "host", networks: [] }],
    [["--network=none"], { mode: "none", networks: [] }],
    [["--network", "container:web"], { mode: { container: "web" }, networks: [] }],
    [["--network", "ns:/run/netns/a"], { mode: { path: "/run/netns/a" }, networks: [] }],
    [["--network", "web"], { mode: "bridge", networks: [on("web")] }],
    [["--network", "web", "--network", "bridge"], { mode: "bridge", networks: [on("web"), on("bridge")] }],
    [
      ["--network", "web:ip=10.1.0.5,ip6=fd00::5,mac=02:42:ac:11:00:05,alias=a,alias=b"],
      {
        mode: "bridge",
        networks: [
          {
            network: "web",
            aliases: ["a", "b"],
            ipv4: "10.1.0.5",
            ipv6: "fd00::5",
            mac: "02:42:ac:11:00:05",
          },
        ],
      },
    ],
    [
      ["--network", "name=web,ip=10.1.0.5,mac-address=02:42:ac:11:00:05"],
      { mode: "bridge", networks: [{ ...on("web"), ipv4: "10.1.0.5", mac: "02:42:ac:11:00:05" }] },
    ],
    [
      ["--network", "web", "--ip", "10.1.0.5", "--network-alias", "a", "--net-alias", "b"],
      { mode: "bridge", networks: [{ ...on("web"), ipv4: "10.1.0.5", aliases: ["a", "b"] }] },
    ],
    [
      ["--mac-address", "02:42:ac:11:00:05"],
      { mode: "bridge", networks: [{ ...on("bridge"), mac: "02:42:ac:11:00:05" }] },
    ],
  ])("%j", async (args, network) => {
    expect((await requestOf(...args)).network).toMatchObject(network);
  });

  test.each([
    [["--network", "container:"], '--network "container:": no container'],
    [["--network", ""], '--network "": no name'],
    [["--network", "web:colour=red"], 'invalid option "colour": ip, ip6, mac, alias'],
    [["--network", "web:ip=10"], '"10" is no address'],
    [["--network", "web:alias="], '"alias" without a value'],
    [["--network", "pasta"], "there is no pasta here"],
    [["--network", "host", "--network", "web"], "conflicting options: --network host excludes any other"],
    [["--network", "web", "--network", "web"], 'network "web" is given twice'],
    [["--network", "host", "--ip", "10.0.0.1"], "conflicting options: --ip and --network host"],
    [
      ["--network", "none", "--network-alias", "a"],
      "conflicting options: --network-alias and --network none",
    ],
    [["--network", "a", "--network", "b", "--ip", "10.0.0.1"], "are for one network; say it in --network"],
    [["--network", "a:ip=10.0.0.2", "--ip", "10.0.0.1"], "and the same in --network"],
    [["--network", "container:x", "--expose", "80"], "port exposing and the container type network mode"],
    [["--ip", "fd00::1"], '--ip "fd00::1": not an IPv4 address'],
    [["--ip6", "10.0.0.1"], '--ip6 "10.0.0.1": not an IPv6 address'],
    [["--mac-address", "x"], '--mac-address "x": not a hardware address'],
  ])("%j is refused", async (args, message) => {
    await expect(read(args)).rejects.toThrow(message);
  });
});

describe("names", () => {
  test.each([
    ["db:10.0.0.5", [{ name: "db", address: "10.0.0.5" }]],
    ["db=10.0.0.5", [{ name: "db", address: "10.0.0.5" }]],
    ["db:fd00::5", [{ name: "db", address: "fd00::5" }]],
    ["db:[fd00::5]", [{ name: "db", address: "fd00::5" }]],
    ["me:host-gateway", [{ name: "me", address: "host-gateway" }]],
    [
      "a;b:10.0.0.5",
      [
        { name: "a", address: "10.0.0.5" },
        { name: "b", address: "10.0.0.5" },
      ],
    ],
  ])("--add-host %s", async (text, hosts) => {
    expect((await requestOf("--add-host", text)).network.extraHosts).toEqual(hosts);
  });

  test.each([
    ["db", '--add-host "db": not name:ip'],
    [":10.0.0.1", '--add-host ":10.0.0.1": not name:ip'],
    ["db:300.1.1.1", '--add-host "db:300.1.1.1": invalid IP address "300.1.1.1"'],
  ])("--add-host %j is refused", async (text, message) => {
    await expect(read(["--add-host", text])).rejects.toThrow(message);
  });

  test("--dns, --dns-search, --dns-option and its older name", async () => {
    const { network } = await requestOf(
      ...["--dns", "10.0.0.53", "--dns", "fd00::53", "--dns-search", ".", "--dns-option", "ndots:2"],
      ...["--dns-opt", "rotate"],
    );
    expect(network).toMatchObject({
      dns: ["10.0.0.53", "fd00::53"],
      dnsSearch: ["."],
      dnsOptions: ["ndots:2", "rotate"],
    });
    await expect(read(["--dns", "dns.example"])).rejects.toThrow('--dns "dns.example": not an IP address');
  });
});
