import { existsSync, readlinkSync } from "node:fs";
import { describe, expect } from "vitest";
import * as runtime from "../../src/runtime/index.ts";
import { aBundle, freshName, type Json } from "../support/bundle.ts";
import { aContainer, aContext, probeIn, refusal, runBundle, stateRoot } from "../support/container.ts";
import { asRoot } from "../support/needs.ts";
import { Receiver } from "../support/sockets.ts";

const refusing = (names: string[], rest: Json = {}): Json => ({
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [{ names, action: "SCMP_ACT_ERRNO", ...rest }],
});

describe("linux.seccomp — runtime-spec config-linux.md#seccomp", () => {
  for (const noNewPrivileges of [true, false]) {
    asRoot(`a filter is on, with noNewPrivileges ${noNewPrivileges}`, async () => {
      const report = await probeIn({
        process: { noNewPrivileges },
        linux: { seccomp: refusing(["mkdir", "mkdirat"]) },
      });
      expect(report.status.Seccomp).toBe("2");
      expect(report.noNewPrivs).toBe(noNewPrivileges ? 1 : 0);
    });
  }

  asRoot("without one there is no filter", async () => {
    expect((await probeIn()).status.Seccomp).toBe("0");
  });

  asRoot("ERRNO is EPERM, or errnoRet", async () => {
    const args = ["mkdir", "/tmp/x"];
    const plain = await runBundle({ process: { args }, linux: { seccomp: refusing(["mkdir", "mkdirat"]) } });
    expect(plain.stderr).toMatch(/not permitted/);
    const own = await runBundle({
      process: { args },
      linux: { seccomp: refusing(["mkdir", "mkdirat"], { errnoRet: 28 }) },
    });
    expect(own.stderr).toMatch(/No space left/);
  });

  asRoot("args are looked at", async () => {
    const one = refusing(["kill"], { args: [{ index: 1, value: 10, op: "SCMP_CMP_EQ" }] });
    const script = "kill -USR2 1 && echo usr2; kill -USR1 1 || echo no usr1";
    const { stdout } = await runBundle({ process: { args: ["sh", "-c", script] }, linux: { seccomp: one } });
    expect(stdout).toBe("usr2\nno usr1\n");
  });

  asRoot("KILL_PROCESS ends the process with SIGSYS", async () => {
    const seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_KILL_PROCESS" }],
    };
    const { stdout } = await runBundle({
      process: { args: ["sh", "-c", "mkdir /tmp/x; echo $?"] },
      linux: { seccomp },
    });
    expect(stdout.trim()).toBe("159");
  });

  asRoot("a profile that allows next to nothing still starts the program, with noNewPrivileges", async () => {
    const names = [
      "execve",
      "exit",
      "exit_group",
      "arch_prctl",
      "set_tid_address",
      "brk",
      "mmap",
      "write",
      "ioctl",
      "getuid",
      "prctl",
    ];
    const seccomp = {
      defaultAction: "SCMP_ACT_KILL_PROCESS",
      syscalls: [{ names, action: "SCMP_ACT_ALLOW" }],
    };
    const { status } = await runBundle({
      process: { args: ["/probe", "--exit", "4"], noNewPrivileges: true },
      linux: { seccomp },
    });
    expect(status).toEqual({ exited: 4 });
  });

  asRoot("exec is filtered too", async () => {
    await using c = await aContainer({ config: { linux: { seccomp: refusing(["mkdir", "mkdirat"]) } } });
    expect((await c.probe()).status.Seccomp).toBe("2");
    expect((await c.exec(["mkdir", "/tmp/x"])).stderr).toMatch(/not permitted/);
  });

  asRoot("an action, an operator, an architecture that do not exist: InvalidArgument", async () => {
    for (const seccomp of [
      { defaultAction: "SCMP_ACT_NONSENSE" },
      { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_NONSENSE"] },
      refusing(["kill"], { args: [{ index: 0, value: 1, op: "SCMP_CMP_NONSENSE" }] }),
      refusing(["kill"], { args: [{ index: 6, value: 1, op: "SCMP_CMP_EQ" }] }),
    ]) {
      const error = await refusal({ linux: { seccomp } });
      expect(error).toMatchObject({ kind: "InvalidArgument" });
      expect(error.message).toMatch(/linux\.seccomp/);
    }
  });
});

describe("linux.seccomp.listenerPath — runtime-spec config-linux.md#containerprocessstate", () => {
  const notifying = (listenerPath: string): Json => ({
    defaultAction: "SCMP_ACT_ALLOW",
    listenerPath,
    listenerMetadata: "meta data",
    syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY" }],
  });

  for (const noNewPrivileges of [true, false]) {
    asRoot(`the agent gets the state and the listener, with noNewPrivileges ${noNewPrivileges}`, async () => {
      using agent = new Receiver();
      await using c = await aContainer({
        status: "created",
        config: {
          process: { noNewPrivileges },
          linux: { seccomp: notifying(agent.path) },
          annotations: { a: "b" },
        },
      });
      using received = await agent.receive();
      expect(JSON.parse(received.text)).toMatchObject({
        ociVersion: "1.2.0",
        fds: ["seccompFd"],
        pid: c.pid,
        metadata: "meta data",
        state: {
          ociVersion: "1.2.0",
          id: c.id,
          status: "creating",
          pid: c.pid,
          bundle: c.bundle.path,
          annotations: { a: "b" },
        },
      });
      expect(readlinkSync(`/proc/self/fd/${received.fd!.n}`)).toBe("anon_inode:seccomp notify");
    });
  }

  asRoot("an agent that is not there: an error with its path, and nothing left behind", async () => {
    const id = freshName();
    await using bundle = await aBundle({ linux: { seccomp: notifying("/no/such/agent") } });
    await expect(runtime.create(aContext(), id, { bundle: bundle.path })).rejects.toMatchObject({
      kind: "NotFound",
      message: expect.stringContaining("/no/such/agent"),
      site: { operation: "create", syscall: "connect" },
    });
    expect(existsSync(`${stateRoot}/${id}`)).toBe(false);
  });

  asRoot("NOTIFY without a path, NOTIFY for write: InvalidArgument", async () => {
    for (const seccomp of [
      { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }] },
      { ...notifying("/agent"), syscalls: [{ names: ["write"], action: "SCMP_ACT_NOTIFY" }] },
    ]) {
      expect(await refusal({ linux: { seccomp } })).toMatchObject({ kind: "InvalidArgument" });
    }
  });
});
