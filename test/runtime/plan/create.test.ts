import { describe, expect, test } from "vitest";
import { namespaces } from "../../support/bundle.ts";
import { alice, aPlanOf, names, ops } from "./context.ts";

const CLONE_NEWNS = 0x0002_0000;
const CLONE_NEWPID = 0x2000_0000;
const CLONE_NEWNET = 0x4000_0000;
const CLONE_NEWUSER = 0x1000_0000;
const CLONE_NEWCGROUP = 0x0200_0000;
const CLONE_NEWTIME = 0x80;

/** All of `words` come in this order, with anything between. */
function inOrder(list: readonly string[], ...words: string[]): void {
  let at = -1;
  for (const word of words) {
    const next = list.indexOf(word, at + 1);
    expect(next, `${word} after ${list[at] ?? "the beginning"} in ${list.join(" ")}`).toBeGreaterThan(at);
    at = next;
  }
}

describe("the plan of the smallest container", () => {
  const plan = aPlanOf();

  test("on the host: state, cgroup, fifo", () => {
    expect(plan.before).toEqual([
      { step: "state", directory: "/run/runt/c1" },
      { step: "cgroup", slot: "cgroup", path: "/sys/fs/cgroup/c1", writes: [] },
      { step: "fifo", slot: "start", path: "/run/runt/c1/exec.fifo" },
    ]);
    expect(plan.atSync).toEqual({});
    expect(plan.warnings).toEqual([]);
  });

  test("the shim clones into the cgroup, with the namespaces of the config", () => {
    expect(plan.program).toMatchObject({
      cloneFlags: CLONE_NEWNS,
      cgroup: "cgroup",
      stay: 0,
      dieWithRuntime: false,
      inherited: ["cgroup", "start"],
    });
  });

  test("nobody can ptrace the shim from its first moment (CVE-2016-9962)", () => {
    expect(plan.program.ops.shim).toEqual([{ op: "undumpable" }]);
  });

  test("init, op by op", () => {
    expect(names(plan, "init")).toEqual([
      "setsid",
      "session_keyring",
      "propagation",
      "open_tree",
      "attach_root",
      "pivot_root",
      "chown_stdio",
      "umask",
      "cap_bounding",
      "chdir",
      "set_user",
      "capset",
      "chdir",
      "find_executable",
      "keep_fds",
      "ready",
      "wait_start",
      "exec",
    ]);
  });

  test("every op that a part of config.json asked for says which", () => {
    const silent = plan.program.ops.init.filter(({ at }) => at === undefined).map(({ op }) => op);
    expect(silent).toEqual(["setsid", "session_keyring", "keep_fds", "ready", "wait_start"]);
  });

  test("the environment has HOME", () => {
    expect(ops(plan, "init", "exec")).toEqual([
      { op: "exec", argv: ["/bin/true"], env: ["PATH=/bin", "HOME=/"], at: "process.args" },
    ]);
  });
});

describe("the order of a plan", () => {
  test("nothing of the mounts reaches the host: propagation comes first", () => {
    const plan = aPlanOf({ mounts: [{ destination: "/proc", type: "proc", source: "proc" }] });
    inOrder(
      names(plan, "init"),
      "propagation",
      "open_tree",
      "attach_root",
      "fsmount",
      "move_mount",
      "pivot_root",
    );
  });

  test("hooks of the runtime, then of the container, before the root is changed", () => {
    const hook = [{ path: "/bin/hook" }];
    const plan = aPlanOf({
      hooks: { prestart: hook, createRuntime: hook, createContainer: hook, startContainer: hook },
    });
    inOrder(
      names(plan, "init"),
      "attach_root",
      "sync",
      "hook",
      "pivot_root",
      "ready",
      "wait_start",
      "hook",
      "exec",
    );
    expect(plan.atSync.hooks?.map((step) => "name" in step && step.name)).toEqual([
      "prestart",
      "createRuntime",
    ]);
  });

  test("sysctl before /proc/sys becomes read-only, and the root last of all", () => {
    const plan = aPlanOf({
      root: { readonly: true },
      linux: {
        namespaces: namespaces("mount", "network"),
        sysctl: { "net.ipv4.ip_forward": "1" },
        readonlyPaths: ["/proc/sys"],
        maskedPaths: ["/proc/kcore"],
      },
    });
    inOrder(
      names(plan, "init"),
      "pivot_root",
      "sysctl",
      "readonly_path",
      "mask_path",
      "mount_setattr",
      "umask",
    );
    expect(ops(plan, "init", "mount_setattr").at(-1)).toMatchObject({ path: "/", at: "root.readonly" });
  });

  test("the bounding set before the user, the other sets after", () => {
    const plan = aPlanOf({ process: { capabilities: { bounding: ["CAP_KILL"], ambient: ["CAP_KILL"] } } });
    inOrder(names(plan, "init"), "cap_bounding", "set_user", "capset");
  });

  test("no_new_privs before it is asked for by anything", () => {
    inOrder(
      names(aPlanOf({ process: { noNewPrivileges: true } }), "init"),
      "no_new_privs",
      "set_user",
      "exec",
    );
  });
});

describe("namespaces in a plan", () => {
  test("new ones are flags of clone3, but for cgroup and time", () => {
    const plan = aPlanOf({ linux: { namespaces: namespaces("mount", "pid", "network", "cgroup", "time") } });
    expect(plan.program.cloneFlags).toBe(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET);
    expect(ops(plan, "init", "unshare")).toEqual([
      { op: "unshare", flags: CLONE_NEWCGROUP, at: "linux.namespaces" },
    ]);
    expect(ops(plan, "shim", "unshare")).toEqual([
      { op: "unshare", flags: CLONE_NEWTIME, at: "linux.namespaces" },
    ]);
  });

  test("those with a path are opened by the runtime and joined by the shim", () => {
    const plan = aPlanOf({
      linux: { namespaces: [...namespaces("mount"), { type: "network", path: "/run/netns/n" }] },
    });
    expect(plan.before).toContainEqual({ step: "open", slot: "ns-network", path: "/run/netns/n" });
    expect(ops(plan, "shim", "setns")).toEqual([
      { op: "setns", fd: "ns-network", nstype: CLONE_NEWNET, at: "linux.namespaces[1]" },
    ]);
    expect(plan.program.inherited).toContain("ns-network");
  });

  test("a new network namespace gets its lo", () => {
    expect(
      ops(aPlanOf({ linux: { namespaces: namespaces("mount", "network") } }), "init", "loopback_up"),
    ).toHaveLength(1);
    expect(ops(aPlanOf(), "init", "loopback_up")).toEqual([]);
  });

  test("offsets of the clocks are written while nobody is in the time namespace", () => {
    const timeOffsets = { monotonic: { secs: 5, nanosecs: 6 }, boottime: { secs: -1 } };
    const plan = aPlanOf({ linux: { namespaces: namespaces("mount", "time"), timeOffsets } });
    inOrder(names(plan, "shim"), "unshare", "write_proc");
    expect(ops(plan, "shim", "write_proc")).toMatchObject([
      { file: "timens_offsets", data: "monotonic 5 6\nboottime -1 0\n", at: "linux.timeOffsets" },
    ]);
  });

  const mapped = {
    linux: {
      namespaces: namespaces("mount", "user"),
      uidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
    },
  };

  test("a user namespace of root: the shim writes the maps, init becomes its root", () => {
    const plan = aPlanOf(mapped);
    expect(plan.program.cloneFlags & CLONE_NEWUSER).toBe(CLONE_NEWUSER);
    expect(ops(plan, "parent", "write_proc")).toMatchObject([
      { file: "uid_map", data: "0 1000 1\n" },
      { file: "gid_map", data: "0 1000 1\n" },
    ]);
    expect(ops(plan, "init", "become_root")).toHaveLength(1);
  });

  test("an ordinary user who maps himself alone: setgroups is denied first, and not called", () => {
    const plan = aPlanOf(mapped, { host: alice });
    expect(ops(plan, "parent", "write_proc")).toMatchObject([
      { file: "setgroups", data: "deny" },
      { file: "uid_map" },
      { file: "gid_map" },
    ]);
    expect(ops(plan, "init", "set_user")).toMatchObject([{ setgroups: 0 }]);
  });

  test("an ordinary user who maps more: newuidmap(1), while init waits", () => {
    const range = [{ containerID: 0, hostID: 100000, size: 65536 }];
    const plan = aPlanOf(
      { linux: { ...mapped.linux, uidMappings: range, gidMappings: range } },
      { host: alice },
    );
    expect(plan.atSync.maps).toEqual([{ step: "map-ids", uid: [0, 100000, 65536], gid: [0, 100000, 65536] }]);
    expect(ops(plan, "parent", "sync")).toHaveLength(1);
  });

  test("as root, paths of the host are opened by the shim: init may not any more", () => {
    const plan = aPlanOf(mapped);
    expect(ops(plan, "shim", "open_tree")[0]).toMatchObject({ path: "/bundle/rootfs" });
    expect(ops(plan, "init", "open_tree")).toEqual([]);
  });

  test("the host's root gives away pipes that were made for the container, and none of its caller's", () => {
    const gives = (request: object) => ops(aPlanOf(mapped, { request }), "shim", "chown_stdio");
    expect(gives({})).toEqual([]);
    expect(gives({ giveStdio: true })).toMatchObject([{ uid: mapped.linux.uidMappings[0]!.hostID }]);
    const monitor = {
      ...{ socket: 3, directory: "/m", oomScoreAdj: 0, input: "none", log: undefined },
      ...{ exitCommand: undefined, health: undefined },
      restart: { on: "never", soonMs: 0, laterMs: 0, longRunMs: 0 },
    };
    expect(gives({ monitor })).toHaveLength(1);
  });
});

describe("fds in a plan", () => {
  test("those that are kept come first, so that their slots follow one another", () => {
    const plan = aPlanOf({}, { request: { preserved: [3, 4], listenFds: 1 } });
    expect(plan.program.inherited.slice(0, 2)).toEqual(["preserved-3", "preserved-4"]);
    expect(ops(plan, "init", "keep_fds")).toMatchObject([{ first: "preserved-3", count: 2, start: "start" }]);
    expect(ops(plan, "init", "exec")).toMatchObject([
      { env: expect.arrayContaining(["LISTEN_FDS=1", "LISTEN_PID=1"]) },
    ]);
  });

  test("a terminal's master goes to the console socket", () => {
    const plan = aPlanOf(
      { process: { terminal: true, consoleSize: { height: 24, width: 80 } } },
      { request: { console: { path: "/run/console" } } },
    );
    expect(plan.before).toContainEqual({ step: "connect", slot: "console", path: "/run/console" });
    expect(ops(plan, "init", "console")).toMatchObject([
      { socket: "console", rows: 24, columns: 80, bind: 1 },
    ]);
    expect(ops(plan, "init", "chown_stdio")).toEqual([]);
  });
});

describe("what no plan can be made of", () => {
  const refusals: readonly [string, object, object, object][] = [
    [
      "a terminal that nobody takes",
      { process: { terminal: true } },
      {},
      { kind: "InvalidArgument", site: { subject: "config.json: process.terminal" } },
    ],
    [
      "an ordinary user without a user namespace",
      {},
      { host: alice },
      { kind: "InvalidArgument", site: { subject: "config.json: linux.namespaces" } },
    ],
    [
      "no mount namespace",
      { linux: { namespaces: namespaces("pid") } },
      {},
      { kind: "InvalidArgument", site: { subject: "config.json: linux.namespaces" } },
    ],
    [
      "a label of AppArmor without it",
      { process: { apparmorProfile: "p" } },
      {},
      { kind: "InvalidArgument", site: { subject: "config.json: process.apparmorProfile" } },
    ],
    [
      "a label of SELinux without it",
      { process: { selinuxLabel: "a:b:c:s0" } },
      {},
      { kind: "InvalidArgument", site: { subject: "config.json: process.selinuxLabel" } },
    ],
    [
      "a bind mount whose source is not there",
      { mounts: [{ destination: "/m", source: "/none", options: ["bind"] }] },
      {},
      { kind: "NotFound", site: { subject: "config.json: mounts[0].source", path: "/none" } },
    ],
  ];
  for (const [what, changes, around, error] of refusals) {
    test(what, () => {
      expect(() => aPlanOf(changes, around)).toThrow(
        expect.objectContaining({
          name: "RuntError",
          ...error,
          site: expect.objectContaining((error as { site: object }).site),
        }),
      );
    });
  }
});

describe("labels in a plan", () => {
  test("AppArmor's new file first, the old one as the alternative", () => {
    const plan = aPlanOf(
      { process: { apparmorProfile: "p" } },
      { host: { lsm: { apparmor: true, selinux: false } } },
    );
    expect(ops(plan, "init", "lsm_label")).toMatchObject([
      { file: "apparmor/exec", label: "exec p", otherwise: [{ file: "exec", label: "exec p" }] },
    ]);
  });

  test("SELinux: the process's label for execve, the mount label on file systems", () => {
    const plan = aPlanOf(
      {
        process: { selinuxLabel: "system_u:system_r:container_t:s0" },
        linux: { mountLabel: "system_u:object_r:container_file_t:s0" },
        mounts: [{ destination: "/tmp", type: "tmpfs", source: "tmpfs" }],
      },
      { host: { lsm: { apparmor: false, selinux: true } } },
    );
    expect(ops(plan, "init", "lsm_label")).toMatchObject([
      { file: "exec", label: "system_u:system_r:container_t:s0" },
    ]);
    expect(ops(plan, "init", "fsmount")).toMatchObject([
      { options: ["source=tmpfs", "context=system_u:object_r:container_file_t:s0"] },
    ]);
  });
});
