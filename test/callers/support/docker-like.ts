/** What podman and docker have in common: a command line. One suite for both. */
import { readFileSync } from "node:fs";
import { afterAll, afterEach, describe, expect } from "vitest";
import { freshName } from "../../support/bundle.ts";
import { missing, needs } from "../../support/needs.ts";
import { type Outcome, type Turn, talk, talking } from "./command.ts";
import { deaf, greedy, imageName, waiting } from "./image.ts";
import type { Room } from "./room.ts";

/** An engine in its room, with our image. */
export interface DockerLike {
  readonly room: Room;
  /** Its program, with the flags that come before the verb. */
  readonly program: readonly string[];
  /** Flags of `run` that this machine needs. */
  readonly flags: readonly string[];
  /** The profile of its containers, where the machine has AppArmor. */
  readonly appArmorProfile: RegExp;
  /** What `exec` of a program that is not there exits with. */
  readonly execNotFound: number;
}

/** Registers the suite. `open` makes the engine; `wanted` is what the machine must have. */
export function describeDockerLike(
  name: string,
  wanted: readonly string[],
  open: () => Promise<DockerLike>,
): void {
  const asEngine = needs("root", "cgroup2", ...wanted);
  const asEngineOnHost = needs("root", "cgroup2", "real processor", ...wanted);
  const asEngineWithLimits = needs(
    "root",
    ...wanted,
    ...["memory", "pids", "cpu"].map((controller) => `${controller} controller`),
  );
  let opening: Promise<DockerLike> | undefined;
  /** The engine, made by the first test that is not skipped. */
  const opened = (): Promise<DockerLike> => {
    opening ??= open();
    return opening;
  };
  afterEach(async () => {
    const engine = await opening;
    if (engine) expect(await engine.room.leftovers(), "left behind by this test").toEqual([]);
  });
  afterAll(async () => (await opening)?.room[Symbol.asyncDispose]());

  const run = async (...args: string[]): Promise<Outcome> => {
    const { room, program } = await opened();
    return room.run([...program, ...args]);
  };
  const ok = async (...args: string[]): Promise<string> => {
    const { room, program } = await opened();
    return room.ok([...program, ...args]);
  };
  const terminal = async (args: readonly string[], dialogue?: readonly Turn[]): Promise<Outcome> => {
    const { room, program } = await opened();
    return room.terminal([...program, ...args], dialogue);
  };
  /** Starts a container in the background. @returns its name */
  const detached = async (args: readonly string[], ...flags: string[]): Promise<string> => {
    const { flags: usual } = await opened();
    const id = freshName();
    await ok("run", "--detach", "--name", id, ...usual, ...flags, imageName, ...args);
    return id;
  };
  const inspected = (id: string, field: string): Promise<string> =>
    ok("inspect", "--type", "container", "--format", `{{.State.${field}}}`, id);

  describe(`${name}: run`, () => {
    asEngine("input, output, errors and exit status of a program", async () => {
      const { room, program, flags } = await opened();
      const script = "cat; echo wrong >&2; exit 3";
      const outcome = await room.run(
        [...program, "run", "--rm", "--interactive", ...flags, imageName, "sh", "-c", script],
        { input: "from outside\n" },
      );
      expect(outcome).toMatchObject({ status: 3, stdout: "from outside\n" });
      expect(outcome.stderr).toContain("wrong\n");
    });

    for (const [program, status, message] of [
      ["/plain", 126, /permission denied/],
      ["no-such-program", 127, /executable file not found in \$PATH/],
    ] as const) {
      asEngineOnHost(`${program}: exit status ${status}`, async () => {
        const { flags } = await opened();
        const outcome = await run("run", "--rm", ...flags, imageName, program);
        expect(outcome).toMatchObject({ status, stdout: "" });
        expect(outcome.stderr).toMatch(message);
      });
    }

    asEngine("a terminal: its size, what is typed, and exit status 0", async () => {
      const { flags } = await opened();
      const args = ["run", "--rm", "-it", ...flags, imageName, "sh", "-c", `tty; ${talking}`];
      const outcome = await terminal(args, talk);
      expect(outcome.status, outcome.stdout).toBe(0);
      expect(outcome.stdout).toContain("/dev/pts/0\n");
      expect(outcome.stdout).toContain("got hello\n");
    });
  });

  describe(`${name}: a container in the background`, () => {
    asEngine("exec with and without a terminal, top, pause, unpause, stop, logs", async () => {
      const { room, program, execNotFound } = await opened();
      const id = await detached(waiting);
      const pid = Number(await inspected(id, "Pid"));
      const processStatus = readFileSync(room.path(`/proc/${pid}/status`), "utf8");
      expect(processStatus).toMatch(/^Seccomp:\t2$/m); // a filter, the engine's own

      const script = 'id -u; echo "$A"; cat; echo wrong >&2; exit 5';
      const flags = ["--interactive", "--user", "other", "--env", "A=b c"];
      const outcome = await room.run([...program, "exec", ...flags, id, "sh", "-c", script], {
        input: "from outside\n",
      });
      expect(outcome).toMatchObject({ status: 5, stdout: "1000\nb c\nfrom outside\n" });
      expect(outcome.stderr).toContain("wrong\n");
      expect(await run("exec", id, "/plain")).toMatchObject({ status: 126 });
      expect(await run("exec", id, "no-such-program")).toMatchObject({ status: execNotFound });
      const dialogue = await terminal(["exec", "-it", id, "sh", "-c", `${talking}; exit 6`], talk);
      expect(dialogue.status, dialogue.stdout).toBe(6);
      expect(dialogue.stdout).toContain("got hello\n");
      expect(await ok("top", id)).toContain("trap");

      await ok("pause", id);
      expect(room.cgroupFile(pid, "cgroup.events")).toContain("frozen 1");
      await ok("unpause", id);
      expect(room.cgroupFile(pid, "cgroup.events")).toContain("frozen 0");

      await room.heedsTerm(pid);
      await ok("stop", id);
      expect(await inspected(id, "ExitCode")).toBe("7");
      expect(await ok("logs", id)).toBe("up");
      await ok("rm", id);
    });

    asEngine("a program that heeds nothing but SIGKILL, beside one that exec has started: 137", async () => {
      const { room } = await opened();
      const id = await detached(deaf);
      await ok("exec", "--detach", id, "sleep", "1000");
      await room.heedsTerm(Number(await inspected(id, "Pid")));
      await ok("stop", "--time", "1", id);
      expect(await inspected(id, "ExitCode")).toBe("137");
      expect(await inspected(id, "OOMKilled")).toBe("false");
      await ok("rm", id);
    });

    asEngineOnHost("is removed by force while it runs", async () => {
      await ok("rm", "--force", await detached(waiting));
    });
  });

  describe(`${name}: limits`, () => {
    asEngineWithLimits(
      "and the AppArmor profile are in the kernel after run, and limits after update",
      async () => {
        const { room, appArmorProfile } = await opened();
        const limits = ["--memory", "64m", "--memory-swap", "64m", "--pids-limit", "33", "--cpus", "0.5"];
        const id = await detached(waiting, ...limits);
        const pid = Number(await inspected(id, "Pid"));
        const inKernel = (...files: string[]): string[] => files.map((file) => room.cgroupFile(pid, file));
        expect(inKernel("memory.max", "memory.swap.max")).toEqual([String(64 << 20), "0"]);
        expect(inKernel("pids.max", "cpu.max")).toEqual(["33", "50000 100000"]);
        if (!missing("apparmor"))
          expect(readFileSync(room.path(`/proc/${pid}/attr/current`), "utf8")).toMatch(appArmorProfile);
        await ok("update", "--memory", "96m", "--memory-swap", "96m", "--cpus", "0.25", id);
        expect(inKernel("memory.max", "memory.swap.max")).toEqual([String(96 << 20), "0"]);
        expect(inKernel("pids.max", "cpu.max")).toEqual(["33", "25000 100000"]);
        await ok("rm", "--force", id);
      },
    );

    asEngineWithLimits("a container that runs out of memory: 137, and OOMKilled", async () => {
      const id = freshName();
      const { flags } = await opened();
      const limits = ["--memory", "32m", "--memory-swap", "32m"];
      const outcome = await run("run", "--name", id, ...flags, ...limits, imageName, ...greedy);
      expect(outcome).toMatchObject({ status: 137 });
      expect(await inspected(id, "OOMKilled")).toBe("true");
      await ok("rm", id);
    });
  });
}
