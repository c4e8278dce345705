/** Kill -9 of whoever takes part in `run`, whenever, with a network and a published port: the next command repairs it. */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { needs } from "../support/needs.ts";
import { forgetMachines, hasCgroup, Machine, prepareMachines } from "./a-machine.ts";
import type { Strike } from "./strike.ts";

const onMachine = needs("root", "cgroup2", "program:ip", "program:nft", "program:pgrep");

beforeAll(prepareMachines);
afterAll(forgetMachines);

const port = { hostIp: undefined, hostPort: 8080, hostPortEnd: undefined, containerPort: 80 } as const;

/** The same port and the same name each time: what is left of one is in the way of the next. */
const request = {
  name: "web",
  command: ["sleep", "1000"],
  network: {
    mode: "bridge",
    networks: [{ network: "app", aliases: ["www"], ipv4: undefined, ipv6: undefined, mac: undefined }],
    ports: [{ ...port, protocol: "tcp" }],
  },
} as const;

/** RUNT_KILL_NINE=all takes minutes and strikes at every point. */
const stride = process.env.RUNT_KILL_NINE === "all" ? 1 : 9;

async function strikeEverywhere(
  victim: Strike["victim"],
  check: (machine: Machine, at: string, ended: Awaited<ReturnType<Machine["run"]>>) => Promise<void>,
  changes: Parameters<Machine["run"]>[0] = {},
  every = stride,
): Promise<void> {
  const asked = { ...request, ...changes };
  await using machine = await Machine.boot();
  await machine.call("createNetwork", { name: "app" });
  const whole = await machine.run(asked, { at: -1, victim });
  const points = whole.stdout.split("\n").filter((line) => /^\d/.test(line));
  expect(whole, whole.stderr).toMatchObject({ code: 0 });
  expect(points.length).toBeGreaterThan(60);
  await machine.clear();
  expect(await machine.remains()).toEqual([]);
  // Another one of them each time, so that all are struck at some time.
  for (let at = Math.floor(Math.random() * every); at < points.length; at += every) {
    const name = `${victim} at ${points[at]}`;
    const ended = await machine.run(asked, { at, victim });
    // A turn of waiting less than the first time: it has got through.
    if (!ended.stdout.includes(`\n${at} `) && at > 0) {
      await machine.clear();
      continue;
    }
    const ids = (await machine.call("states")).map(({ id }) => id);
    try {
      await check(machine, name, ended);
      await machine.clear();
      expect(await machine.remains()).toEqual([]);
      expect(ids.filter(hasCgroup)).toEqual([]);
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}\n${ended.stderr}`, { cause: error });
    }
  }
}

describe("kill -9 at a step of `run`", () => {
  onMachine(
    "of runt: what it made can be listed and removed; nothing is left",
    () =>
      strikeEverywhere("runt", async (machine, at, { signal }) => {
        expect(signal, at).toBe("SIGKILL");
        for (const { status } of await machine.call("list", { all: true }))
          expect(["created", "running"], at).toContain(status);
      }),
    120_000,
  );

  onMachine(
    "of runt, the monitor and init at once: the port and the name are free for the next one",
    () =>
      strikeEverywhere("everything", async (machine, at, { signal }) => {
        expect(signal, at).toBe("SIGKILL");
        // Nobody has looked at what is left.
        const next = await machine.run({ ...request, name: "next" });
        expect(next, at).toMatchObject({ code: 0, stderr: "" });
        expect(await machine.status("next"), at).toBe("running");
        expect((await machine.call("members", "app")).map(({ names }) => names[0])).toEqual(["next"]);
        for (const { name, status } of await machine.call("list", { all: true }))
          if (name === "web") expect(["created", "exited"], at).toContain(status);
      }),
    120_000,
  );

  for (const victim of ["monitor", "init"] as const) {
    onMachine(
      `of the ${victim}: an error that says so, or a container that has ended`,
      () =>
        strikeEverywhere(victim, async (machine, at, { code, stdout, stderr }) => {
          if (code !== 0) {
            expect(code, at).toBe(125);
            expect(stderr, at).toMatch(/^\w+: .{8,}\n$/);
            const status = await machine.status("web");
            expect(["gone", "created", "exited"], at).toContain(status);
          } else if (!/^ran/m.test(stdout)) throw new Error("no word of it");
          else expect(["running", "exited"], at).toContain(await machine.status("web"));
        }),
      120_000,
    );
  }

  onMachine(
    "of all at once, with --rm: what had run is removed by whoever comes next",
    () =>
      strikeEverywhere(
        "everything",
        async (machine, at) => {
          const [made] = await machine.call("states");
          if (made?.status === "creating") {
            // Nobody has looked at what is left, and its name and its port are free.
            const again = await machine.run({ ...request, autoRemove: true });
            expect(again, at).toMatchObject({ code: 0, stderr: "" });
            await machine.call("remove", "web", { force: true });
          }
          expect(await machine.run({ ...request, name: "next" }), at).toMatchObject({ code: 0, stderr: "" });
          // What had not been started yet is nobody's to remove: docker keeps it too.
          expect(["gone", "created"], at).toContain(await machine.status("web"));
        },
        { autoRemove: true },
        2 * stride,
      ),
    120_000,
  );

  onMachine(
    "of init, with --restart=always: it runs again, until it is stopped",
    () =>
      strikeEverywhere(
        "init",
        async (machine, at, { code }) => {
          if (code !== 0)
            return expect(["gone", "created", "exited"], at).toContain(await machine.status("web"));
          await machine.becomes("web", "running");
          await machine.call("stop", "web", { timeoutSeconds: 0 });
          expect(await machine.status("web"), at).toBe("exited");
        },
        { restart: { name: "always" } },
        2 * stride,
      ),
    120_000,
  );
});
