/** `exec`: who the program is, where it is, and how it ends. */
import { readFileSync, readlinkSync } from "node:fs";
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { ExecRequest } from "../../../src/engine/container/exec.ts";
import { exitCodeOf } from "../../../src/engine/exit-code.ts";
import { asRoot } from "../../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

async function exec(t: TestEngine, id: string, args: readonly string[], request: Partial<ExecRequest> = {}) {
  await using process = await t.engine.exec(id, { args, ...request });
  const read = async (stream: AsyncIterable<Buffer> | null) => {
    const parts: Buffer[] = [];
    for await (const part of stream ?? []) parts.push(part);
    return Buffer.concat(parts).toString();
  };
  const [stdout, stderr] = await Promise.all([read(process.stdout), read(process.stderr)]);
  return { stdout, stderr, status: await process.wait() };
}

describe("exec", () => {
  asRoot("streams apart, and the status that it ends with", async () => {
    await using t = await TestEngine.open();
    const id = await t.running();
    expect(await exec(t, id, ["sh", "-c", "echo out; echo err >&2; exit 9"])).toEqual({
      stdout: "out\n",
      stderr: "err\n",
      status: { exited: 9 },
    });
    expect((await exec(t, id, ["sh", "-c", "kill -9 $$"])).status).toMatchObject({ signaled: "SIGKILL" });
    await using cat = await t.engine.exec(id, { args: ["cat"], stdin: true });
    cat.stdin?.end("in and out");
    let text = "";
    for await (const part of cat.stdout!) text += part;
    expect(text).toBe("in and out");
    expect(await cat.wait()).toEqual({ exited: 0 });
  });

  asRoot("without stdin there is nothing to read", async () => {
    await using t = await TestEngine.open();
    const id = await t.running();
    expect(await exec(t, id, ["cat"])).toMatchObject({ stdout: "", status: { exited: 0 } });
  });

  asRoot("is in the container's namespaces and cgroup, behind its filter", async () => {
    await using t = await TestEngine.open();
    const id = await t.running();
    const { pid: init } = (await t.engine.find(id)).run.init!;
    await using process = await t.engine.exec(id, { args: ["sleep", "60"] });
    for (const kind of ["mnt", "pid", "net", "ipc", "uts", "cgroup"])
      expect(readlinkSync(`/proc/${process.pid}/ns/${kind}`), kind).toBe(
        readlinkSync(`/proc/${init}/ns/${kind}`),
      );
    const status = (pid: number) =>
      /^Cap(Bnd|Eff|Prm|Inh|Amb):.*|^Seccomp:.*|^NoNewPrivs:.*/gm[Symbol.match](
        readFileSync(`/proc/${pid}/status`, "latin1"),
      );
    expect(status(process.pid)).toEqual(status(init));
    const cgroup = (pid: number) => /^0::.*$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "latin1"))?.[0];
    expect(cgroup(process.pid)).toBe(cgroup(init));
    expect(cgroup(init)).toContain(id);
  });

  asRoot("as somebody by name: numbers, groups and HOME are the container's", async () => {
    await using t = await TestEngine.open();
    const id = await t.running();
    const whoami = ["sh", "-c", 'id; echo "$HOME"; grep CapEff /proc/self/status'];
    const { stdout } = await exec(t, id, whoami, { user: "alice" });
    expect(stdout).toMatch(/^uid=1000\(alice\) gid=1001\(alice\) groups=.*10\(wheel\).*\n\/home\/alice\n/);
    expect(stdout).toMatch(/CapEff:\s+0{16}/);
    // With a group said, there are no others.
    expect((await exec(t, id, whoami, { user: "alice:video" })).stdout).toMatch(
      /^uid=1000\(alice\) gid=44\(video\)( groups=44\(video\))?\n/,
    );
    expect((await exec(t, id, whoami, { user: "12345:678" })).stdout).toMatch(/^uid=12345 gid=678/);
    await expect(t.engine.exec(id, { args: ["id"], user: "nobody-here" })).rejects.toMatchObject({
      kind: "InvalidArgument",
    });
  });

  asRoot("root in a container that is somebody else's has root's capabilities", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(t.script("sleep 60", { user: "alice" }));
    const caps = ["sh", "-c", "id -u; grep CapEff /proc/self/status"];
    expect((await exec(t, id, caps)).stdout).toMatch(/^1000\nCapEff:\s+0{16}\n/);
    expect((await exec(t, id, caps, { user: "0" })).stdout).not.toMatch(/CapEff:\s+0{16}/);
    const all = BigInt(`0x${/CapBnd:\s*(\w+)/.exec(readFileSync("/proc/self/status", "latin1"))![1]}`);
    const held = /CapEff:\s*(\w+)/.exec(
      (await exec(t, id, caps, { user: "0", privileged: true })).stdout,
    )![1];
    expect(BigInt(`0x${held}`) & all).toBe(all);
  });

  asRoot("environment and directory: the container's, and what is asked for", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(
      t.script("sleep 60", { env: ["A=container", "B=container"], workingDir: "/data" }),
    );
    const show = ["sh", "-c", "echo $A $B $FROM $TERM; pwd"];
    expect((await exec(t, id, show)).stdout).toBe("container container image\n/data\n");
    expect((await exec(t, id, show, { env: ["A=exec", "TERM=vt100"], workingDir: "/tmp" })).stdout).toBe(
      "exec container image vt100\n/tmp\n",
    );
  });

  asRoot("a terminal: one stream, carriage returns, a size, TERM", async () => {
    await using t = await TestEngine.open();
    const id = await t.running();
    await using process = await t.engine.exec(id, {
      args: ["sh", "-c", "test -t 0 && test -t 1 && echo $TERM; ls -l /proc/self/fd/0; exit 3"],
      tty: true,
      stdin: true,
      consoleSize: { width: 91, height: 23 },
    });
    expect(process.stderr).toBe(null);
    let text = "";
    for await (const part of process.stdout!) text += part;
    expect(text).toContain("xterm\r\n");
    expect(text).toContain("/dev/pts/");
    expect(await process.wait()).toEqual({ exited: 3 });
  });

  asRoot("detached it goes on by itself", async () => {
    await using t = await TestEngine.open();
    const id = await t.running();
    await t.engine.execDetached(id, { args: ["sh", "-c", "sleep 0.2; echo done > /tmp/proof"] });
    for (let i = 0; ; i++) {
      const { stdout } = await exec(t, id, ["sh", "-c", "cat /tmp/proof 2>/dev/null"]);
      if (stdout === "done\n") break;
      if (i > 100) throw new Error("it has not run");
    }
  });

  asRoot("what is not there, what cannot be executed, what does not run", async () => {
    await using t = await TestEngine.open();
    const id = await t.running();
    for (const [args, code] of [
      [["missing"], 127],
      [["/missing"], 127],
      [["/noexec"], 126],
      [["/etc"], 126],
    ] as const) {
      const error = await t.engine.exec(id, { args }).then(
        () => undefined,
        (e) => e,
      );
      expect(error, args[0]).toMatchObject({ name: "RuntError" });
      expect(exitCodeOf(error), args[0]).toBe(code);
    }
    await expect(t.engine.exec(id, { args: [] })).rejects.toMatchObject({ kind: "InvalidArgument" });
    await t.engine.pause(id);
    await expect(t.engine.exec(id, { args: ["true"] })).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: expect.stringContaining("paused"),
    });
    await t.engine.unpause(id);
    await t.engine.kill(id);
    await t.engine.wait(id);
    await expect(t.engine.exec(id, { args: ["true"] })).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: expect.stringContaining("is not running"),
    });
  });
});
