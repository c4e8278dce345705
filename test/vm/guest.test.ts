/** What the VM lane promises to the tests that run in it, looked at from inside. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { release, userInfo } from "node:os";
import { beforeEach, describe, expect, test } from "vitest";

const read = (path: string) => readFileSync(path, "utf8").trim();
const run = (file: string, ...args: string[]) => execFileSync(file, args, { encoding: "utf8" }).trim();

beforeEach((context) => {
  context.skip(process.env.RUNT_VM !== "1", "needs the VM lane (test/vm/run)");
});

describe("the kernel", () => {
  test("is at or above the floor that the design sets", () => {
    const [major = 0, minor = 0] = release().split(".").map(Number);
    expect(major * 1000 + minor).toBeGreaterThanOrEqual(5015);
  });

  test("has one cgroup hierarchy, version 2, with every controller limits need", () => {
    const mounts = read("/proc/self/mountinfo")
      .split("\n")
      .filter((line) => / - cgroup2? /.test(line));
    expect(mounts).toHaveLength(1);
    expect(mounts[0]).toMatch(/ \/sys\/fs\/cgroup .* - cgroup2 /);
    const controllers = read("/sys/fs/cgroup/cgroup.controllers").split(" ");
    expect(controllers).toEqual(expect.arrayContaining(["cpu", "memory", "pids", "io", "cpuset", "hugetlb"]));
  });

  test("lets a process below the root cgroup have memory, cpu, pids and io", () => {
    const enabled = read("/sys/fs/cgroup/cgroup.subtree_control").split(" ");
    expect(enabled).toEqual(expect.arrayContaining(["cpu", "memory", "pids", "io", "cpuset"]));
  });

  test("has AppArmor enabled, and can load a profile", () => {
    expect(read("/sys/module/apparmor/parameters/enabled")).toBe("Y");
    const profile = "profile runt-vm-promise flags=(attach_disconnected) { file, }\n";
    const parse = (how: string) => execFileSync("apparmor_parser", [how], { input: profile });
    parse("--replace");
    expect(read("/sys/kernel/security/apparmor/profiles")).toContain("runt-vm-promise (enforce)");
    parse("--remove");
  });

  for (const module of ["overlay", "veth", "bridge", "nf_tables", "dummy", "tun", "loop", "fuse"]) {
    test(`has ${module}`, () => {
      run("modprobe", module);
      expect(existsSync(`/sys/module/${module}`)).toBe(true);
    });
  }
});

describe("process 1", () => {
  test("is systemd, with a system bus and logind", (context) => {
    context.skip(
      read("/proc/1/comm") !== "systemd",
      "needs systemd as process 1 (test/vm/run without --no-systemd)",
    );
    expect(run("busctl", "--system", "status", "org.freedesktop.login1")).toContain("Comm=systemd-logind");
  });

  test("has nothing that failed", (context) => {
    context.skip(
      read("/proc/1/comm") !== "systemd",
      "needs systemd as process 1 (test/vm/run without --no-systemd)",
    );
    expect(run("systemctl", "list-units", "--failed", "--plain", "--no-legend")).toBe("");
  });
});

describe("root", () => {
  test("has every capability, CAP_SYS_RESOURCE among them", () => {
    expect(userInfo().uid).toBe(0);
    const effective = BigInt(`0x${/^CapEff:\s*(\w+)$/m.exec(read("/proc/self/status"))?.[1]}`);
    const last = BigInt(read("/proc/sys/kernel/cap_last_cap"));
    expect(effective).toBe((1n << (last + 1n)) - 1n);
  });

  test("runs on the project's own Node", () => {
    expect(Number(process.versions.node.split(".")[0])).toBeGreaterThanOrEqual(24);
    expect(process.execPath).toContain("node_modules");
  });
});

describe("alice", () => {
  test("is an ordinary user with subordinate ids", () => {
    expect(Number(run("id", "-u", "alice"))).toBeGreaterThan(0);
    for (const file of ["/etc/subuid", "/etc/subgid"]) expect(read(file)).toMatch(/^alice:\d+:65536$/m);
  });

  test("may make a user namespace with them", () => {
    const map = run(
      "runuser",
      "-u",
      "alice",
      "--",
      "unshare",
      "--map-auto",
      "--map-root-user",
      "cat",
      "/proc/self/uid_map",
    );
    expect(map.split("\n")).toHaveLength(2);
  });

  test("has a running user manager that cgroup controllers are delegated to", (context) => {
    context.skip(
      read("/proc/1/comm") !== "systemd",
      "needs systemd as process 1 (test/vm/run without --no-systemd)",
    );
    const uid = run("id", "-u", "alice");
    const cgroup = `/sys/fs/cgroup/user.slice/user-${uid}.slice/user@${uid}.service`;
    const controllers = read(`${cgroup}/cgroup.controllers`).split(" ");
    expect(controllers).toEqual(expect.arrayContaining(["cpu", "cpuset", "io", "memory", "pids"]));
    const env = { ...process.env, XDG_RUNTIME_DIR: `/run/user/${uid}` };
    const scope = ["systemd-run", "--user", "--scope", "--quiet", "cat", "/proc/self/cgroup"];
    const seen = execFileSync("runuser", ["-u", "alice", "--", ...scope], { encoding: "utf8", env });
    expect(seen).toContain(`/user@${uid}.service/`);
  });
});
