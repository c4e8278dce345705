/** Published ports that the kernel's rules cannot carry: on ::1, and by the family that a container has no address of. */

import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect } from "vitest";
import { parsePortMapping } from "../../../src/engine/network/port-mapping.ts";
import { nativePath } from "../../../src/linux/native.ts";
import { makeNative } from "../../support/native-build.ts";
import { missing, needs } from "../../support/needs.ts";
import {
  type Engine,
  hostAddress,
  isRunning,
  outside,
  type TestContainer,
  TestHost,
  trafficPath,
  until,
} from "../../support/network-host.ts";

const wanted = ["root", "program:ip", "program:nft", "program:pgrep"] as const;
const onHost = needs(...wanted);
const transports = ["tcp", "udp"] as const;

// The second has every check that the compiler can put in: a finding ends it, and nothing is carried any more.
for (const build of ["runt-proxy", "sanitized/runt-proxy"]) {
  describe(build, () => {
    let host: TestHost;
    let engine: Engine;

    beforeAll(() => {
      if (missing(...wanted)) return;
      makeNative(`../dist/native/${build}`);
    }, 120_000);

    beforeEach(async () => {
      if (missing(...wanted)) return;
      process.env.RUNT_PROXY = nativePath(build);
      host = await TestHost.make();
      engine = host.engine();
      await engine.store("create", { name: "both", ipv6: true });
      await engine.store("create", { name: "six", subnets: [{ subnet: "fd00:6::/64" }] });
    });
    afterEach(async () => {
      await host?.[Symbol.asyncDispose]();
      delete process.env.RUNT_PROXY;
    });

    const setUp = ({ id, namespace }: TestContainer, network: string, ...ports: string[]) =>
      engine.call("setupNetwork", {
        id,
        namespace,
        networks: [{ network }],
        ports: ports.flatMap(parsePortMapping),
      });
    /** A container that answers on port 80 of the addresses, by both transports. */
    async function serving(network: string, addresses: readonly string[], ...ports: string[]) {
      const container = await host.container();
      const setup = await setUp(container, network, ...ports);
      for (const address of addresses)
        for (const transport of transports) await container.serve(transport, address, 80, transport);
      return { container, gateway: setup.attachments[0]!.gateway4 };
    }
    async function gone(container: TestContainer): Promise<void> {
      await engine.call("teardownNetwork", container.id, { namespace: null });
      expect(host.proxies()).toEqual([]);
      container.kill();
    }
    const refusal = async (network: string, ...ports: string[]) => {
      const container = await host.container();
      const error = await setUp(container, network, ...ports).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      container.kill();
      return error;
    };

    describe("a port published on [::1]", () => {
      for (const network of ["bridge", "both"]) {
        onHost(`is there on network ${network}, and nowhere else`, async () => {
          const { container, gateway } = await serving(
            network,
            ["0.0.0.0", "::"],
            "[::1]:8080:80",
            "[::1]:8080:80/udp",
          );
          for (const transport of transports) {
            // The container sees the host's end of its network.
            expect(host.ask(transport, "::1", 8080)).toBe(`${transport} ${gateway}`);
            expect(host.ask(transport, "127.0.0.1", 8080)).toMatch(/Connection refused/);
            expect(host.askFromOutside(transport, hostAddress.ipv6, 8080)).toMatch(/Connection refused/);
            expect(host.askFromOutside(transport, hostAddress.ipv4, 8080)).toMatch(/Connection refused/);
          }
          expect(host.proxies()).toHaveLength(1);
          await gone(container);
          expect(host.ask("tcp", "::1", 8080)).toBe("connect: Connection refused");
        });
      }
    });

    describe("a port published on all addresses", () => {
      onHost("of a container with both families: ::1 too, and the rest without a proxy", async () => {
        const { container, gateway } = await serving("both", ["0.0.0.0", "::"], "8080:80", "8080:80/udp");
        for (const transport of transports) {
          expect(host.ask(transport, "::1", 8080)).toBe(`${transport} ${gateway}`);
          expect(host.askFromOutside(transport, hostAddress.ipv6, 8080)).toBe(`${transport} ${outside.ipv6}`);
        }
        await gone(container);
      });

      onHost("of a container without IPv6: by IPv6 it is the host that the container sees", async () => {
        const { container, gateway } = await serving("bridge", ["0.0.0.0"], "8080:80", "8080:80/udp");
        // An answer that came from the host's first address would not be taken.
        host.sh("ip addr add 2001:db8::3/64 dev eth0 nodad");
        for (const transport of transports) {
          for (const address of ["::1", hostAddress.ipv6, "2001:db8::3"])
            expect(host.ask(transport, address, 8080), address).toBe(`${transport} ${gateway}`);
          for (const address of [hostAddress.ipv6, "2001:db8::3"])
            expect(host.askFromOutside(transport, address, 8080)).toBe(`${transport} ${gateway}`);
          expect(host.askFromOutside(transport, hostAddress.ipv4, 8080)).toBe(`${transport} ${outside.ipv4}`);
        }
        host.sh("ip addr del 2001:db8::3/64 dev eth0");
        await gone(container);
      });

      onHost("of a container without IPv4: by IPv4 too", async () => {
        const { container } = await serving("six", ["::"], "8080:80", "8080:80/udp");
        for (const transport of transports) {
          for (const address of ["127.0.0.1", hostAddress.ipv4, "::1"])
            expect(host.ask(transport, address, 8080), address).toBe(`${transport} fd00:6::1`);
          expect(host.askFromOutside(transport, hostAddress.ipv4, 8080)).toBe(`${transport} fd00:6::1`);
          expect(host.askFromOutside(transport, hostAddress.ipv6, 8080)).toBe(`${transport} ${outside.ipv6}`);
        }
        await gone(container);
      });

      onHost("of IPv4 only: there is no proxy", async () => {
        const { container } = await serving("bridge", [], "0.0.0.0:8080:80", "127.0.0.1:8081:80");
        expect(host.proxies()).toEqual([]);
        await gone(container);
      });
    });

    describe("what the proxy carries", () => {
      onHost("ends where it ended: each direction by itself, and whole", async () => {
        const { container } = await serving("bridge", [], "[::1]:8080:80", "[::1]:8081:81");
        await container.repeat("0.0.0.0", 80);
        // The server answers only once it has heard the end.
        expect(host.pour("::1", 8080, 0)).toBe("0 same");
        expect(host.pour("::1", 8080, 1)).toBe("1 same");
        expect(host.pour("::1", 8080, 5_000_001)).toBe("5000001 same");
        // Nobody listens: it does not look like a server that had nothing to say.
        expect(host.ask("tcp", "::1", 8081)).toMatch(/: Connection reset by peer$/);
        await gone(container);
      });

      onHost("many at once", async () => {
        const { container } = await serving("bridge", ["0.0.0.0"], "8080:80", "8080:80/udp");
        const asking = (transport: string): string =>
          `for i in $(seq 50); do ${trafficPath()} ask ${transport} ::1 8080 & done; wait`;
        for (const transport of transports) {
          const answers = host.sh(asking(transport)).split("\n");
          expect(answers.filter((line) => line.startsWith(`${transport} `))).toHaveLength(50);
        }
        await gone(container);
      });

      onHost("is carried by a process that may do nothing else", async () => {
        const { container } = await serving("bridge", [], "[::1]:8080:80");
        const [pid] = host.proxies();
        const status = readFileSync(`/proc/${pid}/status`, "latin1");
        expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
        expect(status).toMatch(/^Gid:\t65534\t65534\t65534\t65534$/m);
        expect(status).toMatch(/^Groups:\t *$/m);
        expect(status).toMatch(/^CapPrm:\t0+$/m);
        expect(status).toMatch(/^NoNewPrivs:\t1$/m);
        await gone(container);
      });
    });

    describe("the proxy ends", () => {
      onHost("with the container, also if nobody of ours is left to see that", async () => {
        const { container } = await serving("bridge", ["0.0.0.0"], "8080:80");
        const [pid] = host.proxies();
        await engine[Symbol.asyncDispose]();
        container.kill();
        await until(() => !isRunning(pid!));
        expect(host.ask("tcp", "::1", 8080)).toBe("connect: Connection refused");
        engine = host.engine();
        expect((await engine.reconcile([])).containers).toEqual([container.id]);
        const next = await serving("bridge", ["0.0.0.0"], "8080:80");
        expect(host.ask("tcp", "::1", 8080)).toMatch(/^tcp /);
        await gone(next.container);
      });

      onHost("by itself, and comes again with the next look at everything", async () => {
        const { container } = await serving("bridge", ["0.0.0.0"], "8080:80");
        const [pid] = host.proxies();
        process.kill(pid!, "SIGKILL");
        await until(() => !isRunning(pid!));
        await engine.reconcile([container.id]);
        expect(host.ask("tcp", "::1", 8080)).toMatch(/^tcp /);
        const [revived] = host.proxies();
        // What is there stays.
        await engine.reconcile([container.id]);
        expect(host.proxies()).toEqual([revived]);
        await gone(container);
      });

      onHost("by itself, and comes again with a look at the container", async () => {
        const { container } = await serving("bridge", ["0.0.0.0"], "8080:80");
        const [pid] = host.proxies();
        process.kill(pid!, "SIGKILL");
        await until(() => !isRunning(pid!));
        expect(host.ask("tcp", "::1", 8080)).toBe("connect: Connection refused");
        // Two who look at the same moment.
        const other = host.engine();
        await Promise.all([engine, other].map((each) => each.call("reviveNetwork", container.id)));
        expect(host.ask("tcp", "::1", 8080)).toMatch(/^tcp /);
        expect(host.proxies()).toHaveLength(1);
        expect([...engine.logged, ...other.logged]).toEqual([]);
        await gone(container);
      });

      onHost("and another begins once, whoever looks at everything while a network is added", async () => {
        const { container } = await serving("bridge", ["0.0.0.0"], "8080:80");
        const { id, namespace } = container;
        const others = [host.engine(), host.engine()];
        for (let round = 0; round < 8; round++) {
          for (const pid of host.proxies()) process.kill(pid, "SIGKILL");
          await until(() => host.proxies().length === 0);
          const connected = engine.call("connectNetwork", id, namespace, { network: "both" });
          await Promise.all([connected, ...others.map((other) => other.reconcile([id]))]);
          expect(host.proxies()).toHaveLength(1);
          await engine.call("disconnectNetwork", id, "both", { namespace });
        }
        expect([...engine.logged, ...others.flatMap(({ logged }) => logged)]).toEqual([]);
        expect(host.ask("tcp", "::1", 8080)).toMatch(/^tcp /);
        await gone(container);
      });

      onHost(
        "with the container whose record is lost; until then it stays, and its ports are known",
        async () => {
          const ports = ["8080:80", "[::1]:8081:80", "0.0.0.0:8082:80", `[${hostAddress.ipv6}]:8083:80/udp`];
          const { container } = await serving("bridge", ["0.0.0.0"], ...ports);
          const [pid] = host.proxies();
          for (const name of ["members", "containers", "ports", "lock"])
            rmSync(join(host.root, name), { recursive: true });
          await engine.reconcile([container.id]);
          expect(host.proxies()).toEqual([pid]);
          expect(host.ask("tcp", "::1", 8081)).toMatch(/^tcp /);
          const { ports: restored } = await setUp(container, "bridge", ...ports);
          expect(restored.map(({ hostAddress: on, hostPort }) => `${on} ${hostPort}`).sort()).toEqual([
            " 8080",
            "0.0.0.0 8082",
            `${hostAddress.ipv6} 8083`,
            "::1 8081",
          ]);
          expect(await refusal("bridge", "[::1]:8081:80")).toMatchObject({ kind: "AlreadyExists" });
          // Its namespace is still there, and with it the cable.
          await gone(container);
        },
      );

      onHost("and another begins where the container leaves a network and has a next one", async () => {
        const { container } = await serving("bridge", ["0.0.0.0"], "8080:80");
        const { namespace } = container;
        const attachment = await engine.call("connectNetwork", container.id, namespace, { network: "both" });
        expect(host.proxies()).toHaveLength(1);
        expect(host.askFromOutside("tcp", hostAddress.ipv6, 8080)).toMatch(/Connection refused/);
        await container.serve("tcp", "::", 80, "tcp");
        expect(host.askFromOutside("tcp", hostAddress.ipv6, 8080)).toBe(`tcp ${outside.ipv6}`);
        await engine.call("disconnectNetwork", container.id, "bridge", { namespace });
        expect(host.ask("tcp", "::1", 8080)).toBe(`tcp ${attachment.gateway4}`);
        expect(host.proxies()).toHaveLength(1);
        await engine.call("disconnectNetwork", container.id, "both", { namespace });
        expect(host.proxies()).toEqual([]);
        await gone(container);
      });
    });

    describe("a port of IPv6 that is taken", () => {
      onHost("by another container: [::1] is among [::] and all, and not among those of IPv4", async () => {
        const by = (address: string, id: string) => ({
          kind: "AlreadyExists",
          message: `Bind for ${address}:8080 failed: port is already allocated to container ${id.slice(0, 12)}`,
        });
        const one = await serving("bridge", [], "[::1]:8080:80");
        expect(await refusal("bridge", "[::1]:8080:80")).toMatchObject(by("[::1]", one.container.id));
        expect(await refusal("bridge", "[::]:8080:80")).toMatchObject(by("[::]", one.container.id));
        expect(await refusal("both", "8080:80")).toMatchObject(by("0.0.0.0", one.container.id));
        const others = await serving(
          "bridge",
          ["0.0.0.0"],
          "0.0.0.0:8080:80",
          `[${hostAddress.ipv6}]:8080:80`,
          "[::1]:8080:80/udp",
        );
        expect(host.ask("tcp", hostAddress.ipv6, 8080)).toMatch(/^tcp /);
        expect(host.ask("udp", "::1", 8080)).toMatch(/^udp /);
        await engine.call("teardownNetwork", one.container.id, { namespace: null });
        await gone(others.container);
        const all = await serving("bridge", [], "[::]:8080:80");
        expect(await refusal("both", "[::1]:8080:80")).toMatchObject(by("[::1]", all.container.id));
        await gone(all.container);
      });

      onHost("by itself: the same twice, however it is written", async () => {
        const twice = "port is already allocated to this container, by another -p";
        for (const other of ["[::1]:8080:81", "[0:0::1]:8080:80", "[::]:8080:80", "8080:80"])
          expect(await refusal("bridge", "[::1]:8080:80", other), other).toMatchObject({
            message: expect.stringContaining(twice),
          });
        const { container } = await serving(
          "bridge",
          ["0.0.0.0"],
          "[::ffff:127.0.0.1]:8080:80",
          "[::1]:8080:80",
        );
        expect(host.ask("tcp", "127.0.0.1", 8080)).toMatch(/^tcp /);
        await gone(container);
      });

      onHost("by a program of the host: also for a container without IPv6", async () => {
        const server = await host.serve("tcp", "::1", 8080, "program");
        const message = "failed: address already in use by a program of the host";
        expect(await refusal("bridge", "[::1]:8080:80")).toMatchObject({
          message: `Bind for [::1]:8080 ${message}`,
        });
        for (const network of ["bridge", "both"])
          expect(await refusal(network, "8080:80")).toMatchObject({
            kind: "AlreadyExists",
            message: expect.stringContaining(message),
          });
        expect(host.ask("tcp", "::1", 8080)).toBe("program ::1");
        expect(host.proxies()).toEqual([]);
        server.kill("SIGKILL");
      });
    });
  });
}
