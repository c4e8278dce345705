/** Waiting until a container is ready, and the error where it does not become so. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { networkContextOf } from "../../../src/engine/network-modes.ts";
import type { RuntContainerOptions as ContainerOptions } from "../../../src/index.ts";
import { Wait, WaitError, type WaitStrategy } from "../../../src/index.ts";
import { asRoot } from "../../support/needs.ts";
import { aRunt, forgetEngines, prepareEngines, sh, type TestRunt } from "./a-runt.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

function start(r: TestRunt, options: ContainerOptions, strategy: WaitStrategy) {
  return r.runt.container("bb").with(options).withWaitStrategy(strategy).start();
}

/** What `start` throws; nothing of the container is left then. */
async function failure(r: TestRunt, options: ContainerOptions, strategy: WaitStrategy): Promise<WaitError> {
  const before = r.t.remains();
  const error = await start(r, options, strategy).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(WaitError);
  expect(r.t.remains()).toEqual(before);
  return error as WaitError;
}

const stays = "; while :; do sleep 0.1; done";

describe("for a line of the log", () => {
  asRoot("a text, a pattern, so many lines", async () => {
    await using r = await aRunt();
    const begun = performance.now();
    await using _a = await start(
      r,
      sh(`echo loading; sleep 0.3; echo it is ready${stays}`),
      Wait.forLogMessage("is ready"),
    );
    expect(performance.now() - begun).toBeGreaterThan(300);
    await using b = await start(
      r,
      sh(`for i in 1 2 3 4; do echo ready $i >&2; sleep 0.05; done${stays}`),
      Wait.forLogMessage(/^READY \d$/gi, 3),
    );
    const lines = [];
    for await (const { text } of b.logLines()) lines.push(text);
    expect(lines.length).toBeGreaterThanOrEqual(3);
  });

  asRoot("not in time: an error that has the last lines", async () => {
    await using r = await aRunt();
    const strategy = Wait.forLogMessage("never").withStartupTimeout(2000);
    const error = await failure(
      r,
      sh(`for i in $(busybox seq 30); do echo line $i; done; echo why >&2${stays}`),
      strategy,
    );
    expect(error).toMatchObject({ name: "RuntError", kind: "DeadlineExceeded", site: { operation: "wait" } });
    expect(error.message).toContain('waited for a line of its log with "never": not within 2000 ms');
    expect(error.message).toMatch(/line 30\n {4}why\n$/);
    expect(error.lastLines).toHaveLength(20);
  });

  asRoot("it ends before: at once, with its exit code", async () => {
    await using r = await aRunt();
    const error = await failure(r, sh("echo no database >&2; exit 7"), Wait.forLogMessage("ready"));
    expect(error).toMatchObject({ kind: "FailedPrecondition", lastLines: ["no database"] });
    expect(error.message).toContain("it has ended with exit code 7");
  });
});

describe("for its end, its health, a command, all of them", () => {
  asRoot("one that runs once", async () => {
    await using r = await aRunt();
    await using done = await start(r, sh("echo migrated"), Wait.forOneShotStartup());
    expect(await done.status()).toBe("exited");
    const error = await failure(r, sh("echo broken; exit 2"), Wait.forOneShotStartup());
    expect(error.message).toContain("it has ended with exit code 2");
    await using _three = await start(r, sh("exit 3"), Wait.forExit(3));
    expect((await failure(r, sh("sleep 60"), Wait.forExit().withStartupTimeout(200))).kind).toBe(
      "DeadlineExceeded",
    );
  });

  asRoot("its health check", async () => {
    await using r = await aRunt();
    const check = {
      test: "echo checked; test -e /tmp/well",
      intervalMs: 100,
      startIntervalMs: 100,
      retries: 3,
    };
    const well = { ...sh(`sleep 0.2; touch /tmp/well${stays}`), health: { ...check, startPeriodMs: 20_000 } };
    await using c = await start(r, well, Wait.forHealthCheck());
    expect((await c.inspect()).State.Health?.Status).toBe("healthy");
    const ill = await failure(r, { ...sh(`echo hm${stays}`), health: check }, Wait.forHealthCheck());
    expect(ill).toMatchObject({ kind: "FailedPrecondition", lastLines: ["hm"] });
    expect(ill.message).toContain("it is unhealthy: its last check said: checked");
    expect((await failure(r, sh(`:${stays}`), Wait.forHealthCheck())).kind).toBe("InvalidArgument");
  });

  asRoot("a command, and all of several", async () => {
    await using r = await aRunt();
    const both = Wait.forAll([Wait.forSuccessfulCommand("test -e /tmp/a"), Wait.forLogMessage("b")]);
    await using _c = await start(r, sh(`sleep 0.1; touch /tmp/a; sleep 0.1; echo b${stays}`), both);
    const one = Wait.forAll([Wait.forLogMessage("b"), Wait.forSuccessfulCommand("false")]).withStartupTimeout(
      300,
    );
    const error = await failure(r, sh(`echo b${stays}`), one);
    expect(error.kind).toBe("DeadlineExceeded");
    expect(error.message).toContain("success of /bin/sh -c false in it");
  });

  asRoot("the caller's signal: its reason, and nothing is left", async () => {
    await using r = await aRunt();
    const controller = new AbortController();
    const reason = new Error("enough");
    const starting = r.runt
      .container("bb")
      .with(sh("sleep 60"))
      .withWaitStrategy(Wait.forLogMessage("never"))
      .start({ signal: controller.signal });
    while ((await r.runt.list()).length === 0) await sleep(10);
    controller.abort(reason);
    await expect(starting).rejects.toBe(reason);
    expect(r.t.remains()).toEqual([]);
  });
});

/** Takes away what engines leave for the next container: the bridge and the rules. */
async function removeIdle({ t }: TestRunt): Promise<void> {
  const { reconcileNetworks } = await import("../../../src/engine/network/reconcile.ts");
  await reconcileNetworks(await networkContextOf(t.engine.context), { isAlive: () => false, idle: "remove" });
}

describe("for its ports", () => {
  asRoot("without a network they are seen from within", async () => {
    await using r = await aRunt();
    const server = sh("busybox ip link set lo up; sleep 0.2; exec busybox nc -ll -p 81 -e cat");
    await using _c = await start(r, { ...server, capAdd: ["NET_ADMIN"] }, Wait.forListeningPorts(81));
    const error = await failure(r, server, Wait.forListeningPorts(82).withStartupTimeout(500));
    expect(error.message).toContain("somebody to listen at port 82: not within 500 ms");
  });

  asRoot("published ones, and what is answered there", async () => {
    await using r = await aRunt();
    {
      await using network = await r.runt.networks.create({
        name: "lib",
        subnets: [{ subnet: "10.231.79.0/24" }],
      });
      const page = "mkdir /tmp/w; echo '<p>hello</p>' > /tmp/w/index.html";
      const builder = r.runt
        .container("bb")
        .withCommand(["sh", "-c", `${page}; sleep 0.2; exec busybox httpd -f -p 80 -h /tmp/w`])
        .withNetwork(network, "www")
        .withExposedPorts(80);
      await using c = await builder.start();
      const answer = await fetch(`http://${c.host}:${await c.port(80)}/`, {
        headers: { connection: "close" },
      });
      expect([answer.status, await answer.text()]).toEqual([200, "<p>hello</p>\n"]);
      expect(await c.address()).toMatch(/^10\.231\.79\.\d+$/);
      const ask = Wait.forHttp("/", 80)
        .forStatusCode(200)
        .forResponsePredicate((body) => body.includes("hello"));
      await using _again = await builder.withWaitStrategy(ask).start();
      const found = await r.runt.run("bb", { command: ["cat", "/etc/hosts"], network: [network.name] });
      expect(found.exitCode).toBe(0);
      const missing = Wait.forHttp("/none", 80).forStatusCode(200).withStartupTimeout(5000);
      const error = await builder
        .withWaitStrategy(missing)
        .start()
        .then(
          () => undefined,
          (thrown) => thrown,
        );
      expect(error).toMatchObject({ kind: "DeadlineExceeded" });
      expect(error.message).toContain(
        "an answer with status 200 to GET /none at port 80; the last answer was 404",
      );
      await expect(network.remove()).rejects.toMatchObject({ kind: "FailedPrecondition" });
    }
    expect((await r.runt.networks.list()).map(({ name }) => name)).toEqual(["bridge", "host", "none"]);
    await removeIdle(r);
  });
});

describe("a container said step by step", () => {
  asRoot("every step is in what comes of it", async () => {
    await using r = await aRunt();
    await using c = await r.runt
      .container("bb")
      .withName("stepwise")
      .withEntrypoint(["sh", "-c"])
      .withCommand([
        `cat /tmp/given; echo $A $B; pwd; id -u; touch /no 2>/dev/null || echo read-only${stays}`,
      ])
      .withEnv({ A: "1" })
      .withEnvironment({ B: "2" })
      .withWorkingDir("/home")
      .withUser(1000)
      .withLabels({ l: "m" })
      .withNetworkMode("none")
      .withTmpFs({ "/tmp": "size=1m,mode=1777" })
      .withDroppedCapabilities("ALL")
      .withUlimits({ nofile: 99 })
      .withWaitStrategy(Wait.forLogMessage("1000"))
      .withStartupTimeout(20_000)
      .start();
    const { Name, Config, HostConfig } = await c.inspect();
    expect([Name, Config.Labels.l, HostConfig.CapDrop]).toEqual(["/stepwise", "m", ["ALL"]]);
    expect(HostConfig.Ulimits).toEqual([{ Name: "nofile", Soft: 99, Hard: 99 }]);
    const lines = [];
    for await (const { text } of c.logLines({ stream: "stdout" })) lines.push(text);
    expect(lines.slice(0, 3)).toEqual(["1 2", "/home", "1000"]);
  });

  asRoot("files are there before its program", async () => {
    await using r = await aRunt();
    await using c = await r.runt
      .container("bb")
      .withCommand(["sh", "-c", "cat /etc/given"])
      .withCopyContentToContainer([{ content: "given\n", target: "/etc/given" }])
      .withNetworkMode("none")
      .withWaitStrategy(Wait.forOneShotStartup())
      .start();
    expect((await c.logs().toArray()).join("")).toBe("given\n");
  });
});
