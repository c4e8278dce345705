/** What people meet in the first hour: pipes, answers from a script, names that are taken, words of errors. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { forgetEngines, prepareEngines, TestEngine } from "../engine/an-engine.ts";
import { eventually } from "../support/container.ts";
import { missing } from "../support/needs.ts";
import { command, runCli } from "./run-cli.ts";

const gone = missing("root");

describe.skipIf(gone !== undefined)(
  `runt, day by day${gone ? ` (needs ${gone})` : ""}`,
  { timeout: 180_000 },
  () => {
    let engine: TestEngine;

    const globals = () => ["--data-root", engine.root, "--root", engine.runRoot];
    const runt = (...args: string[]) => runCli("runt", [...globals(), ...args]);
    const line = (...args: string[]) => {
      const { status, stdout, stderr } = runt(...args);
      expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: "" });
      return stdout.trimEnd();
    };
    /** In a shell where `runt` is the command. */
    const shell = (text: string) => {
      const [path, first] = command("runt");
      const quoted = [path, ...first, ...globals()].map((word) => `'${word}'`).join(" ");
      const { status, stdout, stderr } = spawnSync("bash", ["-c", `runt() { ${quoted} "$@"; }; ${text}`], {
        encoding: "utf8",
        timeout: 60_000,
      });
      return { status, stdout, stderr };
    };

    beforeAll(async () => {
      prepareEngines();
      engine = await TestEngine.open();
    }, 120_000);

    afterAll(async () => {
      await engine?.[Symbol.asyncDispose]();
      forgetEngines();
    }, 120_000);

    test("a reader that has seen enough is no error to tell of", () => {
      expect(shell("runt --help | head -n 1; echo $PIPESTATUS").stdout).toMatch(/^runt: .*\n(0|141)\n$/);
      const { stdout, stderr } = shell(
        "runt export $(runt create bb) | head -c 1 >/dev/null; echo $PIPESTATUS",
      );
      expect({ stdout, stderr }).toEqual({ stdout: "141\n", stderr: "" });
    });

    test("an interrupt before the container runs: 130, and there was none", async () => {
      const before = line("ps", "--all", "--quiet");
      // A device whose hook takes its time: a container waits for it before it is made.
      const began = join(engine.root, "hook.pid");
      const hook = {
        hookName: "createRuntime",
        path: "/bin/sh",
        args: ["sh", "-c", `echo $$ >${began}.new; mv ${began}.new ${began}; exec sleep 1000`],
      };
      const device = { name: "slow", containerEdits: { hooks: [hook] } };
      const spec = { cdiVersion: "0.6.0", kind: "runt.test/clock", devices: [device], containerEdits: {} };
      mkdirSync(join(engine.root, "cdi"));
      writeFileSync(join(engine.root, "cdi/clock.json"), JSON.stringify(spec));
      const [path, first] = command("runt");
      const child = spawn(
        path,
        [
          ...first,
          ...globals(),
          "run",
          "--rm",
          "--network",
          "none",
          "--device",
          "runt.test/clock=slow",
          "bb",
        ],
        { env: { ...process.env, RUNT_CDI_SPEC_DIRS: join(engine.root, "cdi") }, stdio: "ignore" },
      );
      const ended = once(child, "exit");
      const pid = await eventually(
        () => (existsSync(began) ? readFileSync(began, "utf8").trim() : undefined),
        "the hook",
      );
      child.kill("SIGINT");
      expect(await ended).toEqual([130, null]);
      expect(line("ps", "--all", "--quiet")).toBe(before);
      await eventually(() => (existsSync(`/proc/${pid}`) ? undefined : true), "the end of the hook");
    });

    test("prune takes its answer from a pipe", () => {
      const id = line("create", "bb");
      const no = shell("echo n | runt container prune");
      expect(no).toMatchObject({ status: 0, stdout: "" });
      expect(no.stderr).toBe("This removes all containers that do not run. Go on? [y/N] \n");
      const yes = shell("echo y | runt system prune");
      expect(yes).toMatchObject({
        status: 0,
        stdout: expect.stringContaining(`Deleted Containers:\n${id}\n`),
      });
      expect(yes.stderr).toMatch(/\n {2}- all images without a name\nGo on\? \[y\/N\] \n$/);
      expect(shell("runt volume prune </dev/null")).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("error: no answer\n"),
      });
    });

    test("directories that cannot be made, of ours and of mounts: a line each, and it ends", () => {
      const file = "/etc/passwd";
      for (const [globals, what] of [
        [["--data-root", file], `${file}: there is a file in the way`],
        [["--data-root", `${file}/x`], `${file}/x: there is a file in the way`],
        [["--data-root", engine.root, "--root", file], `${file}: there is a file in the way`],
        [["--data-root", "/proc/none"], "/proc/none: no such file or directory"],
      ] as const) {
        const stderr = `error: cannot make the directory ${what}\n`;
        expect(runCli("runt", [...globals, "ps"])).toEqual({ status: 1, stdout: "", stderr });
      }
      expect(runt("run", "-v", "/proc/none/x:/x", "--network", "none", "bb", "true")).toEqual({
        status: 125,
        stdout: "",
        stderr:
          'error: invalid mount config for type "bind": bind source path does not exist: /proc/none/x\n',
      });
      expect(line("ps", "-aq")).toBe("");
    });

    test("a container keeps its image, and is told of by its ID", () => {
      line("container", "prune", "-f");
      const id = line("create", "bb");
      expect(runt("rmi", "bb")).toMatchObject({
        status: 1,
        stderr: `error: cannot remove bb: container ${id.slice(0, 12)} uses it\n`,
      });
    });

    test("a name that it has already is no new one", () => {
      line("create", "--name", "same", "bb");
      expect(runt("rename", "same", "same")).toMatchObject({
        status: 1,
        stderr: "error: renaming a container with the same name as its current name: same\n",
      });
    });

    test("inspect has docker's word for the log", () => {
      const id = line("create", "bb");
      expect(line("inspect", "-f", "{{.HostConfig.LogConfig.Type}}", id)).toBe("json-file");
    });

    test("ps: one label of each container", () => {
      line("create", "--name", "labelled", "--label", "com.example.part=a,b", "bb");
      const format = 'table {{.Names}}\\t{{.Label "com.example.part"}}';
      expect(line("ps", "-a", "--filter", "name=labelled", "--format", format)).toBe(
        "NAMES      part\nlabelled   a,b",
      );
    });

    const events = (...filters: string[]) =>
      line("events", "--since", "1h", "--until", "0s", ...filters.flatMap((text) => ["--filter", text]))
        .split("\n")
        .map((text) => text.split(" ").slice(1).join(" "));

    test("events tell when a container gets healthy, or unhealthy", async () => {
      const check = [
        "--health-cmd",
        "test -e /tmp/well",
        "--health-interval",
        "200ms",
        "--health-retries",
        "1",
      ];
      const program = ["sh", "-c", "sleep 1; touch /tmp/well; sleep 100"];
      const id = line("run", "-d", "--network", "none", "--name", "well", ...check, "bb", ...program);
      const wanted = ["unhealthy", "healthy"].map(
        (status) => `container health_status: ${status} ${id} (from=image, image=bb, name=well)`,
      );
      let seen: string[] = [];
      await eventually(() => {
        seen = events("event=health_status", "container=well");
        return seen.length >= 2 || undefined;
      }, "both events").catch(() => {});
      expect(seen).toEqual(wanted);
      line("rm", "-f", "well");
    });

    test("events tell of networks", () => {
      const id = line("network", "create", "--subnet", "10.213.9.0/24", "wired");
      line("create", "--name", "plugged", "--network", "wired", "bb");
      line("network", "disconnect", "wired", "plugged");
      line("network", "connect", "wired", "plugged");
      line("rm", "plugged");
      line("network", "rm", "wired");
      const ofContainer = (action: string) =>
        expect.stringMatching(
          new RegExp(`^network ${action} ${id} \\(container=[0-9a-f]{64}, name=wired, type=bridge\\)$`),
        );
      expect(events("network=wired")).toEqual([
        `network create ${id} (name=wired, type=bridge)`,
        ofContainer("disconnect"),
        ofContainer("connect"),
        `network destroy ${id} (name=wired, type=bridge)`,
      ]);
    });

    test("what cannot be read or written is told in the system's words, not in Node's", () => {
      expect(runt("import", "/no/such.tar").stderr).toBe(
        "error: cannot read /no/such.tar: no such file or directory\n",
      );
      expect(runt("save", "-o", "/no/such.tar", "bb").stderr).toBe(
        "error: cannot write /no/such.tar: no such file or directory\n",
      );
      expect(
        runt("run", "--rm", "--network", "none", "--security-opt", "seccomp=/no/such", "bb").stderr,
      ).toBe("error: opening seccomp profile (/no/such) failed: no such file or directory\n");
    });

    test.each([
      ["a directory on a file", "/etc:/data/file", "/data/file"],
      ["a file on a directory", "/etc/hostname:/data", "/data"],
    ])("%s: the error says that they do not go together", (_, volume, place) => {
      const { status, stderr } = runt("run", "--rm", "--network", "none", "-v", volume, "bb");
      expect(status).toBe(125);
      expect(stderr).toMatch(
        new RegExp(
          `^error: .*: ${place}: not a directory: a directory is to be mounted on a file, or .*\\n$`,
        ),
      );
    });

    test("stop tells of containers in the order in which they were named, not in which they end", () => {
      const slow = ["sh", "-c", "trap 'sleep 1; exit' TERM; while :; do sleep 0.1; done"];
      const fast = ["sh", "-c", "trap exit TERM; while :; do sleep 0.1; done"];
      line("run", "-d", "--network", "none", "--name", "slow", "bb", ...slow);
      line("run", "-d", "--network", "none", "--name", "fast", "bb", ...fast);
      expect(runt("stop", "slow", "none", "fast")).toEqual({
        status: 1,
        stdout: "slow\nfast\n",
        stderr: "error: no such container: none\n",
      });
      line("rm", "slow", "fast");
    });

    test("exec: 126 for what the container does not have, 1 where nothing can be tried; top: why ps refuses", () => {
      line("run", "-d", "--network", "none", "--name", "here", "bb", "sleep", "100");
      expect(runt("exec", "-u", "nobody-here", "here", "true").status).toBe(126);
      expect(runt("exec", "-w", "relative", "here", "true").status).toBe(126);
      expect(runt("exec", "--env-file", "/nothing", "here", "true").status).toBe(1);
      expect(runt("top", "here", "--wrong").stderr).toMatch(/^error: error running ps: [^:\\]*\n$/);
      line("rm", "-f", "here");
      expect(runt("exec", "here", "true").status).toBe(1);
    });

    test("exec -e NAME of what we have not takes it away, as with run", () => {
      const program = ["bb", "sh", "-c", "echo $FROM-; sleep 100"];
      line("run", "-d", "--network", "none", "--name", "vars", ...program);
      expect(line("exec", "vars", "sh", "-c", "echo $FROM")).toBe("image");
      expect(line("exec", "-e", "FROM", "-e", "NEVER", "vars", "sh", "-c", "echo $FROM-")).toBe("-");
      expect(line("run", "--rm", "--network", "none", "-e", "FROM", "bb", "sh", "-c", "echo $FROM-")).toBe(
        "-",
      );
      line("rm", "-f", "vars");
    });

    test("exec: who is somebody else is in his own group too, as in the container itself", () => {
      line("run", "-d", "--network", "none", "--name", "groups", "bb", "sleep", "100");
      const groups = ["grep", "Groups", "/proc/self/status"];
      expect(line("exec", "-u", "alice", "groups", ...groups)).toBe("Groups:\t10 1001");
      expect(line("run", "--rm", "--network", "none", "-u", "alice", "bb", ...groups)).toBe(
        "Groups:\t10 1001",
      );
      line("rm", "-f", "groups");
    });
  },
);
