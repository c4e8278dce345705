/** The life of a container as a caller sees it: what each command prints, on which stream, and its status. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { aBundle, freshName, namespaces } from "../support/bundle.ts";
import { asRoot, needs } from "../support/needs.ts";
import { logLine, type Outcome, runCli } from "./run-cli.ts";

const directory = mkdtempSync(join(tmpdir(), "runt-test-life-"));
const root = join(directory, "state");
// Every command is a process of its own, some twenty in a test.
vi.setConfig({ testTimeout: 120_000 });
afterAll(() => rmSync(directory, { recursive: true }));

const oci = (...args: string[]): Outcome => runCli("runt-oci", ["--root", root, ...args]);
const nothing = { status: 0, stdout: "", stderr: "" };
const sleeping = { process: { args: ["/bin/sleep", "1000"] } };

const refusal = (outcome: Outcome): string => {
  expect(outcome).toMatchObject({ status: 1, stdout: "" });
  return logLine(outcome.stderr).message;
};

describe("create, start, kill, delete", () => {
  asRoot("say nothing, and state, list and ps print what runc prints", async () => {
    await using bundle = await aBundle({ ...sleeping, annotations: { b: "x&y", "a<": "1" } });
    const id = freshName();
    const pidFile = join(directory, "pid");
    try {
      expect(oci("create", "--bundle", bundle.path, "--pid-file", pidFile, id)).toEqual(nothing);
      const pid = readFileSync(pidFile, "latin1");
      expect(pid).toMatch(/^\d+$/);
      expect(oci("start", id)).toEqual(nothing);

      const created = /"created": "([^"]+)"/.exec(oci("state", id).stdout)![1]!;
      expect(created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z$/);
      expect(oci("state", id).stdout).toBe(`{
  "ociVersion": "1.2.0",
  "id": "${id}",
  "pid": ${pid},
  "status": "running",
  "bundle": "${bundle.path}",
  "rootfs": "${bundle.rootfs}",
  "created": "${created}",
  "annotations": {
    "a\\u003c": "1",
    "b": "x\\u0026y"
  },
  "owner": ""
}`);
      const rows = oci("list").stdout.split("\n");
      expect(rows[0]!.split(/ {3,}/)).toEqual(["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]);
      expect(rows[1]!.split(/ {3,}/)).toEqual([id, pid, "running", bundle.path, created, "root"]);
      expect(oci("list", "--quiet").stdout).toBe(`${id}\n`);
      expect(oci("list", "--format", "json").stdout).toBe(
        `[{"ociVersion":"1.2.0","id":"${id}","pid":${pid},"status":"running","bundle":"${bundle.path}",` +
          `"rootfs":"${bundle.rootfs}","created":"${created}","annotations":{"a\\u003c":"1","b":"x\\u0026y"},"owner":"root"}]\n`,
      );
      expect(oci("ps", "--format", "json", id).stdout).toBe(`[${pid}]\n`);
      expect(oci("ps", id, "-o", "pid,args").stdout).toMatch(
        new RegExp(`^ *PID COMMAND\\n *${pid} /bin/sleep 1000\\n$`),
      );

      expect(refusal(oci("start", id))).toBe("cannot start an already running container");
      expect(refusal(oci("delete", id))).toBe(`cannot delete container ${id} that is not stopped: running`);
      expect(oci("kill", id, "KILL")).toEqual(nothing);
      await expect.poll(() => oci("list", "--format", "json").stdout).toContain('"pid":0,"status":"stopped"');
      expect(refusal(oci("kill", id))).toBe("container not running");
      expect(oci("kill", "--all", id)).toEqual(nothing);
      expect(oci("delete", id)).toEqual(nothing);
      expect(refusal(oci("state", id))).toBe("container does not exist");
      expect(oci("delete", "--force", id)).toEqual(nothing);
    } finally {
      oci("delete", "--force", id);
    }
  });

  asRoot("--regex acts on all that match, and on no other", async () => {
    await using bundle = await aBundle(sleeping);
    const [prefix, other] = [freshName(), freshName()];
    const ids = [`${prefix}-a`, `${prefix}-b`, other];
    try {
      for (const id of ids) {
        bundle.config.linux.cgroupsPath = `/${id}`;
        bundle.write();
        expect(oci("create", "--bundle", bundle.path, id)).toEqual(nothing);
      }
      expect(oci("delete", "--force", "--regex", `^${prefix}-`)).toEqual(nothing);
      expect(oci("list", "--quiet").stdout).toBe(`${other}\n`);
      expect(refusal(oci("kill", "--regex", "(", "KILL"))).toContain("invalid regular expression");
    } finally {
      for (const id of ids) oci("delete", "--force", id);
    }
  });
});

describe("run", () => {
  test.each([
    [["/bin/sh", "-c", "echo out; echo err >&2; exit 7"], { status: 7, stdout: "out\n", stderr: "err\n" }],
    [["/bin/sh", "-c", "kill -9 $$"], { status: 137, stdout: "", stderr: "" }],
  ])("%j: the status is the process's own", async (args, outcome) => {
    // Signals to itself reach no process 1 of a pid namespace.
    const changes = { process: { args }, hostname: undefined, linux: { namespaces: namespaces("mount") } };
    await using bundle = await aBundle(changes);
    expect(oci("run", "--bundle", bundle.path, freshName())).toEqual(outcome);
    expect(oci("list", "--quiet").stdout).toBe("");
  });

  asRoot("--config takes another configuration; --keep keeps the state", async () => {
    await using bundle = await aBundle({ process: { args: ["/bin/true"] } });
    const id = freshName();
    const config = join(bundle.directory, "other.json");
    bundle.config.process.args = ["/bin/false"];
    bundle.write();
    spawnSync("cp", [join(bundle.path, "config.json"), config]);
    expect(oci("run", "-f", config, "--keep", "--bundle", bundle.path, id).status).toBe(1);
    expect(oci("list", "--quiet").stdout).toBe(`${id}\n`);
    expect(oci("delete", id)).toEqual(nothing);
  });
});

describe("exec", () => {
  asRoot("the status is the process's, 255 when there is none", async () => {
    await using bundle = await aBundle(sleeping);
    const id = freshName();
    try {
      expect(oci("run", "--detach", "--bundle", bundle.path, id)).toEqual(nothing);
      const run = (...args: string[]) => oci("exec", ...args);
      expect(run(id, "sh", "-c", "exit 3").status).toBe(3);
      expect(run("-e", "A=b,c", "--cwd", "/tmp", id, "sh", "-c", "echo $A $PWD").stdout).toBe("b,c /tmp\n");
      // What follows the id is the process's, options too.
      expect(run(id, "echo", "--tty", "-e", "--").stdout).toBe("--tty -e --\n");
      const { status, stderr } = run(id, "no-such-program");
      expect(status).toBe(255);
      expect(logLine(stderr).message).toContain(
        'exec failed: unable to start container process: exec: "no-such-program"',
      );
    } finally {
      oci("delete", "--force", id);
    }
  });
});

describe("events --stats", () => {
  needs("root", "cgroup2")("one line of JSON", async () => {
    await using bundle = await aBundle(sleeping);
    const id = freshName();
    try {
      oci("run", "--detach", "--bundle", bundle.path, id);
      const { stdout, status } = oci("events", "--stats", id);
      expect(status).toBe(0);
      expect(stdout.split("\n")).toHaveLength(2);
      expect(JSON.parse(stdout)).toMatchObject({ type: "stats", id, data: { cpu: { usage: {} }, pids: {} } });
    } finally {
      oci("delete", "--force", id);
    }
  });
});

describe("runt plan", () => {
  asRoot("prints the plan, as text and as JSON, and makes nothing", async () => {
    await using bundle = await aBundle(sleeping);
    const text = runCli("runt", ["--root", root, "plan", bundle.path]);
    expect(text).toMatchObject({ status: 0, stderr: "" });
    expect(text.stdout).toContain("move_mount");
    const json = runCli("runt", ["--root", root, "plan", "--format", "json", bundle.path]);
    expect(json).toMatchObject({ status: 0, stderr: "" });
    expect(() => JSON.parse(json.stdout)).not.toThrow();
    expect(oci("list", "--quiet").stdout).toBe("");
  });
});
