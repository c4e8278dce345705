/** `exec`, `attach`, `logs`, `top`, `stats`: looking into a container that runs. */
import { join } from "node:path";
import { about } from "../case.ts";
import { plain } from "../image.ts";

/** What a moment's measurement is, matters; not its numbers. */
const shape = (text: string): string =>
  text
    .replaceAll(/\d+(\.\d+)?/g, "N")
    .replaceAll(/ +/g, " ")
    .replaceAll(/N[kMG]?i?B/g, "NB");

export default [
  ...about("exec", {
    "exit statuses": async (e) => {
      await e.up("box");
      const exec = async (...args: string[]) => (await e.see("exec", "box", ...args)).status;
      return {
        none: await exec("true"),
        own: await exec("sh", "-c", "exit 9"),
        killed: await exec("sh", "-c", "kill -9 $$"),
        "not found": await exec("nothing"),
        "not executable": await exec("/plain"),
        "a directory": await exec("/etc"),
        "no such container": (await e.see("exec", "nobody", "true")).status,
        "no program": (await e.see("exec", "box")).status,
        "not running": await (async () => {
          await e.ok("kill", "box");
          await e.ok("wait", "box");
          return exec("true");
        })(),
      };
    },
    flags: async (e) => {
      e.file("env", "FILE=yes\n");
      await e.up("box", "-e", "OWN=1", "-w", "/etc", "-u", "other", "-h", "box");
      const exec = (...args: string[]) => e.see("exec", ...args);
      return {
        both: await e.raw("exec", "box", "sh", "-c", "echo out; echo err >&2"),
        user: await exec("-u", "root", "box", "id", "-u"),
        "user and group": await exec("-u", "other:video", "box", "id"),
        "unknown user": (await exec("-u", "nobody-here", "box", "id")).status,
        "as the container": await exec("box", "id", "-u"),
        "working directory": await exec("-w", "/home", "box", "pwd"),
        "the container's": await exec("box", "pwd"),
        "no such directory": (await exec("-w", "/nowhere", "box", "pwd")).status,
        environment: await exec("-e", "A=1", "-e", "OWN=2", "box", "sh", "-c", "echo $A $OWN"),
        "a file of it": await exec("--env-file", join(e.directory, "env"), "box", "sh", "-c", "echo $FILE"),
        input: await e.fed("in\n", "exec", "-i", "box", "cat"),
        "no input": await e.fed("in\n", "exec", "box", "cat"),
        terminal: await e.terminal(
          [
            "exec",
            "-it",
            "box",
            "sh",
            "-c",
            "test -t 0 && stty -echo; echo ready; read x; echo got $x; exit 3",
          ],
          [[/ready/, "it\n"]],
        ),
        privileged: await exec(
          "--privileged",
          "-u",
          "root",
          "box",
          "sh",
          "-c",
          "grep CapEff /proc/self/status | grep -c 0000000000000000",
        ),
        background: (await exec("-d", "-u", "root", "box", "touch", "/tmp/made")).status,
        "has run": await e.until(async () => (await exec("box", "test", "-e", "/tmp/made")).status === 0),
        hostname: await exec("box", "hostname"),
        "as JSON of top": (await exec("box", "cat", "/proc/1/comm")).stdout,
      };
    },
  }),
  ...about("logs", {
    "of one that has ended": async (e) => {
      await e.script("ended", "for i in 1 2 3 4; do echo out $i; echo err $i >&2; done; printf last");
      const sorted = async (...args: string[]) => {
        const { status, stdout, stderr } = await e.raw("logs", ...args, "ended");
        return { status, stdout, stderr };
      };
      return {
        all: await sorted(),
        "--tail 0": await sorted("--tail", "0"),
        "--tail all": (await sorted("--tail", "all")).status,
        "-t": (await sorted("-t")).stdout.replaceAll(/^\S+/gm, "<moment>"),
        "--since later": await sorted("--since", "2099-01-01T00:00:00Z"),
        "--until before": await sorted("--until", "2001-01-01T00:00:00Z"),
        "--since an hour": (await sorted("--since", "1h")).stdout.split("\n").length,
        "bad --since": (await sorted("--since", "nonsense")).status,
        "-f ends with it": await sorted("-f"),
        "no such container": (await e.see("logs", "nobody")).status,
        none: (await e.see("logs")).status,
      };
    },
    followed: async (e) => {
      await e.started("talks", "for i in 1 2 3; do echo line $i; sleep 0.3; done");
      return {
        all: await e.see("logs", "-f", "talks"),
        "--tail 2": await e.see("logs", "--tail", "2", "talks"),
        again: await e.see("logs", "--tail=1", "talks"),
      };
    },
    "of a terminal": async (e) => {
      await e.started("tty", "echo one; echo two >&2", "-t");
      await e.ok("wait", "tty");
      return { logs: await e.raw("logs", "tty") };
    },
    "with no driver": async (e) => {
      await e.ok("run", "--log-driver=none", "--name", "silent", "--network=none", plain, "echo", "x");
      return { status: (await e.see("logs", "silent")).status };
    },
  }),
  ...about("attach", {
    "sees what comes, and its exit status": async (e) => {
      await e.started("box", "read x; echo got $x; exit 6", "-i");
      return {
        attached: await e.fed("word\n", "attach", "box"),
        "not running": (await e.see("attach", "box")).status,
      };
    },
  }),
  ...about("top", {
    "of one that runs": async (e) => {
      await e.up("box");
      return {
        titles: (await e.see("top", "box")).stdout.split("\n")[0]!.trim().split(/\s+/),
        "ps's options": (await e.see("top", "box", "-o", "pid,comm")).stdout
          .split("\n")[0]!
          .trim()
          .split(/\s+/),
        commands: (await e.see("top", "box")).stdout
          .split("\n")
          .slice(1)
          .filter((line) => line.includes("sleep")).length,
        "no such container": (await e.see("top", "nobody")).status,
      };
    },
    "of one that does not run": async (e) => {
      await e.ok("create", "--name", "box", plain);
      return { status: (await e.see("top", "box")).status };
    },
  }),
  ...about("stats", {
    "a moment's": async (e) => {
      await e.up("box");
      const { status, stdout } = await e.see("stats", "--no-stream", "box");
      return {
        status,
        titles: stdout
          .split("\n")[0]!
          .split(/ {2,}/)
          .map((word) => word.trim()),
        lines: stdout.trim().split("\n").length,
        template: shape(
          (await e.see("stats", "--no-stream", "--format", "{{.Name}} {{.CPUPerc}}", "box")).stdout,
        ),
        "no such container": (await e.see("stats", "--no-stream", "nobody")).status,
      };
    },
  }),
];
