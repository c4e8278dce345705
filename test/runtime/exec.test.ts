import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { Bytes, I32, I64, syscall } from "../../src/linux/ffi.ts";
import { SYS } from "../../src/linux/syscall-numbers.ts";
import * as runtime from "../../src/runtime/index.ts";
import { freshName } from "../support/bundle.ts";
import { aContainer, eventually } from "../support/container.ts";
import { asRoot } from "../support/needs.ts";

/** Waits for a child of ours. Undefined where it is none. */
function exitStatusOfChild(pid: number): number | undefined {
  const status = new Uint8Array(4);
  const result = syscall(SYS.wait4, [I32, Bytes, I32, I64], [pid, status, 0, 0]);
  return result === pid ? status[1] : undefined;
}

/** Orphans of our children are ours for as long as this is not disposed of. */
function subreaper(): Disposable {
  const PR_SET_CHILD_SUBREAPER = 36;
  const set = (on: number) =>
    syscall(SYS.prctl, [I32, I64, I64, I64, I64], [PR_SET_CHILD_SUBREAPER, on, 0, 0, 0]);
  set(1);
  return { [Symbol.dispose]: () => void set(0) };
}

const namespaceFiles = ["mnt", "pid", "net", "ipc", "uts", "cgroup", "user", "time"];

describe("exec — runc-exec(8)", () => {
  asRoot("the process is in all namespaces of the container, in its cgroup and its root", async () => {
    await using c = await aContainer();
    const report = await c.probe(["/"]);
    for (const file of namespaceFiles)
      expect(report.namespaces[file]).toBe(readlinkSync(`/proc/${c.pid}/ns/${file}`));
    expect(report.cgroup).toContain("0::/");
    expect(report.paths["/"]!.entries).toContain("probe");
    expect(report.pid).toBeGreaterThan(1);
    expect(report.sid).toBe(report.pid);
  });

  asRoot("has the container's user, env, cwd, limits, no_new_privs and umask", async () => {
    const process = {
      user: { uid: 1000, gid: 1001, additionalGids: [7], umask: 0o007 },
      env: ["PATH=/bin", "A=b", "HOME=/tmp"],
      cwd: "/tmp",
      noNewPrivileges: true,
      oomScoreAdj: 77,
      ioPriority: { class: "IOPRIO_CLASS_BE", priority: 6 },
    };
    await using c = await aContainer({ config: { process } });
    expect(await c.probe()).toMatchObject({
      uid: 1000,
      gid: 1001,
      groups: [7],
      umask: 0o007,
      env: process.env,
      cwd: "/tmp",
      noNewPrivs: 1,
      oomScoreAdj: ["77"],
      ioprio: (2 << 13) | 6,
    });
  });

  asRoot("the exit status is its own", async () => {
    await using c = await aContainer();
    expect((await c.exec(["/probe", "--exit", "9"])).status).toEqual({ exited: 9 });
    expect((await c.exec(["sh", "-c", "kill -15 $$"])).status).toEqual({ signaled: "SIGTERM", signal: 15 });
    expect(c.status).toBe("running");
  });

  asRoot("stdout and stderr are the caller's", async () => {
    await using c = await aContainer();
    expect(await c.exec(["sh", "-c", "echo out; echo err >&2"])).toMatchObject({
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  asRoot("nothing of the runtime's is open in it", async () => {
    await using c = await aContainer();
    expect(Object.keys((await c.probe()).fds)).toEqual(["0", "1", "2"]);
  });

  asRoot("--user UID", async () => {
    await using c = await aContainer();
    expect(await c.probe([], { user: "1234" })).toMatchObject({ uid: 1234, gid: 0 });
  });

  asRoot("--user UID:GID", async () => {
    await using c = await aContainer();
    expect(await c.probe([], { user: "1234:55" })).toMatchObject({
      uid: 1234,
      euid: 1234,
      gid: 55,
      egid: 55,
    });
  });

  for (const user of ["root", "1x", "-1", "1:2:3", "", "0x10", "4294967295", " 1"]) {
    asRoot(`--user ${JSON.stringify(user)} is not taken for root (CVE-2026-30892)`, async () => {
      await using c = await aContainer();
      await expect(c.exec(["true"], { user })).rejects.toMatchObject({
        kind: "InvalidArgument",
        site: { operation: "exec", subject: "--user" },
      });
    });
  }

  asRoot("--additional-gids", async () => {
    await using c = await aContainer();
    expect((await c.probe([], { additionalGids: [10, 20] })).groups).toEqual([10, 20]);
  });

  asRoot("--cwd, --env over the container's", async () => {
    await using c = await aContainer({ config: { process: { env: ["PATH=/bin", "A=1", "HOME=/"] } } });
    const report = await c.probe([], { cwd: "/etc", env: ["A=2", "B=3"] });
    expect(report.cwd).toBe("/etc");
    expect(report.env).toEqual(["PATH=/bin", "A=2", "HOME=/", "B=3"]);
  });

  asRoot("--no-new-privs", async () => {
    await using c = await aContainer();
    expect((await c.probe([], { noNewPrivs: true })).noNewPrivs).toBe(1);
  });

  asRoot("--process: the whole process object, from a file", async () => {
    await using c = await aContainer();
    const file = `${c.bundle.directory}/process.json`;
    const capabilities = { bounding: ["CAP_KILL"], permitted: ["CAP_KILL"], effective: ["CAP_KILL"] };
    writeFileSync(
      file,
      JSON.stringify({
        args: ["/probe", "x"],
        cwd: "/bin",
        env: ["ONLY=this"],
        user: { uid: 5, gid: 6 },
        capabilities,
      }),
    );
    const { parseReport } = await import("../support/probe.ts");
    const report = parseReport((await c.exec([], { process: file })).stdout);
    expect(report).toMatchObject({ args: ["/probe", "x"], cwd: "/bin", uid: 5, gid: 6 });
    expect(report.env).toContain("ONLY=this");
    expect(report.status.CapBnd).toBe("0000000000000020");
  });

  asRoot("--process with a file that is not there, or not a process", async () => {
    await using c = await aContainer();
    await expect(c.exec([], { process: "/no/such/file" })).rejects.toMatchObject({
      kind: "NotFound",
      site: { path: "/no/such/file" },
    });
    const file = `${c.bundle.directory}/process.json`;
    writeFileSync(file, "{ not json");
    await expect(c.exec([], { process: file })).rejects.toMatchObject({ kind: "InvalidArgument" });
    writeFileSync(file, JSON.stringify({ args: ["true"], cwd: "relative" }));
    await expect(c.exec([], { process: file })).rejects.toMatchObject({ kind: "InvalidArgument" });
  });

  asRoot(
    "--detach leaves the exit status to the caller's subreaper, however soon the program ends",
    async () => {
      await using c = await aContainer();
      using _subreaper = subreaper();
      const pidFile = `${c.bundle.directory}/pid`;
      for (let i = 0; i < 10; i++) {
        await c.exec(["sh", "-c", "exit 5"], { detach: true, pidFile });
        const pid = Number(readFileSync(pidFile, "utf8"));
        // Until the shim has left, it is the parent.
        const status = await eventually(() => exitStatusOfChild(pid), "a child with an exit status");
        expect(status).toBe(5);
      }
    },
  );

  asRoot("--detach returns when the program runs", async () => {
    await using c = await aContainer();
    const pidFile = `${c.bundle.directory}/pid`;
    const { status } = await c.exec(["sleep", "1000"], { detach: true, pidFile });
    expect(status).toBeUndefined();
    const pid = readFileSync(pidFile, "latin1");
    expect(readFileSync(`/proc/${pid}/comm`, "latin1")).toBe("sleep\n");
  });

  asRoot("in a created container", async () => {
    await using c = await aContainer({ status: "created" });
    expect((await c.exec(["echo", "early"])).stdout).toBe("early\n");
    expect(c.status).toBe("created");
  });

  asRoot("in a stopped container: refused", async () => {
    await using c = await aContainer({ status: "stopped" });
    await expect(c.exec(["true"])).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: "cannot exec in a stopped container",
      site: { operation: "exec", subject: `container ${c.id}` },
    });
  });

  asRoot("in a paused container: refused", async () => {
    await using c = await aContainer({ status: "paused" });
    await expect(c.exec(["true"])).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: "cannot exec in a paused container (use --ignore-paused to override)",
    });
  });

  asRoot("--ignore-paused: it waits until the container is resumed", async () => {
    await using c = await aContainer({ status: "paused" });
    const running = c.exec(["echo", "later"], { ignorePaused: true });
    const { setTimeout: sleep } = await import("node:timers/promises");
    await sleep(200);
    await runtime.resume(c.context, c.id);
    expect((await running).stdout).toBe("later\n");
  });

  asRoot("a program that is not in PATH, or not there at all", async () => {
    await using c = await aContainer();
    await expect(c.exec(["no-such-program"])).rejects.toMatchObject({
      kind: "NotFound",
      message: expect.stringContaining('exec: "no-such-program": executable file not found in $PATH'),
      site: { operation: "exec" },
    });
    await expect(c.exec(["/no/such/program"])).rejects.toMatchObject({
      kind: "NotFound",
      message: expect.stringMatching(/\/no\/such\/program.*no such file or directory/),
    });
  });

  asRoot("a cwd that is not there is an error, and is not made", async () => {
    await using c = await aContainer();
    await expect(c.exec(["true"], { cwd: "/not/there" })).rejects.toMatchObject({
      name: "RuntError",
      site: { operation: "exec" },
    });
    expect((await c.probe(["/not"])).paths["/not"]!.error).toBe(2);
  });

  asRoot("--cgroup: a cgroup below the container's", async () => {
    await using c = await aContainer();
    const { hierarchy } = await import("../../src/runtime/cgroup/hierarchy.ts");
    const { mkdirSync } = await import("node:fs");
    const own = c.bundle.config.linux.cgroupsPath as string;
    mkdirSync(`${hierarchy().mountPoint}${own}/sub`);
    expect((await c.probe([], { cgroup: ["/sub"] })).cgroup).toContain("0::/sub");
  });

  for (const cgroup of ["/../..", "memory:/x", "/none"]) {
    asRoot(`--cgroup ${cgroup}: InvalidArgument`, async () => {
      await using c = await aContainer();
      await expect(c.exec(["true"], { cgroup: [cgroup] })).rejects.toMatchObject({
        kind: "InvalidArgument",
        site: expect.objectContaining({ operation: "exec" }),
      });
    });
  }

  asRoot("--apparmor and --process-label on a host without them: refused", async (context) => {
    const { missing } = await import("../support/needs.ts");
    context.skip(
      missing("no apparmor", "no selinux") !== undefined,
      "needs a host without AppArmor and SELinux",
    );
    await using c = await aContainer();
    await expect(c.exec(["true"], { apparmor: "profile" })).rejects.toMatchObject({ name: "RuntError" });
    await expect(c.exec(["true"], { processLabel: "a:b:c:s0" })).rejects.toMatchObject({ name: "RuntError" });
  });

  asRoot("many at once", async () => {
    await using c = await aContainer();
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, i) => c.exec(["sh", "-c", `echo ${i}; exit ${i}`])),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(
      Array.from({ length: 8 }, (_, i) => ({ exited: i })),
    );
  });

  asRoot("its process ends with the container", async () => {
    await using c = await aContainer({ id: freshName() });
    const running = c.exec(["sleep", "1000"]);
    await eventually(() => (runtime.ps(c.context, c.id).length > 1 ? true : undefined), "the second process");
    await c.kill(9);
    expect(await running).toMatchObject({ status: { signaled: "SIGKILL" } });
  });
});
