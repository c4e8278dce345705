/** Networks that plugins make: Debian's own with real traffic, and one that writes down what it is told. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfigList, loadConfigLists } from "../../../src/engine/network/index.ts";
import { parsePortMapping } from "../../../src/engine/network/port-mapping.ts";
import { missing, needs } from "../../support/needs.ts";
import {
  type Engine,
  hostAddress,
  outside,
  type TestContainer,
  TestHost,
} from "../../support/network-host.ts";

const wanted = ["root", "program:ip", "program:nft"] as const;
const onHost = needs(...wanted);
const withPlugins = needs(...wanted, "program:/usr/lib/cni/bridge");

let host: TestHost;
let engine: Engine;
let told: string;

/** Answers as a plugin, after it wrote down command, environment and configuration. Fails where a file says so. */
const plugin = `#!/bin/sh
name=$(basename "$0")
config=$(cat)
printf '%s %s %s %s %s\\n' "$name" "$CNI_COMMAND" "$CNI_IFNAME" "\${CNI_NETNS:-none}" "$CNI_ARGS" >> "$TOLD/calls"
printf '%s\\n' "$config" > "$TOLD/$name-$CNI_COMMAND"
if [ -e "$TOLD/fail-$name-$CNI_COMMAND" ]; then cat "$TOLD/fail-$name-$CNI_COMMAND"; rm "$TOLD/fail-$name-$CNI_COMMAND"; exit 1; fi
[ "$CNI_COMMAND" = ADD ] || exit 0
echo '{"cniVersion":"1.0.0","interfaces":[{"name":"'$CNI_IFNAME'","mac":"02:00:00:00:00:01","sandbox":"/x"}],"ips":[{"address":"10.9.8.7/24","gateway":"10.9.8.1","interface":0}],"dns":{"nameservers":["10.9.8.53"],"search":["example"]},"by":"'$name'"}'
`;

beforeAll(async () => {
  if (missing(...wanted)) return;
  host = await TestHost.make();
  told = join(host.directory, "told");
  const plugins = join(host.directory, "plugins");
  for (const directory of [told, plugins]) mkdirSync(directory);
  for (const name of ["first", "second"]) {
    writeFileSync(join(plugins, name), plugin);
    chmodSync(join(plugins, name), 0o755);
  }
  process.env.CNI_PATH = `${plugins}:/opt/cni/bin:/usr/lib/cni`;
  process.env.TOLD = told;
  engine = host.engine();
});
afterAll(async () => {
  delete process.env.CNI_PATH;
  delete process.env.TOLD;
  await host?.[Symbol.asyncDispose]();
});

function calls(): string[] {
  const path = join(told, "calls");
  const lines = existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  writeFileSync(path, "");
  return lines.filter(Boolean);
}

function configOf(name: string, command: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(told, `${name}-${command}`), "utf8"));
}

const chain = {
  cniVersion: "1.0.0",
  name: "written",
  plugins: [
    { type: "first", capabilities: { portMappings: true }, keyOnlyForIt: 1 },
    { type: "second", capabilities: { portMappings: false, ips: true } },
  ],
};

function setUp({ id, namespace }: TestContainer, ...ports: string[]) {
  const networks = [{ network: "fake", ipv4: "10.9.8.7" }];
  return engine.call("setupNetwork", { id, namespace, networks, ports: ports.flatMap(parsePortMapping) });
}

describe("a network of plugins — CNI spec 1.1.0 sections 2 and 3", () => {
  onHost("ADD goes through the list, each with the result before it and with what it declares", async () => {
    await engine.store("create", { name: "fake", driver: "cni", cni: chain });
    using container = await host.container();
    const { id, namespace } = container;
    const setup = await setUp(container, "8080:80");
    expect(calls()).toEqual([
      `first ADD eth0 ${namespace} IgnoreUnknown=1`,
      `second ADD eth0 ${namespace} IgnoreUnknown=1`,
    ]);
    expect(setup.attachments[0]).toMatchObject({
      ipv4: "10.9.8.7/24",
      gateway4: "10.9.8.1",
      macAddress: "02:00:00:00:00:01",
      interfaceName: "eth0",
    });
    expect(setup).toMatchObject({ nameservers: ["10.9.8.53"], searchDomains: ["example"] });
    const first = configOf("first", "ADD");
    expect(first).toMatchObject({ name: "written", cniVersion: "1.0.0", type: "first", keyOnlyForIt: 1 });
    expect(first.runtimeConfig).toEqual({
      portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
    });
    expect(first.prevResult).toBeUndefined();
    const second = configOf("second", "ADD");
    expect(second.runtimeConfig).toEqual({ ips: ["10.9.8.7"] });
    expect(second.prevResult).toMatchObject({ by: "first" });

    await engine.call("checkNetwork", id, namespace);
    expect(calls().map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
      "first CHECK",
      "second CHECK",
    ]);
    expect(configOf("first", "CHECK").prevResult).toMatchObject({ by: "second" });

    // The result is kept, and DEL comes in the reverse order with it.
    const cached = readdirSync(join(host.root, "networks/cni"));
    expect(cached).toEqual([`written-${id}-eth0`]);
    await engine.call("teardownNetwork", id, { namespace });
    expect(calls()).toEqual([
      `second DEL eth0 ${namespace} IgnoreUnknown=1`,
      `first DEL eth0 ${namespace} IgnoreUnknown=1`,
    ]);
    expect(configOf("first", "DEL").prevResult).toMatchObject({ by: "second" });
    expect(configOf("first", "DEL").runtimeConfig).toEqual(first.runtimeConfig);
    expect(readdirSync(join(host.root, "networks/cni"))).toEqual([]);
  });

  onHost("an ADD that fails is followed by DEL of all, and its message is the error", async () => {
    using container = await host.container();
    writeFileSync(
      join(told, "fail-second-ADD"),
      '{"cniVersion":"1.0.0","code":7,"msg":"bad thing","details":"very"}',
    );
    const attempt = setUp(container);
    await expect(attempt).rejects.toMatchObject({
      kind: "Internal",
      message: "plugin second (ADD): bad thing; very",
      site: { code: "CNI 7" },
    });
    expect(calls().map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
      "first ADD",
      "second ADD",
      "second DEL",
      "first DEL",
    ]);
    expect(readdirSync(join(host.root, "networks/cni"))).toEqual([]);
  });

  onHost("one that says to try again is asked again", async () => {
    using container = await host.container();
    writeFileSync(join(told, "fail-first-ADD"), '{"code":11,"msg":"later"}');
    await setUp(container);
    expect(calls().map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
      "first ADD",
      "first ADD",
      "second ADD",
    ]);
    await engine.call("teardownNetwork", container.id);
    calls();
  });

  onHost(
    "a DEL that fails is tried again the next time; reconcile deletes what dead containers have",
    async () => {
      using container = await host.container();
      await setUp(container);
      writeFileSync(join(told, "fail-second-DEL"), '{"code":5,"msg":"not now"}');
      await expect(engine.call("teardownNetwork", container.id)).rejects.toMatchObject({
        message: "plugin second (DEL): not now",
      });
      calls();
      const { containers } = await engine.reconcile([]);
      expect(containers).toEqual([container.id]);
      // The namespace is gone by then, and plugins are told so.
      expect(calls()).toEqual([
        "second DEL eth0 none IgnoreUnknown=1",
        "first DEL eth0 none IgnoreUnknown=1",
      ]);
      expect(readdirSync(join(host.root, "networks/cni"))).toEqual([]);
    },
  );

  onHost("a plugin that is not there is named, with where it was looked for", async () => {
    const cni = { cniVersion: "1.0.0", name: "x", plugins: [{ type: "nowhere" }] };
    await engine.store("create", { name: "missing", driver: "cni", cni });
    using container = await host.container();
    const { id, namespace } = container;
    const attempt = engine.call("setupNetwork", { id, namespace, networks: [{ network: "missing" }] });
    await expect(attempt).rejects.toMatchObject({ kind: "NotFound", site: { subject: "plugin nowhere" } });
  });

  onHost("lists that cannot be are refused when the network is made", async () => {
    const wrong: [object, string][] = [
      [{ name: "x", plugins: [] }, "network wrong: plugins: must not be empty"],
      [{ cniVersion: "9.0.0", name: "x", plugins: [{ type: "a" }] }, "cniVersion 9.0.0 is not among"],
      [{ name: "a b", plugins: [{ type: "a" }] }, "network wrong: name"],
      [{ name: "x", plugins: [{ type: "../a" }] }, 'must not have a "/"'],
    ];
    for (const [cni, message] of wrong) {
      const error = await engine.store("create", { name: "wrong", driver: "cni", cni }).then(
        () => undefined,
        (reason: Error) => reason,
      );
      expect(error?.message).toContain(message);
    }
  });
});

describe("Debian's plugins", () => {
  withPlugins("bridge with host-local: a way out, and nothing left afterwards", async () => {
    const cni = {
      cniVersion: "1.0.0",
      name: "debian",
      plugins: [
        {
          type: "bridge",
          bridge: "cni0",
          isGateway: true,
          ipMasq: true,
          ipam: {
            type: "host-local",
            dataDir: join(host.directory, "leases"),
            ranges: [[{ subnet: "10.77.0.0/24" }]],
            routes: [{ dst: "0.0.0.0/0" }],
          },
        },
        { type: "portmap", capabilities: { portMappings: true } },
      ],
    };
    await engine.store("create", { name: "debian", driver: "cni", cni });
    await host.serveOutside("tcp", outside.ipv4, 7000, "internet");
    using container = await host.container();
    const { id, namespace } = container;
    const setup = await engine.call("setupNetwork", {
      id,
      namespace,
      networks: [{ network: "debian", interfaceName: "net0" }],
      ports: parsePortMapping("8081:80"),
    });
    expect(setup.attachments[0]).toMatchObject({
      ipv4: "10.77.0.2/24",
      gateway4: "10.77.0.1",
      interfaceName: "net0",
    });
    expect(container.sh("ip -o addr show net0")).toContain("10.77.0.2/24");
    expect(container.ask("tcp", outside.ipv4, 7000)).toBe(`internet ${hostAddress.ipv4}`);
    await container.serve("tcp", "0.0.0.0", 80, "plugged");
    expect(host.askFromOutside("tcp", hostAddress.ipv4, 8081)).toBe(`plugged ${outside.ipv4}`);
    await engine.call("teardownNetwork", id, { namespace });
    expect(container.sh("ip -o link")).not.toContain("net0");
    expect(
      readdirSync(join(host.directory, "leases/debian")).filter((name) => name.startsWith("10.")),
    ).toEqual([]);
    expect(host.askFromOutside("tcp", hostAddress.ipv4, 8081)).toBe("connect: Connection refused");
  });
});

describe("configuration directories", () => {
  test("are read in the order of names; what is wrong is left out and told", () => {
    const directory = join("/tmp", `runt-test-cni-${process.pid}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "20-b.conflist"), JSON.stringify(chain));
    writeFileSync(
      join(directory, "10-a.conf"),
      JSON.stringify({ cniVersion: "0.4.0", name: "a", type: "loopback" }),
    );
    writeFileSync(join(directory, "05-wrong.conflist"), "{");
    writeFileSync(join(directory, "readme"), "");
    const said: string[] = [];
    const lists = loadConfigLists(directory, (message) => said.push(message));
    expect(lists.map(({ list }) => [list.name, list.cniVersion, list.plugins.length])).toEqual([
      ["a", "0.4.0", 1],
      ["written", "1.0.0", 2],
    ]);
    expect(said).toHaveLength(1);
    expect(() => loadConfigList(join(directory, "none.conflist"))).toThrow("no such file");
    expect(loadConfigLists(join(directory, "none"))).toEqual([]);
    rmSync(directory, { recursive: true });
  });
});
