import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { forgetEngines, prepareEngines, TestEngine } from "../engine/an-engine.ts";
import { missing } from "../support/needs.ts";
import { command, runCli } from "./run-cli.ts";

const gone = missing("root");

const forever = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"];

describe.skipIf(gone !== undefined)(
  `runt's container verbs${gone ? ` (needs ${gone})` : ""} — docker's flags, output and exit codes`,
  { timeout: 180_000 },
  () => {
    let engine: TestEngine;

    const globals = () => ["--data-root", engine.root, "--root", engine.runRoot];
    const runt = (...args: string[]) => runCli("runt", [...globals(), ...args]);
    /** What it prints if it succeeds. */
    const out = (...args: string[]) => {
      const { status, stdout, stderr } = runt(...args);
      expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: "" });
      return stdout;
    };
    const line = (...args: string[]) => out(...args).trimEnd();
    const run = (...args: string[]) => runt("run", "--rm", "--network", "none", ...args);
    /** One that goes on in the background. */
    const running = (...options: string[]) =>
      line("run", "-d", "--network", "none", ...options, "bb", ...forever);

    beforeAll(async () => {
      prepareEngines();
      engine = await TestEngine.open();
    }, 120_000);

    afterAll(async () => {
      await engine?.[Symbol.asyncDispose]();
      forgetEngines();
    }, 120_000);

    describe("run in the foreground", () => {
      test("its output is ours, each on its stream", () => {
        expect(run("bb", "sh", "-c", "echo out; echo err >&2")).toEqual({
          status: 0,
          stdout: "out\n",
          stderr: "err\n",
        });
      });

      test.each([
        ["the program's own", ["bb", "sh", "-c", "exit 7"], 7, ""],
        [
          "127 for a program that is not there",
          ["bb", "nothing"],
          127,
          /^error: .*"nothing": executable file not found/,
        ],
        [
          "126 for one that cannot be executed",
          ["bb", "/noexec"],
          126,
          /^error: .*\/noexec.*permission denied/i,
        ],
        ["126 for a directory", ["bb", "/etc"], 126, /^error: .*\/etc/],
        [
          "125 for an image that is not there",
          ["--pull", "never", "nothing"],
          125,
          /^error: no such image: nothing\n$/,
        ],
        [
          "125 for an unknown flag",
          ["--nmae", "x", "bb"],
          125,
          /^error: unknown flag: --nmae \(did you mean --name\?\)\n/,
        ],
        ["125 for a wrong value", ["--memory", "1q", "bb"], 125, /^error: --memory "1q": not a size/],
        [
          "125 for a terminal that we have not",
          ["-it", "bb"],
          125,
          /^error: the input device is not a TTY\n$/,
        ],
      ])("exit status: %s", (_what, args, status, stderr) => {
        const outcome = run(...args);
        expect(outcome.stderr).toMatch(stderr);
        expect(outcome.status).toBe(status);
      });

      test("exit status: 128 and the number of a signal", async () => {
        const child = start("run", "--rm", "--network", "none", "--name", "shot", "bb", ...forever);
        await engine.becomes("shot", "running");
        out("kill", "shot");
        expect((await child.ended()).status).toBe(137);
      });

      test("-i: our input is its, to the end", () => {
        const [path, first] = command("runt");
        const big = Buffer.alloc(300_000, "0123456789\n");
        const args = [...first, ...globals(), "run", "-i", "--rm", "--network", "none", "bb", "wc", "-c"];
        const { status, stdout } = spawnSync(path, args, { input: big, env: {}, timeout: 60_000 });
        expect({ status, stdout: String(stdout).trim() }).toEqual({ status: 0, stdout: "300000" });
      });

      test("without -i it has none", () => {
        expect(run("bb", "cat")).toEqual({ status: 0, stdout: "", stderr: "" });
      });

      test("-a stdout: only that", () => {
        expect(run("-a", "stdout", "bb", "sh", "-c", "echo out; echo err >&2")).toMatchObject({
          stdout: "out\n",
          stderr: "",
        });
      });

      test("a large output comes whole", () => {
        const { stdout } = run("bb", "sh", "-c", "dd if=/dev/zero bs=1000 count=3000 2>/dev/null");
        expect(stdout.length).toBe(3_000_000);
      });

      test("what it says after a long silence comes too", () => {
        expect(run("bb", "sh", "-c", "sleep 0.5; echo late; echo err >&2; exit 5")).toEqual({
          status: 5,
          stdout: "late\n",
          stderr: "err\n",
        });
      });

      test("141 when nobody reads any more", () => {
        const [path, first] = command("runt");
        const args = [...globals(), "run", "--rm", "--network", "none", "--name", "unread", "bb"];
        const endless = ["sh", "-c", "while :; do echo y; done"];
        const words = [path, ...first, ...args, ...endless].map((word) => `'${word}'`).join(" ");
        const script = `{ ${words}; echo $? >&3; } 3>&2 | head -n 1`;
        const { stdout, stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8", timeout: 60_000 });
        expect({ stdout, stderr }).toEqual({ stdout: "y\n", stderr: "141\n" });
        runt("rm", "-f", "unread");
      });

      test("--rm leaves nothing, and without it the container says how it ended", () => {
        expect(runt("run", "--network", "none", "--name", "seven", "bb", "sh", "-c", "exit 7").status).toBe(
          7,
        );
        expect(line("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "seven")).toBe("exited 7");
        expect(line("ps", "-a", "--filter", "name=seven", "--format", "{{.Status}}")).toMatch(
          /^Exited \(7\) .* ago$/,
        );
        expect(out("ps", "-aq", "--no-trunc").trim().split("\n")).toHaveLength(1);
        expect(line("rm", "seven")).toBe("seven");
        expect(out("ps", "-aq")).toBe("");
      });

      test("signals are the container's", async () => {
        const child = start(
          "run",
          "--rm",
          "--network",
          "none",
          "bb",
          "sh",
          "-c",
          "trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.1; done",
        );
        await child.said("ready");
        child.process.kill("SIGTERM");
        expect(await child.ended()).toEqual({ status: 5, output: "ready\ngot\n" });
      });

      test("when nobody reads our output we go, as others do with SIGPIPE", async () => {
        const child = start(
          "run",
          "--network",
          "none",
          "--name",
          "loud",
          "bb",
          "sh",
          "-c",
          "while :; do echo y; sleep 0.01; done",
        );
        await child.said("y");
        child.process.stdout!.destroy();
        expect((await child.ended()).status).toBe(141);
        expect(line("inspect", "-f", "{{.State.Running}}", "loud")).toBe("true");
        out("rm", "-f", "loud");
      });
    });

    describe.skipIf(missing("program:script"))("run -it (needs script)", () => {
      const onTerminal = (...args: string[]) => {
        const [path, first] = command("runt");
        const words = [path, ...first, ...globals(), ...args].map(
          (word) => `'${word.replaceAll("'", "'\\''")}'`,
        );
        return watched(
          spawn("script", ["-qec", words.join(" "), "/dev/null"], {
            env: { ...process.env, SHELL: "/bin/sh" },
          }),
        );
      };

      test("a terminal: keys, echo, and the exit status", async () => {
        const child = onTerminal("run", "--rm", "-it", "--network", "none", "bb", "sh");
        await child.said("# ");
        child.process.stdin!.write("test -t 0 && echo is-$((40+2)); exit 3\n");
        const { status, output } = await child.ended();
        expect(output).toMatch(/[^\r]\r\nis-42\r\n/);
        expect(status).toBe(3);
      });

      test("the keys that detach: the container goes on, and start --attach comes back", async () => {
        const child = onTerminal("run", "-it", "--network", "none", "--name", "away", "bb", "sh");
        await child.said("# ");
        child.process.stdin!.write("\x10\x11");
        expect(await child.ended()).toMatchObject({
          status: 0,
          output: expect.stringContaining("read escape sequence"),
        });
        expect(line("inspect", "-f", "{{.State.Running}}", "away")).toBe("true");
        const again = onTerminal("start", "-ai", "away");
        again.process.stdin!.write("\n");
        await again.said("# ");
        again.process.stdin!.write("exit 4\n");
        expect((await again.ended()).status).toBe(4);
        out("rm", "away");
      });
    });

    describe("run --detach, and the rest of a life", () => {
      test("prints the whole ID; the name is taken; stop, start, restart, rm", () => {
        const id = running("--name", "life", "--label", "kind=test");
        expect(id).toMatch(/^[0-9a-f]{64}$/);
        const taken = runt("run", "-d", "--network", "none", "--name", "life", "bb");
        expect(taken.status).toBe(125);
        expect(taken.stderr).toMatch(
          new RegExp(`the container name "life" is already in use by container ${id}`),
        );
        expect(line("ps", "--format", "{{.ID}} {{.Image}} {{.Names}} {{.State}} {{.Labels}}")).toContain(
          `${id.slice(0, 12)} bb life running`,
        );
        expect(line("ps", "-q", "--filter", "label=kind=test", "--no-trunc")).toBe(id);
        expect(runt("rm", "life")).toMatchObject({
          status: 1,
          stderr: expect.stringContaining("container is running"),
        });
        expect(line("stop", "-t", "5", "life")).toBe("life");
        expect(line("inspect", "-f", "{{.State.Status}}", id.slice(0, 6))).toBe("exited");
        expect(line("wait", "life")).toBe("0");
        expect(line("start", "life")).toBe("life");
        const pid = line("inspect", "-f", "{{.State.Pid}}", "life");
        expect(existsSync(`/proc/${pid}/status`)).toBe(true);
        expect(line("restart", "-t", "5", "life")).toBe("life");
        expect(line("inspect", "-f", "{{.State.Pid}}", "life")).not.toBe(pid);
        expect(line("rm", "-f", "life")).toBe("life");
        expect(runt("rm", "-f", "life")).toEqual({
          status: 0,
          stdout: "",
          stderr: "error: no such container: life\n",
        });
        expect(runt("rm", "life").status).toBe(1);
      });

      test("--cidfile and --pidfile", () => {
        const [cidfile, pidfile] = [join(engine.directory, "cid"), join(engine.directory, "pid")];
        const id = running("--cidfile", cidfile, "--pidfile", pidfile);
        expect(readFileSync(cidfile, "utf8")).toBe(id);
        expect(readFileSync(pidfile, "utf8")).toBe(line("inspect", "-f", "{{.State.Pid}}", id));
        expect(run("--cidfile", cidfile, "bb")).toMatchObject({
          status: 125,
          stderr: expect.stringMatching(/^error: --cidfile ".*": there is such a file/),
        });
        expect(readFileSync(cidfile, "utf8")).toBe(id);
        out("rm", "-f", id);
      });

      test("a cidfile of a container that was never made is gone", () => {
        const cidfile = join(engine.directory, "cid-2");
        expect(run("--pull", "never", "--cidfile", cidfile, "nothing").status).toBe(125);
        expect(existsSync(cidfile)).toBe(false);
      });

      test("create and start -a: the exit status is the container's", () => {
        const id = line(
          "create",
          "--network",
          "none",
          "--name",
          "later",
          "bb",
          "sh",
          "-c",
          "echo hi; exit 6",
        );
        expect(line("ps", "-a", "--format", "{{.Status}}", "--filter", `id=${id}`)).toBe("Created");
        expect(runt("start", "-a", "later")).toEqual({ status: 6, stdout: "hi\n", stderr: "" });
        expect(line("wait", "later")).toBe("6");
        out("rm", "later");
      });

      test("pause, unpause, rename, kill, port, update", () => {
        running("--name", "one");
        expect(line("pause", "one")).toBe("one");
        expect(line("ps", "--format", "{{.Status}}", "--filter", "name=one")).toMatch(/^Up .* \(Paused\)$/);
        expect(line("unpause", "--all")).toMatch(/^[0-9a-f]{64}$/);
        expect(out("rename", "one", "two")).toBe("");
        expect(out("port", "two")).toBe("");
        expect(runt("port", "two", "80")).toMatchObject({
          status: 1,
          stderr: "error: no public port '80/tcp' published for two\n",
        });
        expect(line("update", "--restart", "on-failure:2", "two")).toBe("two");
        expect(line("inspect", "-f", "{{json .HostConfig.RestartPolicy}}", "two")).toBe(
          '{"Name":"on-failure","MaximumRetryCount":2}',
        );
        expect(runt("update", "two").status).toBe(125);
        expect(line("kill", "-s", "KILL", "two")).toBe("two");
        expect(line("wait", "two")).toBe("137");
        expect(runt("kill", "two")).toMatchObject({
          status: 1,
          stderr: expect.stringContaining("is not running"),
        });
        out("rm", "two");
      });

      test("several at once: what fails does not stop the others", () => {
        running("--name", "a1");
        running("--name", "a2");
        const { status, stdout, stderr } = runt("stop", "-t", "5", "a1", "none", "a2");
        expect({ status, stderr }).toEqual({ status: 1, stderr: "error: no such container: none\n" });
        expect(stdout.split("\n").sort()).toEqual(["", "a1", "a2"]);
        expect(runt("stop").status).toBe(1);
        expect(out("container", "prune", "-f")).toMatch(
          /^Deleted Containers:\n[0-9a-f]{64}\n[0-9a-f]{64}\n\nTotal reclaimed space: /,
        );
      });

      test("--replace, and what the environment says", () => {
        running("--name", "same");
        const second = running("--name", "same", "--replace", "-e", "A=1", "-e", "FROM");
        expect(line("ps", "-aq", "--no-trunc")).toBe(second);
        expect(line("inspect", "-f", "{{range .Config.Env}}{{println .}}{{end}}", "same")).toMatch(/^A=1$/m);
        expect(line("inspect", "-f", "{{.Config.Env}}", "same")).not.toContain("FROM=image");
        out("rm", "-f", "same");
      });
    });

    describe("what there is", () => {
      test("inspect: containers, images, volumes and networks; what is not there does not hide what is", () => {
        out("volume", "create", "vol");
        const { status, stdout, stderr } = runt("inspect", "bb", "nothing", "vol");
        expect({ status, stderr }).toEqual({ status: 1, stderr: "error: no such object: nothing\n" });
        expect(JSON.parse(stdout)).toMatchObject([{ RootFS: {} }, { Name: "vol" }]);
        expect(runt("inspect", "--type", "container", "bb").status).toBe(1);
        out("volume", "rm", "vol");
      });

      test("volumes: create, ls, inspect, rm, prune", () => {
        expect(line("volume", "create", "--label", "kind=test", "data")).toBe("data");
        const anonymous = line("volume", "create");
        expect(anonymous).toMatch(/^[0-9a-f]{64}$/);
        const id = line("create", "--network", "none", "-v", "data:/d", "bb");
        expect(line("volume", "ls", "-q", "--filter", "dangling=false")).toBe("data");
        expect(line("volume", "ls", "-q", "--filter", "label=kind=test")).toBe("data");
        expect(line("volume", "inspect", "-f", "{{.Driver}} {{.Labels.kind}}", "data")).toBe("local test");
        expect(runt("volume", "rm", "data")).toMatchObject({
          status: 1,
          stderr: expect.stringContaining("in use"),
        });
        expect(out("volume", "prune", "-f")).toMatch(
          new RegExp(`^Deleted Volumes:\n${anonymous}\n\nTotal reclaimed`),
        );
        out("rm", id);
        expect(line("volume", "rm", "data")).toBe("data");
        expect(runt("volume", "rm", "data")).toMatchObject({
          status: 1,
          stderr: "error: no such volume: data\n",
        });
        expect(out("volume", "rm", "-f", "data")).toBe("data\n");
      });

      test("networks: create, ls, inspect, rm, prune", () => {
        const id = line(
          "network",
          "create",
          "--internal",
          "--subnet",
          "10.211.7.0/24",
          "--label",
          "a=b",
          "net",
        );
        expect(
          line(
            "network",
            "ls",
            "--filter",
            "name=net",
            "--format",
            "{{.ID}} {{.Name}} {{.Driver}} {{.Internal}}",
          ),
        ).toBe(`${id.slice(0, 12)} net bridge true`);
        expect(
          line("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}} {{.Labels.a}}", "net"),
        ).toBe("10.211.7.1 b");
        expect(runt("network", "create", "net").status).toBe(1);
        expect(line("network", "rm", "net")).toBe("net");
        expect(runt("network", "rm", "net").status).toBe(1);
        expect(out("network", "rm", "-f", "net")).toBe("");
        out("network", "create", "--subnet", "10.211.8.0/24", "idle");
        expect(out("network", "prune", "-f")).toBe("Deleted Networks:\nidle\n\n");
        expect(runt("network", "create", "-d", "cni", "plug")).toMatchObject({
          status: 1,
          stderr: expect.stringContaining("--cni-config"),
        });
      });

      test("events: what has happened, in order", () => {
        const id = line("create", "--network", "none", "--name", "seen", "bb");
        out("rm", "seen");
        const lines = out("events", "--since", "1m", "--until", "0s", "--filter", "container=seen")
          .trim()
          .split("\n");
        expect(lines.map((text) => text.replace(/^\S+ /, ""))).toEqual([
          `container create ${id} (from=image, image=bb, name=seen)`,
          `container destroy ${id} (from=image, image=bb, name=seen)`,
        ]);
        const [json] = out("events", "--since", "1m", "--until", "0s", "--format", "json").split("\n");
        expect(JSON.parse(json!)).toMatchObject({
          Type: expect.any(String),
          Actor: { ID: expect.any(String) },
        });
        expect(runt("events", "--since", "yesterday").status).toBe(1);
      });

      test("system df, info, and what prune asks", () => {
        expect(out("system", "df").split("\n")[0]).toMatch(/^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE$/);
        expect(out("system", "df", "-v")).toMatch(/bb:latest/);
        expect(line("info", "-f", "{{.OSType}} {{.Images}}")).toBe("linux 1");
        expect(runt("system", "prune")).toMatchObject({
          status: 1,
          stderr: expect.stringContaining("no answer"),
        });
      });

      test.each([
        [["ps", "--filter", "colour=red"], 1, /^error: invalid filter "colour=red": there are id, name,/],
        [["ps", "--filter", "name"], 1, /not key=value/],
        [["ps", "--format", "{{"], 1, /template parsing error/],
        [["wiat"], 3, /^error: unknown command "wiat", did you mean "wait"\?\n$/],
        [["volume"], 1, /^error: "runt volume" requires a command\nSee 'runt volume --help'.\n$/],
        [["volume", "rn"], 3, /did you mean "rm"\?/],
        [["start"], 1, /requires a minimum of 1 argument/],
        [["rm", "--all", "x"], 125, /--all takes no names/],
      ])("%j: status %d and one line that says so", (args, status, message) => {
        const outcome = runt(...args);
        expect(outcome.stderr).toMatch(message);
        expect(outcome.status).toBe(status);
        expect(outcome.stdout).toBe("");
      });
    });

    /** One that goes on while the test does something. */
    function start(...args: string[]): Watched {
      const [path, first] = command("runt");
      return watched(spawn(path, [...first, ...globals(), ...args], { env: {} }));
    }
  },
);

interface Watched {
  readonly process: ChildProcess;
  /** Resolves once its output has that. */
  said(text: string): Promise<void>;
  ended(): Promise<{ readonly status: number | null; readonly output: string }>;
}

function watched(child: ChildProcess): Watched {
  let output = "";
  const status = new Promise<number | null>((resolve) => child.once("close", resolve));
  for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (bytes) => (output += bytes));
  return {
    process: child,
    async said(text) {
      while (!output.includes(text)) {
        if (child.exitCode !== null) throw new Error(`ended, and never said ${text}: ${output}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async ended() {
      return { status: await status, output };
    },
  };
}
