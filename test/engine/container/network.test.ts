/** A container on networks of its own: addresses, names, ports, and their end. */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { connectContainer, disconnectContainer } from "../../../src/engine/container/connect.ts";
import { NetworkStore } from "../../../src/engine/network/index.ts";
import { networkContextOf } from "../../../src/engine/network-modes.ts";
import { eventually } from "../../support/container.ts";
import { asRoot } from "../../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

function answer(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket
      .on("data", (data) => (text += data))
      .on("end", () => resolve(text))
      .on("error", reject);
  });
}

/** Takes away what engines leave for the next container: the bridge and the rules. */
async function removeIdle(t: TestEngine): Promise<void> {
  const { reconcileNetworks } = await import("../../../src/engine/network/reconcile.ts");
  await reconcileNetworks(await networkContextOf(t.engine.context), { isAlive: () => false, idle: "remove" });
}

describe("network connect and disconnect", () => {
  asRoot("a network is told from one whose ID begins as it is called, and found by its own ID", async () => {
    await using t = await TestEngine.open();
    const networks = new NetworkStore(await networkContextOf(t.engine.context));
    const other = await networks.create({ name: "other" });
    const called = other.id.slice(0, 6);
    await networks.create({ name: called });
    const on = (...names: string[]) =>
      names.map((network) => ({
        network,
        aliases: [],
        ipv4: undefined,
        ipv6: undefined,
        mac: undefined,
      }));
    const make = async (...names: string[]) =>
      (await t.engine.create(t.script("true", { network: { mode: "bridge", networks: on(...names) } }))).id;
    const attached = (id: string) =>
      t.engine.context.store.containers.get(id)!.request.network.networks.map(({ network }) => network);
    const connect = (id: string, name: string) => connectContainer(t.engine.context, id, on(name)[0]!);
    const disconnect = (id: string, name: string) => disconnectContainer(t.engine.context, id, name);

    const named = await make(called);
    await connect(named, "other");
    expect(attached(named)).toEqual([called, "other"]);
    await disconnect(named, other.id.slice(0, 12));
    expect(attached(named)).toEqual([called]);
    await expect(disconnect(named, "other")).rejects.toMatchObject({ kind: "NotFound" });
    await disconnect(named, called);
    expect(attached(named)).toEqual([]);

    // With nothing of that name the start of an ID is one.
    const byId = await make(other.id.slice(0, 7), called);
    await connect(byId, "other");
    expect(attached(byId)).toEqual([called, "other"]);
    const again = await make(called, other.id);
    await disconnect(again, "other");
    expect(attached(again)).toEqual([called]);
  });
});

describe("--network bridge", () => {
  asRoot("an address in hosts, a published port, and nothing of it afterwards", async () => {
    await using t = await TestEngine.open();
    const subnet = { subnet: "10.231.77.0/24" };
    const networks = new NetworkStore(await networkContextOf(t.engine.context));
    await networks.create({ name: "web", subnets: [subnet] });
    const attached = { network: "web", aliases: ["www"], ipv4: undefined, ipv6: undefined, mac: undefined };
    const network = {
      mode: "bridge",
      networks: [attached],
      ports: [
        { hostIp: "127.0.0.1", hostPort: 0, hostPortEnd: undefined, containerPort: 80, protocol: "tcp" },
      ],
    } as const;
    const id = await t.running(
      t.script("while :; do echo answered | busybox nc -l -p 80; done", { network, name: "server" }),
    );
    const { NetworkSettings } = await t.engine.inspect(id);
    const address = NetworkSettings.Networks.web!.IPAddress;
    expect(address).toMatch(/^10\.231\.77\.\d+$/);
    const [published] = NetworkSettings.Ports["80/tcp"]!;
    expect(published).toMatchObject({ HostIp: "127.0.0.1", HostPort: expect.stringMatching(/^\d{4,5}$/) });
    const hosts = readFileSync((await t.engine.inspect(id)).HostsPath, "utf8");
    expect(hosts).toContain(`${address}\t${id.slice(0, 12)}\n`);
    const ask = () => answer(Number(published!.HostPort)).catch(() => "");
    expect(await eventually(async () => (await ask()) || undefined, "an answer")).toBe("answered\n");
    // Between two answers nobody listens.
    const asking = "i=0; until busybox nc -w 2 www 80; do i=$((i+1)); [ $i = 100 ] && break; sleep 0.1; done";
    const { stdout } = await t.output(
      t.script(`busybox nslookup server; ${asking}`, {
        network: { mode: "bridge", networks: [{ ...attached, aliases: [] }] },
      }),
    );
    expect(stdout).toContain(address);
    expect(stdout).toContain("answered");
    await t.engine.remove(id, { force: true });
    expect((await networks.inspect("web")).containers).toEqual([]);
    await networks.remove("web");
    await removeIdle(t);
  });

  asRoot("a port that is taken is an error before the container runs", async () => {
    await using t = await TestEngine.open();
    const port = (hostPort: number) =>
      ({
        mode: "bridge",
        ports: [
          { hostIp: "127.0.0.1", hostPort, hostPortEnd: undefined, containerPort: 80, protocol: "tcp" },
        ],
      }) as const;
    const first = await t.running(t.script("exec sleep 1000", { network: port(0) }));
    const taken = Number((await t.engine.inspect(first)).NetworkSettings.Ports["80/tcp"]![0]!.HostPort);
    const { id } = await t.engine.create(t.script("true", { network: port(taken) }));
    await expect(t.engine.start(id)).rejects.toMatchObject({ kind: "AlreadyExists" });
    expect(await t.status(id)).toBe("created");
    await t.engine.remove(first, { force: true });
    await t.engine.remove(id);
    await removeIdle(t);
  });
});
