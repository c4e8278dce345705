/** Published ports: from outside, from the host itself, from other containers; and who cannot have one. */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { parsePortMapping } from "../../../src/engine/network/port-mapping.ts";
import { missing, needs } from "../../support/needs.ts";
import {
  briefly,
  type Engine,
  hostAddress,
  outside,
  type TestContainer,
  TestHost,
  until,
} from "../../support/network-host.ts";

const wanted = ["root", "program:ip", "program:nft"] as const;
const onHost = needs(...wanted);

let host: TestHost;
let engine: Engine;

beforeAll(async () => {
  if (missing(...wanted)) return;
  host = await TestHost.make();
  engine = host.engine();
  await engine.store("create", { name: "web", ipv6: true });
});
afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
});

/** A container on `network` with ports published as a user writes them. */
async function published(network: string, ...ports: string[]) {
  const container = await host.container();
  const { id, namespace } = container;
  const setup = await engine.call("setupNetwork", {
    id,
    namespace,
    networks: [{ network }],
    ports: ports.flatMap(parsePortMapping),
  });
  return { container, setup, address: setup.attachments[0]!.ipv4.split("/")[0]! };
}

async function gone(container: TestContainer): Promise<void> {
  await engine.call("teardownNetwork", container.id, { namespace: null });
  container.kill();
}

describe("a published port", () => {
  onHost(
    "is reached from outside by both families, TCP and UDP, and the client is seen as itself",
    async () => {
      const { container } = await published("web", "8080:80", "8080:81/udp");
      for (const any of ["0.0.0.0", "::"]) {
        await container.serve("tcp", any, 80, "tcp");
        await container.serve("udp", any, 81, "udp");
      }
      expect(host.askFromOutside("tcp", hostAddress.ipv4, 8080)).toBe(`tcp ${outside.ipv4}`);
      expect(host.askFromOutside("udp", hostAddress.ipv4, 8080)).toBe(`udp ${outside.ipv4}`);
      expect(host.askFromOutside("tcp", hostAddress.ipv6, 8080)).toBe(`tcp ${outside.ipv6}`);
      expect(host.askFromOutside("udp", hostAddress.ipv6, 8080)).toBe(`udp ${outside.ipv6}`);
      expect(host.rules()).toContain(container.id);
      await gone(container);
      expect(host.rules()).not.toContain(container.id);
      expect(host.askFromOutside("tcp", hostAddress.ipv4, 8080)).toBe("connect: Connection refused");
    },
  );

  onHost("is reached by the host itself: by its addresses and by those of loopback", async () => {
    const { container, address } = await published("web", "8081:80", "8081:80/udp");
    for (const any of ["0.0.0.0", "::"]) {
      await container.serve("tcp", any, 80, "web");
      await container.serve("udp", any, 80, "web");
    }
    for (const protocol of ["tcp", "udp"] as const) {
      for (const name of [hostAddress.ipv4, "127.0.0.1", "127.7.7.7", hostAddress.ipv6, "10.87.0.1"]) {
        expect(host.ask(protocol, name, 8081), `${protocol} ${name}`).toMatch(/^web /);
      }
    }
    expect(host.ask("tcp", address, 80)).toMatch(/^web /);
    await gone(container);
  });

  onHost(
    "is reached by containers of its network, of others, and by itself, by the host's address",
    async () => {
      const { container } = await published("web", "8082:80");
      const neighbour = await published("web");
      const stranger = await published("bridge");
      await container.serve("tcp", "0.0.0.0", 80, "web");
      expect(neighbour.container.ask("tcp", hostAddress.ipv4, 8082)).toMatch(/^web /);
      expect(stranger.container.ask("tcp", hostAddress.ipv4, 8082)).toMatch(/^web /);
      expect(container.ask("tcp", hostAddress.ipv4, 8082)).toMatch(/^web /);
      for (const each of [container, neighbour.container, stranger.container]) await gone(each);
    },
  );

  onHost("of one address of the host is not on the others", async () => {
    const { container } = await published(
      "web",
      "127.0.0.1:8083:80",
      `${hostAddress.ipv4}:8084:80`,
      "[2001:db8::2]:8085:80",
    );
    for (const any of ["0.0.0.0", "::"]) await container.serve("tcp", any, 80, "web");
    expect(host.ask("tcp", "127.0.0.1", 8083)).toMatch(/^web /);
    expect(host.ask("tcp", hostAddress.ipv4, 8083)).toBe("connect: Connection refused");
    expect(host.askFromOutside("tcp", hostAddress.ipv4, 8083)).toBe("connect: Connection refused");
    expect(host.askFromOutside("tcp", hostAddress.ipv4, 8084)).toMatch(/^web /);
    expect(host.ask("tcp", "127.0.0.1", 8084)).toBe("connect: Connection refused");
    expect(host.askFromOutside("tcp", hostAddress.ipv6, 8085)).toMatch(/^web /);
    expect(host.askFromOutside("tcp", hostAddress.ipv4, 8085)).toBe("connect: Connection refused");
    await gone(container);
  });

  onHost(
    "on loopback is not reached by a neighbour that sends to 127.0.0.1, nor what the host has there",
    async () => {
      const { container } = await published("web", "127.0.0.1:8086:80");
      await container.serve("tcp", "0.0.0.0", 80, "web");
      await host.serve("tcp", "127.0.0.1", 9000, "private");
      // Without their own loopback they send it to whom they are told to.
      const route = "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; ip addr del 127.0.0.1/8 dev lo";
      host.outsideSh(`${route}; ip route add 127.0.0.1 via ${hostAddress.ipv4} dev eth0 src ${outside.ipv4}`);
      expect(briefly(() => host.askFromOutside("tcp", "127.0.0.1", 8086))).toBe(
        "connect: Operation timed out",
      );
      expect(briefly(() => host.askFromOutside("tcp", "127.0.0.1", 9000))).toBe(
        "connect: Operation timed out",
      );
      const gateway = (await engine.store("get", "web")).subnets[0]!.gateway;
      container.sh(`${route}; ip route add 127.0.0.1 via ${gateway} dev eth0`);
      expect(briefly(() => container.ask("tcp", "127.0.0.1", 9000))).toBe("connect: Operation timed out");
      await gone(container);
    },
  );

  onHost("ranges, and ports that are chosen", async () => {
    const { container, setup } = await published(
      "web",
      "8100-8102:90-92",
      "91/udp",
      "8200-8210:93",
      "8200-8210:94",
    );
    expect(setup.ports.slice(0, 3).map(({ hostPort, containerPort }) => [hostPort, containerPort])).toEqual([
      [8100, 90],
      [8101, 91],
      [8102, 92],
    ]);
    const [any, first, second] = setup.ports.slice(3);
    expect(any!.hostPort).toBeGreaterThan(1024);
    expect([first!.hostPort, second!.hostPort]).toEqual([8200, 8201]);
    await container.serve("tcp", "0.0.0.0", 92, "ninety-two");
    await container.serve("udp", "0.0.0.0", 91, "any");
    expect(host.askFromOutside("tcp", hostAddress.ipv4, 8102)).toMatch(/^ninety-two /);
    expect(host.askFromOutside("udp", hostAddress.ipv4, any!.hostPort)).toMatch(/^any /);
    await gone(container);
  });

  onHost("of a container that leaves the network goes to its next one", async () => {
    await engine.store("create", { name: "other" });
    const { container } = await published("web", "8087:80");
    await container.serve("tcp", "0.0.0.0", 80, "web");
    await engine.call("connectNetwork", container.id, container.namespace, { network: "other" });
    await engine.call("disconnectNetwork", container.id, "web", { namespace: container.namespace });
    expect(host.askFromOutside("tcp", hostAddress.ipv4, 8087)).toMatch(/^web /);
    await gone(container);
    await engine.store("remove", "other");
  });

  onHost("of UDP: who keeps on sending reaches the container that has the port now", async () => {
    // From one port all the time, so that for the kernel it is one flow.
    const ask = (): string => host.askFromOutside("udp", hostAddress.ipv4, 8088, `${outside.ipv4}:5555`);
    expect(ask()).toMatch(/Connection refused/);
    const first = await published("web", "8088:80/udp");
    await first.container.serve("udp", "0.0.0.0", 80, "first");
    expect(ask()).toMatch(/^first /);
    const second = await published("web");
    await second.container.serve("udp", "0.0.0.0", 80, "second");
    await gone(first.container);
    expect(ask()).toMatch(/Connection refused/);
    await gone(second.container);
    const third = await published("web", "8088:80/udp");
    await third.container.serve("udp", "0.0.0.0", 80, "third");
    expect(ask()).toMatch(/^third /);
    await gone(third.container);
  });
});

describe("a port that is taken", () => {
  const refused = async (network: string, port: string) => {
    const container = await host.container();
    const { id, namespace } = container;
    const request = { id, namespace, networks: [{ network }], ports: parsePortMapping(port) };
    const error: unknown = await engine.call("setupNetwork", request).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect((await engine.store("inspect", network)).containers.map((each) => each.id)).not.toContain(id);
    container.kill();
    return error as { kind: string; message: string; site: Record<string, string> };
  };

  onHost("by another container: whatever the address, as long as it is among them", async () => {
    const { container } = await published("web", "8300:80", "127.0.0.1:8301:80");
    // Docker's words.
    const by = `failed: port is already allocated to container ${container.id.slice(0, 12)}`;
    expect(await refused("web", "8300:80")).toMatchObject({
      kind: "AlreadyExists",
      message: `Bind for 0.0.0.0:8300 ${by}`,
      site: { subject: "port 8300/tcp" },
    });
    expect(await refused("web", "127.0.0.1:8300:80")).toMatchObject({
      message: `Bind for 127.0.0.1:8300 ${by}`,
    });
    expect(await refused("bridge", "8301:80")).toMatchObject({
      message: `Bind for 0.0.0.0:8301 ${by}`,
    });
    const other = await published("web", "8300:80/udp", `${hostAddress.ipv4}:8301:80`);
    await gone(other.container);
    await gone(container);
    await gone((await published("web", "8300:80")).container);
  });

  onHost("by a program of the host", async () => {
    const server = await host.serve("tcp", "127.0.0.1", 8302, "program");
    await host.serve("udp", "0.0.0.0", 8303, "program");
    await host.serve("tcp", "::", 8304, "program");
    const message = "Bind for 0.0.0.0:8302 failed: address already in use by a program of the host";
    expect(await refused("web", "8302:80")).toMatchObject({ kind: "AlreadyExists", message });
    expect(await refused("web", "8303:80/udp")).toMatchObject({ kind: "AlreadyExists" });
    expect(await refused("web", "8304:80")).toMatchObject({ kind: "AlreadyExists" });
    await gone((await published("web", `${hostAddress.ipv4}:8302:80`)).container);
    // Of a range the first that is free.
    const { container, setup } = await published("web", "8302-8304:80");
    expect(setup.ports[0]!.hostPort).toBe(8303);
    await gone(container);
    server.kill("SIGKILL");
    await until(() => server.signalCode !== null);
    await gone((await published("web", "8302:80")).container);
  });

  onHost("an address that the host has not is refused", async () => {
    expect(await refused("web", "192.0.2.9:8305:80")).toMatchObject({
      kind: "InvalidArgument",
      message: "192.0.2.9 is not an address of this machine",
    });
  });
});
