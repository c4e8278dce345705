/** Many at once, and processes that are killed: what is left is found and removed, and nothing is given out twice. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect } from "vitest";
import { parsePortMapping } from "../../../src/engine/network/port-mapping.ts";
import { missing, needs } from "../../support/needs.ts";
import {
  type Engine,
  hostAddress,
  isRunning,
  type TestContainer,
  TestHost,
  until,
} from "../../support/network-host.ts";

const wanted = ["root", "program:ip", "program:nft", "program:pgrep"] as const;
const onHost = needs(...wanted);

let host: TestHost;
let engine: Engine;

beforeEach(async () => {
  if (missing(...wanted)) return;
  host = await TestHost.make();
  engine = host.engine();
});
afterEach(async () => {
  await host?.[Symbol.asyncDispose]();
});

function setUp(by: Engine, { id, namespace }: TestContainer, network: string, port?: string) {
  const ports = port === undefined ? [] : parsePortMapping(port);
  return by.call("setupNetwork", {
    id,
    name: `c-${id.slice(0, 6)}`,
    namespace,
    networks: [{ network }],
    ports,
  });
}

/** Nothing of any container: no link, no rule, no lease, no claim, no record, no process. */
async function expectNothing(): Promise<void> {
  expect(host.links()).toEqual([]);
  expect(host.rules()).toBe("");
  expect(readdirSync(join(host.root, "containers"))).toEqual([]);
  for (const network of await engine.store("list")) {
    expect((await engine.store("inspect", network.name)).containers).toEqual([]);
  }
  await until(() => host.responders().length === 0);
}

describe("many at once", () => {
  onHost(
    "from fifty processes: no address and no port is given out twice",
    async () => {
      const count = 50;
      const containers = await Promise.all(Array.from({ length: count }, () => host.container()));
      const engines = containers.map(() => host.engine());
      const setups = await Promise.all(
        containers.map((container, i) => setUp(engines[i]!, container, "bridge", "20000-20100:80")),
      );
      const addresses = setups.map(({ attachments }) => attachments[0]!.ipv4);
      expect(new Set(addresses).size).toBe(count);
      const ports = setups.map(({ ports: published }) => published[0]!.hostPort).sort();
      expect(ports).toEqual(Array.from({ length: count }, (_, i) => 20000 + i));
      // The kernel has it like that, too.
      for (const [i, container] of containers.entries()) {
        expect(container.sh("ip -4 -o addr show eth0")).toContain(` ${addresses[i]} `);
      }
      expect(host.rules().match(/comment "/g)).toHaveLength(count);
      await Promise.all(
        containers.map(({ id }, i) =>
          engines[(i + 1) % count]!.call("teardownNetwork", id, { namespace: null }),
        ),
      );
      for (const container of containers) container.kill();
      expect(host.rules()).not.toContain("comment");
      await until(() => host.links().join() === "runt0");
    },
    120_000,
  );

  onHost("networks too: subnets do not overlap, and a name is given once", async () => {
    const engines = [engine, host.engine()];
    const made = await Promise.all(
      Array.from({ length: 10 }, (_, i) => engines[i % 2]!.store("create", { name: `n${i}` })),
    );
    expect(new Set(made.map(({ subnets }) => subnets[0]!.subnet)).size).toBe(10);
    const same = await Promise.allSettled(engines.map((each) => each.store("create", { name: "same" })));
    expect(same.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });
});

describe("kill -9", () => {
  onHost(
    "of the engine at any moment of a setup: reconcile leaves nothing",
    async () => {
      await engine.store("create", { name: "app" });
      const containers: TestContainer[] = [];
      for (let delay = 0; delay <= 30; delay += 3) {
        const victim = host.engine();
        await victim.store("list");
        const container = await host.container();
        containers.push(container);
        setUp(victim, container, "app", `${21000 + delay}:80`).catch(() => {});
        await sleep(delay);
        await victim[Symbol.asyncDispose]();
      }
      // Those that are still there lose nothing that they have.
      const [survivor, ...dead] = containers.toReversed();
      // An address is tentative for its first second or two.
      const addresses = () => survivor!.sh("ip -o addr").replaceAll(" tentative", "");
      const before = addresses();
      for (const container of dead) container.kill();
      await engine.reconcile([survivor!.id]);
      expect(addresses()).toBe(before);
      const left = (await engine.store("inspect", "app")).containers.map(({ id }) => id);
      expect(left.filter((id) => id !== survivor!.id)).toEqual([]);
      for (const { id } of dead) expect(host.rules()).not.toContain(id);
      survivor!.kill();
      await engine.reconcile([], "remove");
      await expectNothing();
    },
    120_000,
  );

  onHost(
    "between a bridge and what is written on it: the next container does so, and it goes again",
    async () => {
      const { link, id } = await engine.store("create", { name: "app" });
      const address = ["02", ...id.slice(0, 10).match(/../g)!].join(":");
      const make = () => host.sh(`ip link add ${link} address ${address} type bridge`);
      make();
      await engine.reconcile([], "remove");
      expect(host.links()).toEqual([]);
      make();
      const container = await host.container();
      await setUp(engine, container, "app");
      expect(host.sh(`ip link show ${link}`)).toMatch(/alias runt\S* network app/);
      container.kill();
      await engine.reconcile([], "remove");
      await expectNothing();
      // Somebody else's of that name stays.
      host.sh(`ip link add ${link} type bridge`);
      await engine.reconcile([], "remove");
      expect(host.links()).toEqual([link]);
      host.sh(`ip link del ${link}`);
    },
  );

  onHost("of everything, containers included: reconcile names whom something was left of", async () => {
    await engine.store("create", { name: "app" });
    const containers = await Promise.all([host.container(), host.container()]);
    for (const [i, container] of containers.entries()) await setUp(engine, container, "app", `2200${i}:80`);
    for (const pid of host.responders()) process.kill(pid, "SIGKILL");
    for (const container of containers) container.kill();
    const { containers: found } = await engine.reconcile([], "remove");
    expect([...found].sort()).toEqual(containers.map(({ id }) => id).sort());
    await expectNothing();
    expect(await engine.reconcile([], "remove")).toEqual({ containers: [], links: [] });
  });

  onHost("and all leases gone: what is in the kernel is found by its names and comments", async () => {
    const alive = await host.container();
    const dead = await host.container();
    const setups = [];
    for (const [i, container] of [alive, dead].entries()) {
      setups.push(await setUp(engine, container, "bridge", `2300${i}:80`));
    }
    for (const name of ["members", "containers", "ports"]) rmSync(join(host.root, name), { recursive: true });
    rmSync(join(host.root, "lock"), { recursive: true });
    // Its cable hangs on although its processes are gone: something holds its namespace.
    const { containers, links } = await engine.reconcile([alive.id]);
    expect(containers).toEqual([dead.id]);
    expect(links).toEqual([setups[1]!.attachments[0]!.hostLink]);
    expect(host.rules()).not.toContain(dead.id);
    // Whoever is there keeps what he has, and nobody else gets it.
    expect(alive.sh("ip -o addr show eth0")).toContain("10.86.0.2");
    expect(await setUp(engine, alive, "bridge", "23000:80")).toMatchObject({
      attachments: [{ ipv4: "10.86.0.2/16", gateway4: "10.86.0.1", interfaceName: "eth0" }],
      ports: [{ hostPort: 23000, containerPort: 80 }],
    });
    await alive.serve("tcp", "0.0.0.0", 80, "alive");
    expect(host.askFromOutside("tcp", hostAddress.ipv4, 23000)).toMatch(/^alive /);
    const next = await host.container();
    await expect(setUp(engine, next, "bridge", "23000:80")).rejects.toMatchObject({ kind: "AlreadyExists" });
    expect((await setUp(engine, next, "bridge")).attachments[0]!.ipv4).toBe("10.86.0.3/16");
    for (const container of [alive, next]) container.kill();
    await engine.reconcile([], "remove");
    await expectNothing();
  });

  onHost(
    "of a container that has just ended, its cable still there: nothing is known of it again",
    async () => {
      const container = await host.container();
      await setUp(engine, container, "bridge", "24000:80");
      rmSync(join(host.root, "containers", `${container.id}.json`));
      await engine.reconcile([container.id], "keep", [container.id]);
      expect(readdirSync(join(host.root, "containers"))).toEqual([]);
      expect(readFileSync(join(host.root, "members", "bridge"), "utf8")).not.toContain(container.id);
      container.kill();
    },
  );

  onHost("in the middle of writing: what is half there counts for nothing", async () => {
    const container = await host.container();
    await setUp(engine, container, "bridge", "24000:80");
    writeFileSync(join(host.root, "containers", `.new-x.json-1`), "{");
    writeFileSync(join(host.root, "containers", `${"f".repeat(64)}.json`), '{"id":"fff');
    writeFileSync(
      join(host.root, "members", "bridge"),
      "last 10.86.0.9\nmember abc 10.86.0.3 - n -\nmember def 10.8",
    );
    writeFileSync(join(host.root, "ports"), `tcp * 24001 abc\ntcp * 24`);
    await engine.reconcile([container.id]);
    expect(readdirSync(join(host.root, "containers"))).toEqual([`${container.id}.json`]);
    const other = await host.container();
    const setup = await setUp(engine, other, "bridge", "24001:80");
    expect(setup.attachments[0]!.ipv4).not.toBe("10.86.0.2/16");
  });
});

describe("what others do to our rules and links", () => {
  onHost("the table flushed: the next container brings everything back, reconcile does so too", async () => {
    const first = await host.container();
    await setUp(engine, first, "bridge", "25000:80");
    await first.serve("tcp", "0.0.0.0", 80, "first");
    for (const repair of ["next", "reconcile"] as const) {
      host.sh("nft flush ruleset");
      expect(host.askFromOutside("tcp", hostAddress.ipv4, 25000)).toBe("connect: Connection refused");
      if (repair === "next") await setUp(engine, await host.container(), "bridge");
      else await engine.reconcile([first.id]);
      expect(host.askFromOutside("tcp", hostAddress.ipv4, 25000)).toMatch(/^first /);
    }
  });

  onHost("a link of the bridge's name that is not ours is left alone, and named", async () => {
    host.sh("ip link add runt0 type bridge; ip link set runt0 alias mine");
    const attempt = setUp(engine, await host.container(), "bridge");
    await expect(attempt).rejects.toMatchObject({
      kind: "AlreadyExists",
      message: "link runt0 is there already and is not ours",
    });
    await engine.reconcile([], "remove");
    expect(host.links()).toEqual(["runt0"]);
  });

  onHost("engines with other roots on the same machine do not touch each other's", async () => {
    const other = host.engine({ root: join(host.directory, "other"), instance: "runt-2" });
    const [mine, theirs] = [await host.container(), await host.container()];
    await setUp(engine, mine, "bridge", "26000:80");
    const { attachments } = await setUp(other, theirs, "bridge", "26001:80");
    expect(attachments[0]!.ipv4).toBe("10.87.0.2/16");
    await other.reconcile([], "remove");
    expect(host.rules()).toContain("table inet runt {");
    expect(host.rules()).not.toContain("runt-2");
    expect(host.links()).toContain("runt0");
    await engine.reconcile([], "remove");
    await expectNothing();
  });

  onHost("rules of others stay as they are", async () => {
    host.sh(
      "nft add table inet mine; nft add chain inet mine input { type filter hook input priority 0 \\; }",
    );
    const before = host.rules();
    const container = await host.container();
    await setUp(engine, container, "bridge", "27000:80");
    container.kill();
    await engine.reconcile([], "remove");
    expect(host.rules()).toBe(before);
  });
});

describe("state that does not outlive a reboot", () => {
  onHost("definitions may lie elsewhere: networks stay when the root is gone", async () => {
    const places = {
      root: join(host.directory, "run"),
      definitions: join(host.directory, "lib"),
      instance: "runt-3",
    };
    const first = host.engine(places);
    await first.store("create", { name: "kept" });
    const container = await host.container();
    await setUp(first, container, "kept");
    container.kill();
    rmSync(places.root, { recursive: true });
    await first.reconcile([], "remove");
    expect((await first.store("list")).map(({ name }) => name)).toEqual(["bridge", "host", "kept", "none"]);
    const again = await setUp(first, await host.container(), "kept");
    expect(again.attachments[0]!.network).toBe("kept");
    expect(isRunning(first.pid)).toBe(true);
  });

  onHost("of a root that outlives one, leases and claims are forgotten, and networks are not", async () => {
    await engine.store("create", { name: "app", subnets: [{ subnet: "10.240.1.0/30" }] });
    const before = await host.container();
    await setUp(engine, before, "app", "28000:80");
    before.kill();
    await until(() => !host.links().some((name) => name.startsWith("rv")));
    host.sh("nft flush ruleset; ip link del $(ip -j link | grep -o 'rb-[^\"]*')");
    for (const pid of host.responders()) process.kill(pid, "SIGKILL");
    writeFileSync(join(host.root, "boot"), "another boot");

    // The only address and the same port, for somebody else.
    const after = await host.container();
    const { attachments } = await setUp(engine, after, "app", "28000:80");
    expect(attachments[0]!.ipv4).toBe("10.240.1.2/30");
    await after.serve("tcp", "0.0.0.0", 80, "after");
    expect(host.askFromOutside("tcp", hostAddress.ipv4, 28000)).toMatch(/^after /);
    expect(host.rules()).not.toContain(before.id);
    expect((await engine.store("inspect", "app")).containers.map(({ id }) => id)).toEqual([after.id]);
    after.kill();
    await engine.reconcile([], "remove");
    await expectNothing();
  });

  onHost("a new namespace with the number of one that is gone is not taken for it", async () => {
    const container = await host.container();
    await setUp(engine, container, "bridge");
    // The kernel gives numbers of namespaces again.
    container.sh("ip link del eth0");
    expect(container.sh("ip -o link")).not.toContain("eth0");
    const { attachments } = await setUp(engine, container, "bridge");
    expect(container.sh("ip -4 -o addr show eth0")).toContain(` ${attachments[0]!.ipv4} `);
    container.kill();
    await engine.reconcile([], "remove");
    await expectNothing();
  });
});
