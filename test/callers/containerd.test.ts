import { afterAll, afterEach, describe, expect } from "vitest";
import { freshName } from "../support/bundle.ts";
import { needs } from "../support/needs.ts";
import { type Outcome, talk, talking } from "./support/command.ts";
import { Containerd } from "./support/containerd.ts";
import { greedy, waiting } from "./support/image.ts";

const programs = ["program:containerd", "program:containerd-shim-runc-v2", "program:ctr"];
const asEngine = needs("root", "cgroup2", ...programs);
const asEngineOnHost = needs("root", "cgroup2", "real processor", ...programs);
const asEngineWithLimits = needs("root", ...programs, "memory controller", "cpu controller");

let opening: Promise<Containerd> | undefined;
/** The engine, made by the first test that is not skipped. */
function opened(): Promise<Containerd> {
  opening ??= Containerd.open();
  return opening;
}
afterEach(async () => {
  const engine = await opening;
  if (engine) expect(await engine.room.leftovers(), "left behind by this test").toEqual([]);
});
afterAll(async () => (await opening)?.room[Symbol.asyncDispose]());

describe("containerd: run", () => {
  asEngine("output, errors and exit status of a program", async () => {
    const engine = await opened();
    const script = "echo right; echo wrong >&2; exit 3";
    const outcome = await engine.run(...engine.container(freshName(), ["sh", "-c", script], "--rm"));
    expect(outcome).toMatchObject({ status: 3, stdout: "right\n" });
    expect(outcome.stderr).toContain("wrong\n");
  });

  for (const [program, message] of [
    ["/plain", /create failed: .*exec.*\/plain.*: permission denied/],
    ["no-such-program", /create failed: .*"no-such-program": executable file not found in \$PATH/],
  ] as const) {
    asEngineOnHost(`${program}: the runtime's message`, async () => {
      const engine = await opened();
      const id = freshName();
      const outcome = await engine.run(...engine.container(id, [program], "--rm"));
      expect(outcome).toMatchObject({ status: 1, stdout: "" });
      expect(outcome.stderr).toMatch(message);
    });
  }

  asEngine("a terminal: its size, what is typed, and exit status 0", async () => {
    const engine = await opened();
    const args = engine.container(freshName(), ["sh", "-c", `tty; ${talking}`], "--rm", "--tty");
    const outcome = await engine.terminal(args, ...talk);
    expect(outcome.status, outcome.stdout).toBe(0);
    expect(outcome.stdout).toContain("/dev/pts/0\n");
    expect(outcome.stdout).toContain("got hello\n");
  });
});

describe("containerd: a container in the background", () => {
  asEngine("exec with and without a terminal, ps, metrics, pause, resume, SIGTERM", async () => {
    const engine = await opened();
    const id = freshName();
    const task = (verb: string, ...args: string[]): Promise<Outcome> => engine.run("tasks", verb, ...args);
    await engine.ok(...engine.container(id, waiting, "--detach"));

    const script = "echo right; echo wrong >&2; exit 5";
    const outcome = await task("exec", "--exec-id=one", id, "sh", "-c", script);
    expect(outcome).toMatchObject({ status: 5, stdout: "right\n" });
    expect(outcome.stderr).toContain("wrong\n");
    const missing = await task("exec", "--exec-id=two", id, "no-such-program");
    expect(missing).toMatchObject({ status: 1 });
    expect(missing.stderr).toMatch(/exec failed: .*"no-such-program": executable file not found in \$PATH/);
    const refused = await task("exec", "--exec-id=three", id, "/plain");
    expect(refused.stderr).toMatch(/exec failed: .*exec.*\/plain.*: permission denied/);

    const typed = ["tasks", "exec", "--exec-id=four", "--tty", id, "sh", "-c", `${talking}; exit 6`];
    const dialogue = await engine.terminal(typed, ...talk);
    expect(dialogue.status, dialogue.stdout).toBe(6);
    expect(dialogue.stdout).toContain("got hello\n");

    const pid = await engine.pid(id);
    expect(await engine.ok("tasks", "ps", id)).toContain(String(pid));
    expect(await engine.ok("tasks", "metrics", id)).toContain("cpu.usage_usec");

    await engine.ok("tasks", "pause", id);
    expect(engine.room.cgroupFile(pid, "cgroup.events")).toContain("frozen 1");
    await engine.ok("tasks", "resume", id);
    expect(engine.room.cgroupFile(pid, "cgroup.events")).toContain("frozen 0");

    await engine.room.heedsTerm(pid);
    expect(await engine.end(id, "SIGTERM")).toBe(7);
  });

  asEngineOnHost("SIGKILL to all, with a program that exec has started: 137", async () => {
    const engine = await opened();
    const id = freshName();
    await engine.ok(...engine.container(id, waiting, "--detach"));
    await engine.ok("tasks", "exec", "--exec-id=one", "--detach", id, "sleep", "1000");
    expect(await engine.end(id, "SIGKILL", "--all")).toBe(137);
  });
});

describe("containerd: limits", () => {
  asEngineWithLimits("are in the kernel after run", async () => {
    const engine = await opened();
    const id = freshName();
    const limits = [`--memory-limit=${64 << 20}`, "--cpus=0.5"];
    await engine.ok(...engine.container(id, waiting, "--detach", ...limits));
    const pid = await engine.pid(id);
    expect(engine.room.cgroupFile(pid, "memory.max")).toBe(String(64 << 20));
    expect(engine.room.cgroupFile(pid, "cpu.max")).toBe("50000 100000");
    expect(await engine.end(id, "SIGKILL")).toBe(137);
  });

  asEngineWithLimits("a container that runs out of memory: 137, and containerd tells of it", async () => {
    const engine = await opened();
    const events = engine.terminal(["events"], [/\/tasks\/oom/, "\x03"]);
    const args = engine.container(freshName(), greedy, "--rm", `--memory-limit=${32 << 20}`);
    expect(await engine.run(...args)).toMatchObject({ status: 137 });
    expect((await events).stdout).toContain("/tasks/oom");
  });
});
