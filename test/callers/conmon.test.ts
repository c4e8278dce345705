import { afterAll, afterEach, describe, expect } from "vitest";
import { needs } from "../support/needs.ts";
import { greedy } from "./support/image.ts";
import { Monitored } from "./support/monitored.ts";
import { Room } from "./support/room.ts";

const asEngine = needs("root", "cgroup2", "program:conmon");
const asEngineOnHost = needs("root", "cgroup2", "real processor", "program:conmon");
const asEngineWithLimits = needs("root", "program:conmon", "memory controller");

let opening: Promise<Room> | undefined;
/** Made by the first test that is not skipped. */
function opened(): Promise<Room> {
  opening ??= Room.open();
  return opening;
}
afterEach(async () => {
  const room = await opening;
  if (room) expect(await room.leftovers(), "left behind by this test").toEqual([]);
});
afterAll(async () => (await opening)?.[Symbol.asyncDispose]());

describe("conmon: a container", () => {
  asEngine("is created, started, paused, resumed, stopped: its log and exit status", async () => {
    await using container = await Monitored.create(await opened(), {});
    expect(container.report.data).toBeGreaterThan(0);
    expect((await container.state()).status).toBe("created");
    await container.start();
    await container.said("up\n");
    await container.call("pause", container.id);
    expect(container.room.cgroupFile(container.report.data, "cgroup.events")).toContain("frozen 1");
    await container.call("resume", container.id);
    expect(container.room.cgroupFile(container.report.data, "cgroup.events")).toContain("frozen 0");
    await container.call("kill", container.id, "15");
    expect(await container.exit()).toBe(7);
  });

  asEngineOnHost("output and errors are told apart; exit status 3", async () => {
    const args = ["sh", "-c", "echo right; echo wrong >&2; printf half; exit 3"];
    await using container = await Monitored.create(await opened(), { process: { args } });
    await container.start();
    expect(await container.exit()).toBe(3);
    expect(container.written("stdout")).toBe("right\nhalf");
    expect(container.written("stderr")).toBe("wrong\n");
  });

  asEngine("with a terminal, whose size follows the engine's", async () => {
    const script =
      'tty; echo ready; until stty size 2>/dev/null | grep "^33 99$"; do sleep 0.1; done; exit 4';
    const process = { terminal: true, args: ["sh", "-c", script] };
    await using container = await Monitored.create(await opened(), { process }, ["--terminal"]);
    await container.start();
    await container.said("ready");
    container.resize(33, 99);
    expect(await container.exit()).toBe(4);
    expect(container.written("stdout")).toBe("/dev/pts/0\r\nready\r\n33 99\r\n");
  });

  for (const [program, message] of [
    ["/plain", /exec.*\/plain.*: permission denied/],
    ["no-such-program", /"no-such-program\\*": executable file not found in \$PATH/],
  ] as const) {
    asEngineOnHost(`${program}: the engine gets the runtime's message`, async () => {
      await using container = await Monitored.create(await opened(), { process: { args: [program] } });
      expect(container.report.data).toBeLessThan(0);
      expect(container.report.message).toMatch(message);
    });
  }

  asEngineWithLimits("out of memory: exit status 137, and the engine is told why", async () => {
    const resources = { memory: { limit: 32 << 20, swap: 32 << 20 } };
    await using container = await Monitored.create(await opened(), {
      process: { args: greedy },
      linux: { resources },
    });
    await container.start();
    expect(await container.exit()).toBe(137);
    expect(container.outOfMemory).toBe(true);
  });
});

describe("conmon: exec", () => {
  asEngine("exit status, output, a terminal, and messages of what cannot be started", async () => {
    await using container = await Monitored.create(await opened(), {});
    await container.start();
    const plain = await container.exec(["sh", "-c", "echo right; echo wrong >&2; exit 5"], {});
    expect(plain.started.data).toBeGreaterThan(0);
    expect(plain.exit).toBe(5);
    expect(plain).toMatchObject({ stdout: "right\n", stderr: "wrong\n" });

    const onTerminal = await container.exec(["sh", "-c", "tty; exit 6"], { terminal: true }, "--terminal");
    expect(onTerminal.exit).toBe(6);
    expect(onTerminal.stdout).toBe("/dev/pts/0\r\n");

    const missing = await container.exec(["no-such-program"], {});
    expect(missing.started.data).toBeLessThan(0);
    expect(missing.started.message).toContain("executable file not found in $PATH");
    const refused = await container.exec(["/plain"], {});
    expect(refused.started.data).toBeLessThan(0);
    expect(refused.started.message).toContain("permission denied");

    await container.call("kill", container.id, "KILL");
    expect(await container.exit()).toBe(137);
  });
});
