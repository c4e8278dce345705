/** A machine that goes down while containers run: what is on disk stays true, and nothing of the kernel's part is believed. */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { needs } from "../support/needs.ts";
import { hostAddress, until } from "../support/network-host.ts";
import { forgetMachines, Machine, prepareMachines } from "./a-machine.ts";

const onMachine = needs("root", "cgroup2", "program:ip", "program:nft", "program:pgrep");

beforeAll(prepareMachines);
afterAll(forgetMachines);

const server = "while :; do echo answered | busybox nc -l -p 80; done";

function web(name: string, network = "app") {
  return {
    name,
    command: ["sh", "-c", server],
    network: {
      mode: "bridge",
      networks: [{ network, aliases: [], ipv4: undefined, ipv6: undefined, mac: undefined }],
      ports: [
        { hostIp: undefined, hostPort: 8080, hostPortEnd: undefined, containerPort: 80, protocol: "tcp" },
      ],
    },
  } as const;
}

describe("a reboot", () => {
  onMachine(
    "the first command is `run`: the port of one that ran before is free; networks are as they were",
    async () => {
      await using machine = await Machine.boot();
      await machine.call("createNetwork", { name: "app", subnets: [{ subnet: "10.240.7.0/30" }] });
      expect(await machine.run(web("before"))).toMatchObject({ code: 0, stderr: "" });
      await machine.reboot();
      expect(machine.host.links()).toEqual([]);
      // The only address of the network, and the same port.
      expect(await machine.run(web("after"))).toMatchObject({ code: 0, stderr: "" });
      // Between two answers nobody listens.
      await until(() => machine.host.askFromOutside("tcp", hostAddress.ipv4, 8080) === "answered");
      expect(await machine.status("before")).toBe("exited");
      expect((await machine.call("inspect", "before")).State).toMatchObject({
        ExitCode: 255,
        Error: "the machine went down",
      });
      expect((await machine.call("members", "app")).map(({ names }) => names[0])).toEqual(["after"]);
      await machine.clear();
      expect(await machine.remains()).toEqual([]);
    },
    120_000,
  );

  onMachine(
    "`ps` is true at once, and revive starts what is to run, with its network",
    async () => {
      await using machine = await Machine.boot();
      await machine.call("createNetwork", { name: "app" });
      const again = { ...web("again"), restart: { name: "always" } } as const;
      expect(await machine.run(again)).toMatchObject({ code: 0 });
      const sleeper = { name: "sleeper", command: ["sleep", "1000"], network: { mode: "bridge" } } as const;
      expect(await machine.run(sleeper)).toMatchObject({ code: 0 });
      const gone = { ...sleeper, name: "gone", autoRemove: true };
      expect(await machine.run(gone)).toMatchObject({ code: 0 });
      await machine.create({ ...sleeper, name: "idle" });
      await machine.reboot();
      const rows = await machine.call("list", { all: true });
      expect(Object.fromEntries(rows.map(({ name, status }) => [name, status]))).toEqual({
        again: "exited",
        sleeper: "exited",
        idle: "created",
      });
      const [id, ...more] = await machine.call("revive");
      expect(more).toEqual([]);
      expect(rows.find(({ name }) => name === "again")!.id).toBe(id);
      // Between two answers nobody listens.
      await until(() => machine.host.askFromOutside("tcp", hostAddress.ipv4, 8080) === "answered");
      await machine.call("start", "sleeper");
      expect(await machine.status("sleeper")).toBe("running");
      await machine.clear();
      expect(await machine.remains()).toEqual([]);
    },
    120_000,
  );

  onMachine(
    "in the midst of a start: what was created is created, and can be started",
    async () => {
      await using machine = await Machine.boot();
      await machine.call("createNetwork", { name: "app" });
      // The first one makes what others find.
      expect(await machine.run(web("web"))).toMatchObject({ code: 0, stderr: "" });
      await machine.clear();
      const whole = await machine.run(web("web"), { at: -1, victim: "runt" });
      await machine.clear();
      // The network is there, and the program does not run yet.
      const renames = whole.stdout.match(/^\d+ renameSync$/gm)!.length;
      const strike = { at: renames - 1, of: "renameSync", victim: "runt" } as const;
      expect(await machine.run(web("web"), strike)).toMatchObject({ signal: "SIGKILL" });
      await machine.reboot();
      expect(await machine.status("web")).toBe("created");
      await machine.call("start", "web");
      expect(await machine.status("web")).toBe("running");
      expect(machine.host.links().filter((name) => name.startsWith("rv"))).toHaveLength(1);
      await machine.clear();
      expect(await machine.remains()).toEqual([]);
    },
    120_000,
  );
});
