/** A container from create to rm: states, names, IDs, exit codes. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { openView } from "../../../src/engine/container/view.ts";
import { eventually } from "../../support/container.ts";
import { asRoot } from "../../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

describe("states — docker's words", () => {
  asRoot("created, running, paused, running, exited, running, gone; nothing is left", async () => {
    await using t = await TestEngine.open();
    const { engine } = t;
    const { id, name } = await engine.create(
      t.script("trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done", { name: "one" }),
    );
    expect(name).toBe("one");
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await t.status(id)).toBe("created");
    expect((await engine.inspect("one")).State).toMatchObject({ Status: "created", Running: false, Pid: 0 });
    expect(await engine.list()).toEqual([]);

    (await engine.start("one"))[Symbol.dispose]();
    expect((await engine.inspect("one")).State).toMatchObject({
      Status: "running",
      Running: true,
      ExitCode: 0,
    });
    await engine.pause("one");
    expect(await t.status(id)).toBe("paused");
    await expect(engine.pause("one")).rejects.toMatchObject({ kind: "FailedPrecondition" });
    await engine.unpause("one");
    expect(await t.status(id)).toBe("running");
    await t.said(id, "ready");
    await engine.stop("one");
    expect((await engine.inspect("one")).State).toMatchObject({
      Status: "exited",
      Running: false,
      ExitCode: 7,
      Pid: 0,
    });
    // Already stopped: no error.
    await engine.stop("one");
    await expect(engine.kill("one")).rejects.toMatchObject({ kind: "FailedPrecondition" });

    await engine.restart("one");
    expect(await t.status(id)).toBe("running");
    await expect(engine.remove("one")).rejects.toMatchObject({ kind: "FailedPrecondition" });
    await engine.remove("one", { force: true });
    expect(await t.status(id)).toBe("gone");
    await expect(engine.remove("one")).rejects.toMatchObject({ kind: "NotFound" });
    expect(t.remains()).toEqual([]);
    expect(t.log).toEqual([]);
  });

  asRoot("run: who finds it before it runs waits, and finds it running", async () => {
    await using t = await TestEngine.open();
    const { engine } = t;
    let other: ReturnType<typeof engine.start> | undefined;
    using mine = await engine.run(t.script("while :; do sleep 0.1; done", { name: "one" }), {
      onCreated: ({ id }) => {
        other = engine.start(id);
      },
    });
    using _found = await other!;
    const { State } = await engine.inspect("one");
    expect(State).toMatchObject({ Running: true, Pid: mine.record.run.init!.pid });
    const actions = engine.context.store.events.after(0).map(({ action }) => action);
    expect(actions.filter((action) => ["create", "start", "die"].includes(action))).toEqual([
      "create",
      "start",
    ]);
    await engine.remove("one", { force: true });
    expect(t.remains()).toEqual([]);
  });

  asRoot("without anybody who waits, the end is recorded by the exit command", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(t.script("exit 5"));
    expect(await t.engine.wait(id)).toBe(5);
    await t.becomes(id, "exited");
    expect((await t.engine.inspect(id)).State).toMatchObject({ ExitCode: 5, Error: "" });
    expect(t.errors(id)).toBe("");
    // What it does is seen at once; to take it apart takes a moment.
    await eventually(() => (t.cgroups().length === 0 ? true : undefined), "the cgroup's end");
  });

  asRoot("--rm removes it, whoever waits or does not", async () => {
    await using t = await TestEngine.open();
    const attended = await t.output(t.script("echo out; echo err >&2; exit 4", { autoRemove: true }));
    expect(attended).toMatchObject({ code: 4, stdout: "out\n", stderr: "err\n" });
    expect(await t.status(attended.id)).toBe("gone");
    const id = await t.running(t.script("exit 0", { autoRemove: true }));
    expect(await t.engine.wait(id, { condition: "removed" })).toBe(0);
    expect(await t.status(id)).toBe("gone");
    expect(t.remains()).toEqual([]);
  });
});

describe("what a container writes — Documentation/filesystems/overlayfs.rst, volatile mount", () => {
  asRoot("is waited for to be on disk, unless the container is removed with its end", async () => {
    await using t = await TestEngine.open();
    const root = t.script("grep ' / / ' /proc/self/mountinfo");
    expect((await t.output(root)).stdout).not.toContain("volatile");
    expect((await t.output({ ...root, autoRemove: true })).stdout).toContain("volatile");
    expect(t.remains()).toEqual([]);
  });

  asRoot("a start that failed can be tried again, and its files be looked at", async () => {
    await using t = await TestEngine.open();
    const { id } = await t.engine.create(t.request({ command: ["/missing"], autoRemove: true }));
    for (let attempt = 0; attempt < 2; attempt++)
      await expect(t.engine.start(id)).rejects.toThrow(/\/missing.*no such file/);
    expect(existsSync(join(t.root, "containers", id, "work/work/incompat/volatile"))).toBe(true);
    {
      await using view = await openView(t.engine.context, id, "cp");
      expect(existsSync(`/proc/self/fd/${view.root.n}/etc/passwd`)).toBe(true);
    }
    await expect(t.engine.start(id)).rejects.toThrow(/\/missing.*no such file/);
    await t.engine.remove(id);
    expect(t.remains()).toEqual([]);
  });
});

describe("exit codes — as a shell says them", () => {
  asRoot("of the program, of a signal, of what is not there, of what cannot be executed", async () => {
    await using t = await TestEngine.open();
    expect((await t.output(t.script("exit 42"))).code).toBe(42);
    const killed = await t.running();
    await t.engine.kill(killed);
    expect(await t.engine.wait(killed)).toBe(137);
    const { exitCodeOf } = await import("../../../src/engine/exit-code.ts");
    for (const [command, code] of [
      ["/missing", 127],
      ["/noexec", 126],
      ["/etc", 126],
    ] as const) {
      const { id } = await t.engine.create(t.request({ command: [command] }));
      const error = await t.engine.start(id).then(
        () => undefined,
        (e) => e,
      );
      expect(error, command).toMatchObject({ name: "RuntError" });
      expect(exitCodeOf(error), `${command}: ${error.message}`).toBe(code);
      expect((await t.engine.inspect(id)).State).toMatchObject({ Status: "created", ExitCode: code });
      expect((await t.engine.inspect(id)).State.Error).toContain(command);
    }
  });
});

describe("names and IDs", () => {
  asRoot("a name is unique, also among stopped ones, and the error names the holder", async () => {
    await using t = await TestEngine.open();
    const { id } = await t.engine.create(t.request({ name: "web" }));
    await expect(t.engine.create(t.request({ name: "web" }))).rejects.toMatchObject({
      kind: "AlreadyExists",
      message: expect.stringContaining(id),
    });
    await expect(t.engine.create(t.request({ name: "-web" }))).rejects.toMatchObject({
      kind: "InvalidArgument",
    });
    const other = await t.engine.create(t.request());
    expect(other.name).toMatch(/^[a-z]+_[a-z]+\d*$/);
    await expect(t.engine.rename(other.id, "web")).rejects.toMatchObject({ kind: "AlreadyExists" });
    await t.engine.rename("web", "db");
    await t.engine.rename(other.id, "web");
    expect((await t.engine.find("db")).id).toBe(id);
    expect((await t.engine.find("/db")).id).toBe(id);
    expect(t.remains().filter((what) => what.startsWith("directory"))).toHaveLength(2);
  });

  asRoot("an ID by its beginning, unless two begin so; a name comes before that", async () => {
    await using t = await TestEngine.open();
    const { id } = await t.engine.create(t.request());
    expect((await t.engine.find(id.slice(0, 12))).id).toBe(id);
    const { id: named } = await t.engine.create(t.request({ name: id.slice(0, 4) }));
    expect((await t.engine.find(id.slice(0, 4))).id).toBe(named);
    await expect(t.engine.find("nobody")).rejects.toMatchObject({
      kind: "NotFound",
      message: "no such container: nobody",
    });
    const ids = [id, named];
    while (new Set(ids.map((one) => one[0])).size === ids.length)
      ids.push((await t.engine.create(t.request())).id);
    const twice = ids.find((one, i) => ids.some((other, j) => i !== j && other[0] === one[0]))!;
    await expect(t.engine.find(twice[0]!)).rejects.toMatchObject({ kind: "InvalidArgument" });
  });
});

describe("what the program gets", () => {
  asRoot("environment, user by name with his groups and home, hostname, working directory", async () => {
    await using t = await TestEngine.open();
    const { stdout } = await t.output(
      t.script("env | sort; id; hostname; pwd; cat /etc/hostname", {
        user: "alice",
        groups: ["video"],
        env: ["A=1", "FROM=me"],
        hostname: "inside",
        workingDir: "/made/here",
      }),
    );
    expect(stdout).toContain("A=1\nFROM=me\nHOME=/home/alice\nHOSTNAME=inside\n");
    expect(stdout).toContain("uid=1000(alice) gid=1001(alice) groups=10(wheel),44(video),1001(alice)");
    expect(stdout).toContain("\ninside\n/made/here\ninside\n");
  });

  asRoot("no network but lo, and a hostname of twelve digits", async () => {
    await using t = await TestEngine.open();
    const { stdout, id } = await t.output(t.script("hostname; ls /sys/class/net; cat /etc/resolv.conf"));
    expect(stdout).toMatch(new RegExp(`^${id.slice(0, 12)}\nlo\nnameserver `));
  });

  asRoot("with --init pid 1 is ours, and the program's end is its end", async () => {
    await using t = await TestEngine.open();
    const { stdout, code } = await t.output(t.script("cat /proc/1/comm; echo $$; exit 9", { init: true }));
    expect(code).toBe(9);
    expect(stdout.split("\n")[0]).toBe("docker-init");
    expect(stdout.split("\n")[1]).not.toBe("1");
    const id = await t.running(
      t.script("trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done", { init: true }),
    );
    await t.said(id, "ready");
    await t.engine.stop(id);
    expect((await t.engine.inspect(id)).State.ExitCode).toBe(3);
  });
});
