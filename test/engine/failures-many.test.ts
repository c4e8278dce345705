/** Many commands at once, from processes of their own, with networks. */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { needs } from "../support/needs.ts";
import { forgetMachines, Machine, prepareMachines } from "./a-machine.ts";

const onMachine = needs("root", "cgroup2", "program:ip", "program:nft", "program:pgrep");

beforeAll(prepareMachines);
afterAll(forgetMachines);

describe("many at once", () => {
  onMachine(
    "fifty runs on one network with ports of one range: each has its own, and nothing is left",
    async () => {
      await using machine = await Machine.boot();
      await machine.call("createNetwork", { name: "app" });
      const count = 50;
      const range = { hostIp: undefined, hostPort: 20000, hostPortEnd: 20099, containerPort: 80 } as const;
      const results = await Promise.all(
        Array.from({ length: count }, (_, i) =>
          machine.run({
            name: `c${i}`,
            command: ["sleep", "1000"],
            network: {
              mode: "bridge",
              networks: [{ network: "app", aliases: [], ipv4: undefined, ipv6: undefined, mac: undefined }],
              ports: [{ ...range, protocol: "tcp" }],
            },
          }),
        ),
      );
      expect(results.map(({ stderr }) => stderr).filter((text) => text !== "")).toEqual([]);
      const rows = await machine.call("list", {});
      expect(rows.map(({ name }) => name).sort()).toEqual(
        Array.from({ length: count }, (_, i) => `c${i}`).sort(),
      );
      // By what each says of itself, and by what the kernel and the other records say.
      const ports = rows.map((row) => row.ports["80/tcp"]![0]!.hostPort);
      expect(new Set(ports).size).toBe(count);
      expect(new Set((await machine.call("members", "app")).map(({ id }) => id)).size).toBe(count);
      expect(machine.host.rules().match(/comment "/g)).toHaveLength(count);
      await machine.clear();
      expect(await machine.remains()).toEqual([]);
    },
    240_000,
  );

  onMachine("two that want one port: one has it, the other is told who", async () => {
    await using machine = await Machine.boot();
    const request = (name: string) =>
      ({
        name,
        command: ["sleep", "1000"],
        network: {
          mode: "bridge",
          ports: [
            { hostIp: undefined, hostPort: 9090, hostPortEnd: undefined, containerPort: 80, protocol: "tcp" },
          ],
        },
      }) as const;
    const both = await Promise.all([machine.run(request("one")), machine.run(request("two"))]);
    expect(both.map(({ code }) => code).sort(), JSON.stringify(both)).toEqual([0, 125]);
    const [holder] = await machine.call("list", {});
    expect(both.find(({ code }) => code === 125)!.stderr).toBe(
      `AlreadyExists: Bind for 0.0.0.0:9090 failed: port is already allocated to container ${holder!.id.slice(0, 12)}\n`,
    );
    const other = holder!.name === "one" ? "two" : "one";
    expect(await machine.status(other)).toBe("created");
    // The holder dies, and nobody sees it.
    await machine.killAll();
    await machine.call("start", other);
    expect(await machine.status(other)).toBe("running");
    expect(await machine.status(holder!.name)).toBe("exited");
    await machine.clear();
    expect(await machine.remains()).toEqual([]);
  });
});
