/** Containers made by the shim that is built with AddressSanitizer and UndefinedBehaviorSanitizer: a finding ends it. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { nativePath } from "../../src/linux/native.ts";
import { missing, runtime, Sandbox } from "../safety/containers.ts";
import { makeNative } from "../support/native-build.ts";

const done = { exited: 0 };

describe.skipIf(missing)("the sanitized shim", () => {
  beforeAll(() => {
    makeNative("sanitized");
    process.env.RUNT_SHIM = nativePath("runt-shim-sanitized");
  }, 120_000);

  let sandbox: Sandbox;
  afterEach(() => sandbox[Symbol.asyncDispose]());

  const containers: Record<string, (sandbox: Sandbox) => void> = {
    "the usual": () => {},
    "every mount": ({ config, directory }) => {
      config.mounts.push(
        { destination: "/sys", type: "sysfs", source: "sysfs", options: ["ro", "nosuid"] },
        { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"] },
        {
          destination: "/dev/shm",
          type: "tmpfs",
          source: "shm",
          options: ["mode=1777", "nodev", "size=64k"],
        },
        { destination: "/dev/mqueue", type: "mqueue", source: "mqueue" },
        { destination: "/etc", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"] },
        {
          destination: "/a/deep/place",
          type: "bind",
          source: directory,
          options: ["rbind", "ro", "rprivate"],
        },
        {
          destination: "/a/file",
          type: "bind",
          source: join(directory, "bundle/config.json"),
          options: ["bind"],
        },
        { destination: "/a/file", options: ["remount", "bind", "ro"] },
      );
      config.linux.maskedPaths = ["/proc/kcore", "/sys/firmware", "/not/there"];
      config.linux.readonlyPaths = ["/proc/sys", "/proc/bus"];
      config.root.readonly = true;
    },
    "every namespace": ({ config }) => {
      config.linux.namespaces.push({ type: "user" }, { type: "time" });
      config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
      config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
      config.linux.timeOffsets = { monotonic: { secs: 10, nanosecs: 0 } };
      config.linux.sysctl = { "net.ipv4.ip_forward": "1" };
      config.hostname = "box";
      config.domainname = "example";
    },
    "everything of process": ({ config }) => {
      config.process.user = { uid: 7, gid: 8, additionalGids: [9, 10], umask: 0o77 };
      config.process.cwd = "/made/here";
      config.process.capabilities = {
        bounding: ["CAP_KILL", "CAP_CHOWN"],
        effective: ["CAP_KILL"],
        permitted: ["CAP_KILL"],
        inheritable: ["CAP_KILL"],
        ambient: ["CAP_KILL"],
      };
      config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 32, hard: 32 }];
      config.process.noNewPrivileges = true;
      config.process.oomScoreAdj = 300;
      config.process.scheduler = { policy: "SCHED_BATCH", nice: 3 };
      config.process.ioPriority = { class: "IOPRIO_CLASS_BE", priority: 5 };
      config.linux.personality = { domain: "LINUX32" };
      config.linux.memoryPolicy = { mode: "MPOL_PREFERRED", nodes: "0" };
      config.linux.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["reboot"], action: "SCMP_ACT_ERRNO" }],
      };
    },
    devices: ({ config }) => {
      config.linux.devices = [
        { path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o600, uid: 1, gid: 2 },
        { path: "/dev/pipe", type: "p", fileMode: 0o600 },
        { path: "/dev/deep/loop0", type: "b", major: 7, minor: 0 },
      ];
    },
    "hooks that talk, that do not read, and that take their time": ({ config }) => {
      const hook = (text: string): object => ({
        path: "/bin/sh",
        args: ["sh", "-c", text],
        env: ["PATH=/bin"],
        timeout: 30,
      });
      config.annotations = { long: "x".repeat(50_000) };
      config.hooks = {
        createRuntime: [hook("cat >/dev/null")],
        createContainer: [
          hook("cat >/dev/null; echo much; exec echo more >&2"),
          hook("exec <&-; sleep 0.05"),
        ],
        startContainer: [hook("cat >/dev/null")],
      };
    },
  };
  for (const [name, change] of Object.entries(containers)) {
    test(name, { timeout: 60_000 }, async () => {
      sandbox = new Sandbox();
      sandbox.script("exit 0");
      sandbox.write();
      change(sandbox);
      expect(await sandbox.run()).toEqual({ status: done, output: "" });
    });
  }

  test("exec, with a terminal and without", { timeout: 60_000 }, async () => {
    sandbox = new Sandbox();
    const { id } = await sandbox.running();
    const { status, output } = await sandbox.exec(id, {
      args: ["/bin/echo", "hello"],
      user: "5:6",
      cwd: "/tmp",
    });
    expect({ status, output }).toEqual({ status: done, output: "hello\n" });
    await runtime.kill(sandbox.context, id, 9, { all: false });
  });

  const failures: Record<string, [(sandbox: Sandbox) => void, RegExp]> = {
    "a program that is not there": [
      ({ config }) => {
        config.process.args = ["/nothing"];
      },
      /exec \/nothing: no such file/,
    ],
    "a hook that fails": [
      ({ config }) => {
        config.hooks = {
          createContainer: [{ path: "/bin/sh", args: ["sh", "-c", "echo why; exit 3"] }],
        };
      },
      /createContainer hook #0.*exit status 3: why/,
    ],
    "a mount on a path through a file": [
      (s) => {
        writeFileSync(join(s.rootfs, "etc/file"), "");
        s.config.mounts.push({ destination: "/etc/file/x", type: "tmpfs", source: "tmpfs" });
      },
      /mounts\[3\]: .*not a directory/,
    ],
    "a destination longer than any path": [
      ({ config }) =>
        void config.mounts.push({ destination: `/${"a/".repeat(3000)}`, type: "tmpfs", source: "tmpfs" }),
      /mounts\[3\]/,
    ],
    "a cwd that is a file": [
      ({ config }) => {
        config.process.cwd = "/bin/busybox";
      },
      /process\.cwd/,
    ],
  };
  for (const [name, [change, message]] of Object.entries(failures)) {
    test(`refuses ${name}`, { timeout: 60_000 }, async () => {
      sandbox = new Sandbox();
      change(sandbox);
      expect((await sandbox.refusal()).message).toMatch(message);
    });
  }
});
