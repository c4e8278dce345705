/** Networks with a bridge, as the kernel and real traffic show them. */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { missing, needs } from "../../support/needs.ts";
import {
  briefly,
  type Engine,
  hostAddress,
  outside,
  RemoteError,
  TestHost,
} from "../../support/network-host.ts";

const wanted = ["root", "program:ip", "program:nft"] as const;
const onHost = needs(...wanted);

let host: TestHost;
let engine: Engine;

beforeAll(async () => {
  if (missing(...wanted)) return;
  host = await TestHost.make();
  engine = host.engine();
});
afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
});

interface AddressReport {
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly addr_info: readonly {
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
  }[];
}

function linksIn(text: string): Map<string, AddressReport> {
  return new Map((JSON.parse(text) as AddressReport[]).map((link) => [link.ifname, link]));
}

describe("the default network", () => {
  onHost(
    "gives a container an address, a route and a way out; outside it is the host that is seen",
    async () => {
      using container = await host.container();
      const { id, namespace } = container;
      const setup = await engine.call("setupNetwork", { id, namespace, networks: [{ network: "bridge" }] });
      const [attachment] = setup.attachments;
      expect(attachment).toMatchObject({ network: "bridge", interfaceName: "eth0", ipv4: "10.86.0.2/16" });
      // On this network containers are strangers.
      expect(setup.nameservers).toEqual([]);

      const inside = linksIn(container.sh("ip -j addr"));
      expect(inside.get("lo")?.flags).toContain("UP");
      expect(inside.get("eth0")).toMatchObject({ address: attachment!.macAddress });
      expect(inside.get("eth0")?.flags).toContain("UP");
      expect(container.sh("ip -4 route show default")).toContain("via 10.86.0.1 dev eth0");
      const outsideLinks = linksIn(host.sh("ip -j addr"));
      expect(outsideLinks.get("runt0")?.addr_info[0]).toMatchObject({ local: "10.86.0.1", prefixlen: 16 });
      expect(host.sh("ip -j -d link show type veth")).toContain(`runt:runt ${id} bridge eth0 10.86.0.2/16 -`);

      await host.serveOutside("tcp", outside.ipv4, 7000, "internet");
      await host.serveOutside("udp", outside.ipv4, 7000, "internet");
      expect(container.ask("tcp", outside.ipv4, 7000)).toBe(`internet ${hostAddress.ipv4}`);
      expect(container.ask("udp", outside.ipv4, 7000)).toBe(`internet ${hostAddress.ipv4}`);

      expect(await engine.call("teardownNetwork", id, { namespace })).toBe(true);
      expect(linksIn(container.sh("ip -j addr")).has("eth0")).toBe(false);
      expect(host.sh("ip -o link show type veth").split("\n")).toHaveLength(1);
      expect(await engine.call("teardownNetwork", id)).toBe(false);
    },
  );

  onHost("two containers reach each other by address, each seen as itself", async () => {
    using first = await host.container();
    using second = await host.container();
    const request = { networks: [{ network: "bridge" }] };
    const a = await engine.call("setupNetwork", { id: first.id, namespace: first.namespace, ...request });
    const b = await engine.call("setupNetwork", { id: second.id, namespace: second.namespace, ...request });
    const [addressA, addressB] = [a, b].map(({ attachments }) => attachments[0]!.ipv4.split("/")[0]!);
    expect(addressA).not.toBe(addressB);
    await second.serve("tcp", "0.0.0.0", 80, "second");
    expect(first.ask("tcp", addressB!, 80)).toBe(`second ${addressA}`);
    // The host, too, and it is seen as the gateway.
    expect(host.ask("tcp", addressB!, 80)).toBe("second 10.86.0.1");
    for (const { id } of [first, second]) await engine.call("teardownNetwork", id, { namespace: null });
  });

  onHost("is not reached from outside by its own addresses: nothing is that is not published", async () => {
    using container = await host.container();
    const { id, namespace } = container;
    const setup = await engine.call("setupNetwork", { id, namespace, networks: [{ network: "bridge" }] });
    const address = setup.attachments[0]!.ipv4.split("/")[0]!;
    await container.serve("tcp", "0.0.0.0", 80, "secret");
    host.outsideSh(`ip route add 10.86.0.0/16 via ${hostAddress.ipv4}`);
    try {
      expect(briefly(() => host.askFromOutside("tcp", address, 80))).toBe("connect: Operation timed out");
    } finally {
      host.outsideSh("ip route del 10.86.0.0/16");
    }
    await engine.call("teardownNetwork", id, { namespace: null });
  });

  onHost(
    "asked again for the same namespace nothing changes, and for another one the first is left",
    async () => {
      using first = await host.container();
      using second = await host.container();
      const { id } = first;
      const networks = [{ network: "bridge" }];
      const once = await engine.call("setupNetwork", { id, namespace: first.namespace, networks });
      expect(await engine.call("setupNetwork", { id, namespace: first.namespace, networks })).toEqual(once);
      const again = await engine.call("setupNetwork", { id, namespace: second.namespace, networks });
      expect(linksIn(first.sh("ip -j addr")).has("eth0")).toBe(false);
      expect(linksIn(second.sh("ip -j addr")).get("eth0")?.addr_info[0]?.local).toBe(
        again.attachments[0]!.ipv4.split("/")[0],
      );
      expect((await engine.store("inspect", "bridge")).containers).toHaveLength(1);
      await engine.call("teardownNetwork", id, { namespace: null });
      expect((await engine.store("inspect", "bridge")).containers).toEqual([]);
    },
  );
});

describe("networks of one's own", () => {
  onHost("IPv6 with an address of the host's outside, mtu and fixed addresses", async () => {
    await engine.store("create", {
      name: "six",
      subnets: [{ subnet: "10.99.1.0/24", gateway: "10.99.1.254", ipRange: "10.99.1.64/28" }],
      ipv6: true,
      options: { mtu: "1400" },
      labels: { use: "test" },
    });
    using container = await host.container();
    using other = await host.container();
    const { id, namespace } = container;
    const setup = await engine.call("setupNetwork", {
      id,
      namespace,
      networks: [{ network: "six", interfaceName: "net7", macAddress: "02:00:00:00:00:07" }],
    });
    const { ipv4, ipv6 } = setup.attachments[0]!;
    expect(ipv4).toBe("10.99.1.64/24");
    expect(ipv6).toMatch(/^fd.*::2\/64$/);
    expect(linksIn(container.sh("ip -j addr")).get("net7")).toMatchObject({
      mtu: 1400,
      address: "02:00:00:00:00:07",
    });
    await host.serveOutside("tcp", outside.ipv6, 7001, "internet");
    expect(container.ask("tcp", outside.ipv6, 7001)).toBe(`internet ${hostAddress.ipv6}`);

    const fixed = { network: "six", ipv4: "10.99.1.7" };
    const request = { id: other.id, namespace: other.namespace };
    const at7 = await engine.call("setupNetwork", { ...request, networks: [fixed] });
    expect(at7.attachments[0]!.ipv4).toBe("10.99.1.7/24");
    using third = await host.container();
    const again = { id: third.id, namespace: third.namespace, networks: [fixed] };
    await expect(engine.call("setupNetwork", again)).rejects.toMatchObject({
      kind: "AlreadyExists",
      message: `address 10.99.1.7 is in use by container ${other.id.slice(0, 12)}`,
    });
    const elsewhere = { ...again, networks: [{ network: "six", ipv4: "10.99.2.7" }] };
    await expect(engine.call("setupNetwork", elsewhere)).rejects.toMatchObject({ kind: "InvalidArgument" });
    for (const c of [container, other]) await engine.call("teardownNetwork", c.id, { namespace: null });
    await engine.store("remove", "six");
    expect(host.links()).not.toContain((await engine.store("list")).find(({ name }) => name === "six")?.link);
  });

  onHost("are strangers to each other, unless both say otherwise", async () => {
    const made = [];
    for (const [name, isolate] of [
      ["left", "true"],
      ["right", "true"],
      ["open1", "false"],
      ["open2", "false"],
    ] as const) {
      await engine.store("create", { name, options: { isolate } });
      const container = await host.container();
      const { id, namespace } = container;
      const setup = await engine.call("setupNetwork", { id, namespace, networks: [{ network: name }] });
      const address = setup.attachments[0]!.ipv4.split("/")[0]!;
      await container.serve("tcp", "0.0.0.0", 80, name);
      made.push({ container, address });
    }
    const [left, right, open1, open2] = made as [
      (typeof made)[0],
      (typeof made)[0],
      (typeof made)[0],
      (typeof made)[0],
    ];
    expect(briefly(() => left.container.ask("tcp", right.address, 80))).toBe("connect: Operation timed out");
    expect(briefly(() => left.container.ask("tcp", open1.address, 80))).toBe("connect: Operation timed out");
    expect(briefly(() => open1.container.ask("tcp", left.address, 80))).toBe("connect: Operation timed out");
    expect(open1.container.ask("tcp", open2.address, 80)).toBe(`open2 ${open1.address}`);
    for (const { container } of made) {
      await engine.call("teardownNetwork", container.id, { namespace: null });
      container.kill();
    }
    expect((await engine.store("prune")).map(({ name }) => name)).toEqual([
      "left",
      "open1",
      "open2",
      "right",
    ]);
    expect(host.links().filter((name) => name.startsWith("rb-"))).toEqual([]);
  });

  onHost("internal: containers reach each other and nothing else", async () => {
    await engine.store("create", { name: "inner", internal: true });
    using first = await host.container();
    using second = await host.container();
    const networks = [{ network: "inner" }];
    const a = await engine.call("setupNetwork", { id: first.id, namespace: first.namespace, networks });
    await engine.call("setupNetwork", { id: second.id, namespace: second.namespace, networks });
    await first.serve("tcp", "0.0.0.0", 80, "first");
    expect(second.ask("tcp", a.attachments[0]!.ipv4.split("/")[0]!, 80)).toMatch(/^first /);
    expect(first.sh("ip route show default")).toBe("");
    // Not even with a route of its own.
    first.sh(`ip route add default via ${(await engine.store("get", "inner")).subnets[0]!.gateway}`);
    expect(briefly(() => first.ask("tcp", outside.ipv4, 7000))).toBe("connect: Operation timed out");
    for (const { id } of [first, second]) await engine.call("teardownNetwork", id, { namespace: null });
    await engine.store("remove", "inner");
  });

  onHost(
    "icc=false: containers of the network do not reach each other, but the rest of the world",
    async () => {
      await engine.store("create", { name: "apart", options: { icc: "false" } });
      using first = await host.container();
      using second = await host.container();
      const networks = [{ network: "apart" }];
      const a = await engine.call("setupNetwork", { id: first.id, namespace: first.namespace, networks });
      await engine.call("setupNetwork", { id: second.id, namespace: second.namespace, networks });
      await first.serve("tcp", "0.0.0.0", 80, "first");
      const address = a.attachments[0]!.ipv4.split("/")[0]!;
      expect(briefly(() => second.ask("tcp", address, 80))).toMatch(/^connect: /);
      expect(second.ask("tcp", outside.ipv4, 7000)).toBe(`internet ${hostAddress.ipv4}`);
      for (const { id } of [first, second]) await engine.call("teardownNetwork", id, { namespace: null });
      await engine.store("remove", "apart");
    },
  );

  onHost("a container joins one while it runs, and leaves it; the way out moves with it", async () => {
    await engine.store("create", { name: "one" });
    await engine.store("create", { name: "two" });
    using container = await host.container();
    const { id, namespace } = container;
    await engine.call("setupNetwork", { id, namespace, networks: [{ network: "one" }] });
    const attachment = await engine.call("connectNetwork", id, namespace, {
      network: "two",
      aliases: ["me"],
    });
    expect(attachment).toMatchObject({ network: "two", interfaceName: "eth1" });
    expect(container.sh("ip route show default").split("\n")).toHaveLength(2);
    await expect(engine.call("connectNetwork", id, namespace, { network: "two" })).rejects.toMatchObject({
      kind: "InvalidArgument",
    });
    expect(container.ask("tcp", outside.ipv4, 7000)).toBe(`internet ${hostAddress.ipv4}`);
    await engine.call("disconnectNetwork", id, "one", { namespace });
    expect(container.sh("ip -o link")).not.toContain("eth0");
    expect(container.ask("tcp", outside.ipv4, 7000)).toBe(`internet ${hostAddress.ipv4}`);
    await expect(engine.call("disconnectNetwork", id, "one")).rejects.toMatchObject({ kind: "NotFound" });
    await expect(engine.store("remove", "two")).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: `network two is in use by container ${id.slice(0, 12)}`,
    });
    await engine.call("teardownNetwork", id, { namespace: null });
    await engine.store("prune");
  });

  onHost("check finds what somebody took away", async () => {
    using container = await host.container();
    const { id, namespace } = container;
    await engine.call("setupNetwork", { id, namespace, networks: [{ network: "bridge" }] });
    await engine.call("checkNetwork", id, namespace);
    container.sh("ip addr flush dev eth0");
    await expect(engine.call("checkNetwork", id, namespace)).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: expect.stringContaining("interface eth0 of network bridge has no address 10.86.0."),
    });
    await engine.call("teardownNetwork", id, { namespace: null });
  });

  onHost("a failed setup leaves nothing: no address, no cable, no record", async () => {
    using container = await host.container();
    const { id, namespace } = container;
    container.sh("ip link add eth0 type bridge");
    const before = host.links();
    const attempt = engine.call("setupNetwork", { id, namespace, networks: [{ network: "bridge" }] });
    await expect(attempt).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: "the container has an interface eth0 already",
    });
    // Of tests before this one the kernel may still be taking some away.
    expect(host.links().filter((name) => !before.includes(name))).toEqual([]);
    expect((await engine.store("inspect", "bridge")).containers).toEqual([]);
    const unknown = engine.call("setupNetwork", { id, namespace, networks: [{ network: "nowhere" }] });
    await expect(unknown).rejects.toBeInstanceOf(RemoteError);
    await expect(unknown).rejects.toMatchObject({ kind: "NotFound" });
  });
});

describe("networks on a link of the host", () => {
  onHost("macvlan: a container is on the same wire as the host's link", async () => {
    await engine.store("create", {
      name: "wire",
      driver: "macvlan",
      subnets: [{ subnet: "203.0.113.0/24", gateway: outside.ipv4, ipRange: "203.0.113.128/25" }],
      options: { parent: "eth0" },
    });
    using container = await host.container();
    const { id, namespace } = container;
    const setup = await engine.call("setupNetwork", { id, namespace, networks: [{ network: "wire" }] });
    expect(setup.attachments[0]).toMatchObject({ ipv4: "203.0.113.128/24", hostLink: "" });
    expect(container.sh("ip -d link show eth0")).toContain("macvlan mode bridge");
    await host.serveOutside("tcp", outside.ipv4, 7002, "internet");
    expect(container.ask("tcp", outside.ipv4, 7002)).toBe("internet 203.0.113.128");
    await engine.call("teardownNetwork", id, { namespace });
    expect(container.sh("ip -o link")).not.toContain("eth0");
    const nowhere = {
      name: "x",
      driver: "macvlan",
      subnets: [{ subnet: "192.0.2.0/24" }],
      options: { parent: "no9" },
    };
    await engine.store("create", nowhere as Parameters<typeof engine.store<"create">>[1]);
    await expect(
      engine.call("setupNetwork", { id, namespace, networks: [{ network: "x" }] }),
    ).rejects.toMatchObject({ kind: "NotFound", message: "the host has no link no9" });
    await engine.store("prune");
  });
});
