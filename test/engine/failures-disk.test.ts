/** The disk of the engine fills while containers run: errors say so, and once there is room again nothing is lost. */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { needs } from "../support/needs.ts";
import { until } from "../support/network-host.ts";
import { forgetMachines, Machine, prepareMachines } from "./a-machine.ts";

const onMachine = needs("root", "cgroup2", "program:ip", "program:nft", "program:pgrep");

beforeAll(prepareMachines);
afterAll(forgetMachines);

/** A small file system for everything that the engine keeps. */
const smallDisk = "mount -t tmpfs -o size=12m tmpfs ROOT";
const loud = {
  command: ["sh", "-c", "trap 'exit 3' TERM; while :; do echo 0123456789abcdef; done"],
} as const;

describe("a disk that is full", () => {
  onMachine(
    "while a container writes its log: it goes on; it can be stopped and removed, and so there is room again",
    async () => {
      await using machine = await Machine.boot(smallDisk);
      await machine.call("createNetwork", { name: "app" });
      const network = {
        mode: "bridge",
        networks: [{ network: "app", aliases: [], ipv4: undefined, ipv6: undefined, mac: undefined }],
      } as const;
      const sleeper = { command: ["sleep", "1000"], network };
      expect(await machine.run({ ...sleeper, name: "quiet" })).toMatchObject({ code: 0 });
      expect(await machine.run({ ...loud, network, name: "loud" })).toMatchObject({ code: 0 });
      const free = (): number => Number(machine.host.sh(`df -k --output=avail ${machine.root} | tail -1`));
      // The log has its limit, which is less than that disk; the rest is somebody else's.
      machine.host.sh(`dd if=/dev/zero of=${machine.root}/ballast bs=64k 2>/dev/null || true`);
      await until(() => free() === 0);
      const refused = await machine.run({ ...sleeper, name: "late" });
      expect(refused.code).toBe(125);
      expect(refused.stderr).toMatch(/^\w+: .*(ENOSPC|no space left)/);
      expect(await machine.status("loud")).toBe("running");
      expect(await machine.status("quiet")).toBe("running");

      await machine.call("stop", "loud", { timeoutSeconds: 5 });
      expect((await machine.call("inspect", "loud")).State).toMatchObject({ Status: "exited", ExitCode: 3 });
      await machine.call("remove", "quiet", { force: true });
      machine.host.sh(`rm ${machine.root}/ballast`);
      expect(await machine.run({ ...sleeper, name: "late" })).toMatchObject({ code: 0, stderr: "" });
      expect((await machine.call("members", "app")).map(({ names }) => names[0])).toEqual(["late"]);
      await machine.clear();
      expect(await machine.remains()).toEqual([]);
    },
    120_000,
  );

  onMachine(
    "when a network is made: an error, nothing left of it, and the next one works",
    async () => {
      await using machine = await Machine.boot(smallDisk);
      await machine.call("createNetwork", { name: "app" });
      const request = {
        name: "web",
        command: ["sleep", "1000"],
        network: {
          mode: "bridge",
          networks: [{ network: "app", aliases: [], ipv4: undefined, ipv6: undefined, mac: undefined }],
        },
      } as const;
      const id = await machine.create(request);
      const ballast = `${machine.root}/ballast`;
      machine.host.sh(`dd if=/dev/zero of=${ballast} bs=4k 2>/dev/null || true`);
      await expect(machine.call("start", id)).rejects.toThrow(/full|no space left|ENOSPC/i);
      machine.host.sh(`rm ${ballast}`);
      expect(await machine.status("web")).toBe("created");
      await machine.call("start", id);
      expect(await machine.status("web")).toBe("running");
      await machine.clear();
      expect(await machine.remains()).toEqual([]);
    },
    120_000,
  );
});
