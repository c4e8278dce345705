/** Names of containers on a network, as programs in them resolve them. */

import { readFileSync } from "node:fs";
import { afterEach, beforeAll, beforeEach, describe, expect } from "vitest";
import { nativePath } from "../../../src/linux/native.ts";
import { makeNative } from "../../support/native-build.ts";
import { missing, needs } from "../../support/needs.ts";
import {
  type Engine,
  isRunning,
  outside,
  type TestContainer,
  TestHost,
  until,
} from "../../support/network-host.ts";

const wanted = ["root", "program:ip", "program:nft", "program:pgrep"] as const;
const onHost = needs(...wanted);

let host: TestHost;
let engine: Engine;

afterEach(async () => {
  await host?.[Symbol.asyncDispose]();
  delete process.env.RUNT_DNS;
});

interface Wanted {
  readonly name: string;
  readonly networks: readonly { network: string; aliases?: string[] }[];
  readonly nameservers?: readonly string[];
}

/** A container whose resolv.conf is as its networks say. */
async function named({ name, networks, nameservers }: Wanted) {
  const container = await host.container();
  const { id, namespace } = container;
  const request = { id, name, namespace, networks, ...(nameservers && { nameservers }) };
  const setup = await engine.call("setupNetwork", request);
  container.useNameservers(setup.nameservers);
  const addresses = setup.attachments.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].filter(Boolean));
  return { container, setup, addresses: addresses.map((cidr) => cidr.split("/")[0]!).sort() };
}

async function gone(container: TestContainer): Promise<void> {
  await engine.call("teardownNetwork", container.id, { namespace: null });
  container.kill();
}

// The second has every check that the compiler can put in: a finding ends it, and no name is found any more.
for (const build of ["runt-dns", "sanitized/runt-dns"]) {
  describe(build, () => {
    beforeAll(() => {
      if (missing(...wanted)) return;
      makeNative(`../dist/native/${build}`);
    }, 120_000);

    beforeEach(async () => {
      if (missing(...wanted)) return;
      process.env.RUNT_DNS = nativePath(build);
      host = await TestHost.make();
      engine = host.engine();
    });

    describe("on a network of one's own", () => {
      onHost(
        "containers find each other by name, short id and alias, in both families, whatever the case",
        async () => {
          await engine.store("create", { name: "app", ipv6: true });
          const web = await named({
            name: "web",
            networks: [{ network: "app", aliases: ["www", "a.b.example"] }],
          });
          const db = await named({ name: "db", networks: [{ network: "app" }] });
          expect(db.setup.nameservers).toEqual(["10.87.0.1"]);
          for (const name of ["web", "WEB", "www", "a.b.example", web.container.id.slice(0, 12)]) {
            expect(db.container.resolve(name), name).toEqual(web.addresses);
          }
          expect(web.container.resolve("web")).toEqual(web.addresses);
          await web.container.serve("tcp", "0.0.0.0", 80, "web");
          expect(db.container.ask("tcp", "www", 80)).toBe(`web ${db.addresses[0]}`);
          // The other way round, as log files want it.
          expect(db.container.sh(`getent hosts ${web.addresses[0]}`)).toMatch(/\sweb$/);
        },
      );

      onHost("a name that several have is all their addresses", async () => {
        await engine.store("create", { name: "app" });
        const all = [];
        for (const name of ["w1", "w2", "w3"])
          all.push(await named({ name, networks: [{ network: "app", aliases: ["worker"] }] }));
        expect(all[0]!.container.resolve("worker")).toEqual(all.map(({ addresses }) => addresses[0]).sort());
        await gone(all[1]!.container);
        expect(all[0]!.container.resolve("worker")).toEqual(
          [all[0]!, all[2]!].map(({ addresses }) => addresses[0]).sort(),
        );
      });

      onHost(
        "other names are asked of the host's servers, by UDP and TCP, or of those of the container",
        async () => {
          await engine.store("create", { name: "app" });
          await host.serveNames("192.0.2.77");
          const plain = await named({ name: "plain", networks: [{ network: "app" }] });
          expect(plain.container.resolve("example.com")).toEqual(["192.0.2.77"]);
          // Nobody answers there, so the next one is asked.
          const own = await named({
            name: "own",
            networks: [{ network: "app" }],
            nameservers: ["203.0.113.99", outside.ipv4],
          });
          expect(own.container.resolve("example.org")).toEqual(["192.0.2.77"]);
          expect(own.container.resolve("plain")).toEqual(plain.addresses);
          const tcp =
            "printf 'options use-vc\\nnameserver 10.87.0.1\\n' > /tmp/r; mount --bind /tmp/r /etc/resolv.conf";
          plain.container.sh(`mount -t tmpfs tmpfs /tmp; ${tcp}`);
          expect(plain.container.sh("getent ahostsv4 example.net | cut -d' ' -f1 | sort -u")).toBe(
            "192.0.2.77",
          );
          expect(plain.container.sh("getent ahostsv4 own | cut -d' ' -f1 | sort -u")).toBe(own.addresses[0]);
        },
        120_000,
      );

      onHost("containers of two networks find those of both, and strangers find nobody", async () => {
        await engine.store("create", { name: "front" });
        await engine.store("create", { name: "back", internal: true });
        await host.serveNames("192.0.2.77");
        const proxy = await named({ name: "proxy", networks: [{ network: "front" }, { network: "back" }] });
        const client = await named({ name: "client", networks: [{ network: "front" }] });
        const db = await named({ name: "db", networks: [{ network: "back" }] });
        expect(proxy.container.resolve("db")).toEqual(db.addresses);
        expect(proxy.container.resolve("client")).toEqual(client.addresses);
        // Not the container of the other network: it is a name like any other.
        expect(client.container.resolve("db")).toEqual(["192.0.2.77"]);
        // From an internal network nobody outside is asked.
        expect(db.container.resolve("example.com")).toEqual(["example.com: Name does not resolve"]);
        expect(db.container.resolve("proxy")).toHaveLength(1);
        // Joined later, found at once, with the resolv.conf that it has.
        await engine.call("connectNetwork", client.container.id, client.container.namespace, {
          network: "back",
        });
        expect(client.container.resolve("db")).toEqual(db.addresses);
        await engine.call("disconnectNetwork", client.container.id, "back", {
          namespace: client.container.namespace,
        });
        expect(client.container.resolve("db")).toEqual(["192.0.2.77"]);
      });
    });

    describe("the responder", () => {
      onHost(
        "is one small process that may do nothing but bind ports, and ends with the last container",
        async () => {
          await engine.store("create", { name: "one" });
          await engine.store("create", { name: "two" });
          const a = await named({ name: "a", networks: [{ network: "one" }] });
          const b = await named({ name: "b", networks: [{ network: "two" }] });
          const [pid, ...more] = host.responders();
          expect(more).toEqual([]);
          const status = readFileSync(`/proc/${pid}/status`, "utf8");
          expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
          expect(status).toMatch(/^CapEff:\t0000000000000400$/m);
          expect(status).toMatch(/^NoNewPrivs:\t1$/m);
          const pss = Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))![1]);
          if (build === "runt-dns") expect(pss).toBeLessThan(300);
          await gone(a.container);
          expect(b.container.resolve("b")).toEqual(b.addresses);
          expect(isRunning(pid!)).toBe(true);
          await gone(b.container);
          await until(() => !isRunning(pid!));
          await gone((await named({ name: "a", networks: [{ network: "one" }] })).container);
        },
      );

      onHost(
        "where another program of the host has the port of DNS, it takes another one, and nobody notices",
        async () => {
          await host.serve("udp", "0.0.0.0", 53, "own-server");
          await host.serve("tcp", "0.0.0.0", 53, "own-server");
          await engine.store("create", { name: "app" });
          const a = await named({ name: "a", networks: [{ network: "app" }] });
          const b = await named({ name: "b", networks: [{ network: "app" }] });
          expect(a.container.resolve("b")).toEqual(b.addresses);
          expect(host.rules()).toMatch(/map responders \{[^}]*elements = \{ "rb-/);
          // The table is made anew, and the port is still known.
          host.sh("nft flush ruleset");
          await engine.reconcile([a.container.id, b.container.id]);
          expect(a.container.resolve("b")).toEqual(b.addresses);
        },
      );

      onHost("that was killed is there again with the next container, and after reconcile", async () => {
        await engine.store("create", { name: "app" });
        const a = await named({ name: "a", networks: [{ network: "app" }] });
        const [first] = host.responders();
        process.kill(first!, "SIGKILL");
        await until(() => !isRunning(first!));
        await engine.reconcile([a.container.id]);
        expect(a.container.resolve("a")).toEqual(a.addresses);
        const [second] = host.responders();
        process.kill(second!, "SIGKILL");
        await until(() => !isRunning(second!));
        const b = await named({ name: "b", networks: [{ network: "app" }] });
        expect(a.container.resolve("b")).toEqual(b.addresses);
      });

      onHost(
        "that was killed is missed by who looks at containers, and there again for one of them",
        async () => {
          await engine.store("create", { name: "app" });
          const a = await named({ name: "a", networks: [{ network: "app" }] });
          expect(await engine.call("isResponderMissing")).toBe(false);
          const [first] = host.responders();
          process.kill(first!, "SIGKILL");
          await until(() => !isRunning(first!));
          expect(await engine.call("isResponderMissing")).toBe(true);
          await engine.call("reviveNetwork", a.container.id);
          expect(await engine.call("isResponderMissing")).toBe(false);
          expect(a.container.resolve("a")).toEqual(a.addresses);
        },
      );

      onHost("answers what is no proper question with an error, or not at all, and goes on", async () => {
        await engine.store("create", { name: "app" });
        const a = await named({ name: "a", networks: [{ network: "app" }] });
        const send = `
      import os, random, socket
      random.seed(7)
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      for i in range(3000):
          head = bytes([1, 2, random.choice([0, 1, 0x80, 0x78]), 0, 0, random.choice([0, 1, 1, 1, 9]), 0, 0, 0, 0, 0, 0])
          body = bytes(random.choice([0, 1, 3, 63, 64, 192, 255, random.randrange(256)]) for _ in range(random.randrange(80)))
          s.sendto((head + body)[: random.randrange(100)], ("10.87.0.1", 53))`;
        a.container.sh(`python3 -c '${send.replaceAll(/^ {6}/gm, "")}'`);
        const [pid] = host.responders();
        expect(isRunning(pid!)).toBe(true);
        expect(a.container.resolve("a")).toEqual(a.addresses);
      });
    });
  });
}
