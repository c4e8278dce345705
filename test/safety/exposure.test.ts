/** What a container, a hook and an exec get to see of the runtime and of the host: nothing. */
import {
  chmodSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Fd } from "../../src/linux/fd.ts";
import { check, I32, syscall, Text } from "../../src/linux/ffi.ts";
import { missing, runtime, Sandbox } from "./containers.ts";

/** Numbers of system calls that only this test makes. */
const [openat, fcntl] = process.arch === "arm64" ? [56, 25] : [257, 72];
const F_GET_SEALS = 1034;
const F_SEAL_SEAL_SHRINK_GROW_WRITE = 15;

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
});
afterEach(() => sandbox[Symbol.asyncDispose]());

/** An fd of the host's root that is not close-on-exec, as a careless caller leaves it. */
function leakedDirectory(): Fd {
  return new Fd(
    check(
      syscall(openat, [I32, Text, I32], [-100, "/", constants.O_RDONLY | constants.O_DIRECTORY]),
      "openat",
    ),
  );
}

describe.skipIf(missing)("init before it executes", () => {
  test("is a sealed copy of the shim that nobody can write to (CVE-2019-5736)", async () => {
    const { pid } = await sandbox.create();
    expect(readlinkSync(`/proc/${pid}/exe`)).toBe("/memfd:runt-shim (deleted)");
    using exe = new Fd(openSync(`/proc/${pid}/exe`, "r"));
    expect(check(syscall(fcntl, [I32, I32], [exe.n, F_GET_SEALS]), "fcntl")).toBe(
      F_SEAL_SEAL_SHRINK_GROW_WRITE,
    );
    expect(() => openSync(`/proc/${pid}/exe`, "r+")).toThrow(/ETXTBSY|EPERM/);
  });

  test("has nothing of Node in it, and no library", async () => {
    const { pid } = await sandbox.create();
    const files = readFileSync(`/proc/${pid}/maps`, "latin1")
      .split("\n")
      .flatMap((line) => /(?<=\s)\/.*/.exec(line) ?? []);
    expect(new Set(files)).toEqual(new Set(["/memfd:runt-shim (deleted)", "/memfd:runt-plan (deleted)"]));
    expect(readFileSync(`/proc/${pid}/environ`, "latin1")).toBe("");
  });

  test("cannot be looked into by the container's user (CVE-2016-9962)", async () => {
    sandbox.config.process.user = { uid: 1000, gid: 1000 };
    const { pid } = await sandbox.create();
    expect(readFileSync(`/proc/${pid}/status`, "latin1")).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m);
    // The kernel gives the files of a process that may not be dumped to root.
    expect(statSync(`/proc/${pid}/fd`).uid).toBe(0);
    expect(statSync(`/proc/${pid}/mem`).uid).toBe(0);
  });

  test("has no fd of the host but its stdio and what it waits for", async () => {
    using _leaked = leakedDirectory();
    const { id, pid } = await sandbox.create();
    const targets = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    const fifo = join(sandbox.root, id, "exec.fifo");
    expect(
      targets.filter((target) => target !== "/dev/null" && target !== fifo && !target.startsWith("socket:")),
    ).toEqual([]);
  });
});

describe.skipIf(missing)("fds of the host (CVE-2024-21626)", () => {
  const listFds = "/bin/ls /proc/self/fd";
  // `ls` has the directory open itself.
  const only = ["0", "1", "2", "3"];

  test("do not reach the container's process", async () => {
    using _leaked = leakedDirectory();
    sandbox.config.process.args = listFds.split(" ");
    expect((await sandbox.run()).output.trim().split("\n")).toEqual(only);
  });

  test("do not reach a process of exec", async () => {
    const { id } = await sandbox.running();
    using _leaked = leakedDirectory();
    const { output } = await sandbox.exec(id, { args: listFds.split(" ") });
    expect(output.trim().split("\n")).toEqual(only);
  });

  for (const name of ["createRuntime", "createContainer", "startContainer", "poststart", "poststop"]) {
    test(`do not reach a ${name} hook`, async () => {
      using _leaked = leakedDirectory();
      const inContainer = name === "startContainer";
      const path = inContainer ? "/tmp/fds" : join(sandbox.outside, "fds");
      sandbox.config.hooks = {
        [name]: [{ path: "/bin/sh", args: ["sh", "-c", `exec /bin/ls /proc/self/fd >${path}`] }],
      };
      await sandbox.run();
      expect(
        readFileSync(inContainer ? join(sandbox.rootfs, path) : path, "utf8")
          .trim()
          .split("\n"),
      ).toEqual(only);
    });
  }

  test("are no way out as a cwd, of the container", async () => {
    using _leaked = leakedDirectory();
    writeFileSync(join(sandbox.outside, "secret"), "");
    sandbox.script(
      `/bin/cat ./${sandbox.outside}/secret ../../../..${sandbox.outside}/secret && echo OUTSIDE`,
    );
    for (let fd = 3; fd < 20; fd++) {
      sandbox.config.process.cwd = `/proc/self/fd/${fd}`;
      const error = await sandbox.refusal();
      // An fd of the container's own root leads nowhere else; all others are refused.
      if (error.name !== "RuntError") expect(error.message).not.toMatch("OUTSIDE");
      else expect(error.site.subject).toBe("config.json: process.cwd");
    }
  });

  test("are no way out as a cwd, of exec", async () => {
    writeFileSync(join(sandbox.outside, "secret"), "");
    const { id } = await sandbox.running();
    using _leaked = leakedDirectory();
    const args = [
      "/bin/sh",
      "-c",
      `/bin/cat ./${sandbox.outside}/secret ../../../..${sandbox.outside}/secret && echo OUTSIDE`,
    ];
    for (let fd = 3; fd < 20; fd++) {
      const result = await sandbox
        .exec(id, { args, cwd: `/proc/self/fd/${fd}` })
        .catch((error: Error) => error);
      if (result instanceof Error)
        expect(result).toMatchObject({ name: "RuntError", site: { operation: "exec" } });
      else expect(result.output).not.toMatch("OUTSIDE");
    }
  });
});

describe.skipIf(missing)("capabilities (CVE-2022-29162)", () => {
  const inherited = ["/bin/grep", "-E", "^Cap(Inh|Amb)", "/proc/self/status"];
  const none = "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n";
  const some = { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] };

  for (const [name, capabilities] of Object.entries({
    "without any in the config": undefined,
    "with some": some,
  })) {
    test(`none are inheritable or ambient, ${name}`, async () => {
      sandbox.config.process.capabilities = capabilities;
      sandbox.config.process.args = inherited;
      expect((await sandbox.run()).output).toBe(none);
    });
  }

  test("none are inheritable in exec, not those of --cap either", async () => {
    sandbox.config.process.capabilities = some;
    const { id } = await sandbox.running();
    expect((await sandbox.exec(id, { args: inherited })).output).toBe(none);
    expect((await sandbox.exec(id, { args: inherited, capabilities: ["CAP_CHOWN"] })).output).toBe(none);
  });

  test("without any in the config there are none at all", async () => {
    sandbox.config.process.args = ["/bin/grep", "-E", "^Cap", "/proc/self/status"];
    expect(new Set((await sandbox.run()).output.match(/[0-9a-f]{16}/g))).toEqual(
      new Set(["0000000000000000"]),
    );
  });
});

describe.skipIf(missing)("exec", () => {
  test("a user that is not a number is refused, and never root (crun CVE-2026-30892)", async () => {
    const { id } = await sandbox.running();
    for (const user of [
      "root",
      "",
      " ",
      "0x0",
      " 0",
      "0 ",
      "1e3",
      "-1",
      "4294967295",
      "99999999999",
      "0:",
      ":0",
      "0:root",
      "0:0:0",
      "0;1",
      "٠",
    ]) {
      const result = await sandbox.exec(id, { args: ["/bin/id"], user }).catch((error: Error) => error);
      expect(result, JSON.stringify(user)).toMatchObject({
        name: "RuntError",
        kind: "InvalidArgument",
        site: { subject: "--user" },
      });
    }
  });

  test("a cgroup outside of the container's is refused", async () => {
    const { id } = await sandbox.running();
    for (const path of ["..", "../..", "/../x", "a/../../..", "./.."]) {
      const result = await sandbox
        .exec(id, { args: ["/bin/true"], cgroup: [path] })
        .catch((error: Error) => error);
      expect(result, path).toMatchObject({
        name: "RuntError",
        kind: "InvalidArgument",
        site: { operation: "exec" },
      });
    }
  });
});

describe.skipIf(missing)("cgroups", () => {
  test("a cgroupsPath cannot leave the hierarchy, or climb out of where it starts", async () => {
    for (const path of ["../../outside", "/../../outside", "/a/../../outside", "a/../../../outside"]) {
      sandbox.config.linux.cgroupsPath = path;
      sandbox.write();
      const result = await runtime
        .planBundle(sandbox.bundle, { context: sandbox.context })
        .catch((error: Error) => error);
      expect(result, path).toMatchObject({
        name: "RuntError",
        kind: "InvalidArgument",
        site: { subject: "config.json: linux.cgroupsPath" },
      });
    }
  });

  for (const namespaces of [["cgroup"], []]) {
    test(`the host's cannot be written from a user namespace, ${namespaces.length ? "with" : "without"} a cgroup namespace (CVE-2023-25809)`, async () => {
      const { config } = sandbox;
      chmodSync(sandbox.rootfs, 0o777);
      config.linux.namespaces = ["pid", "mount", "user", ...namespaces].map((type) => ({ type }));
      config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
      config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
      config.mounts.push({
        destination: "/sys/fs/cgroup",
        type: "cgroup",
        source: "cgroup",
        options: ["rw"],
      });
      chmodSync(join(sandbox.rootfs, "sys"), 0o777);
      sandbox.script(
        "cd /sys/fs/cgroup && ls cgroup.procs && for f in cgroup.freeze cgroup.kill cgroup.subtree_control; do echo 0 >$f && echo WROTE $f; done; exit 0",
      );
      const { output } = await sandbox.run();
      expect(output).toMatch(/^cgroup.procs$/m);
      expect(output).not.toMatch("WROTE");
    });
  }
});
