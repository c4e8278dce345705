import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { hierarchy } from "../../src/runtime/cgroup/hierarchy.ts";
import { dev, devpts, freshName, namespaces, proc } from "../support/bundle.ts";
import { eventually } from "../support/container.ts";
import { missing, ownNamespace } from "../support/needs.ts";
import { mountAt, parseReport } from "../support/probe.ts";
import { asUser, OrdinaryUser, own, ownAndSubordinate, subordinate, uid } from "./support.ts";

let user: OrdinaryUser;
beforeAll(() => {
  user = new OrdinaryUser();
});
afterAll(() => user[Symbol.dispose]());

const ranges = { uidMappings: ownAndSubordinate, gidMappings: ownAndSubordinate };
const ownNetwork = namespaces("pid", "ipc", "uts", "mount", "user", "network", "cgroup");

describe("ids of an ordinary user", () => {
  asUser("its own id is root of the container, and setgroups is denied", async () => {
    const report = await user.probe();
    expect(report).toMatchObject({ uid: 0, gid: 0, groups: [], pid: 1 });
    expect(report.uidMap.join().trim().split(/\s+/)).toEqual(["0", String(uid), "1"]);
    expect(report.gidMap.join().trim().split(/\s+/)).toEqual(["0", String(uid), "1"]);
    expect(report.setgroups.join().trim()).toBe("deny");
  });

  asUser("subordinate ids through newuidmap: any user and additional groups", async () => {
    const report = await user.probe({
      process: { user: { uid: 1000, gid: 1001, additionalGids: [5, 10] } },
      linux: ranges,
    });
    expect(report).toMatchObject({ uid: 1000, gid: 1001 });
    expect(report.groups).toEqual(expect.arrayContaining([5, 10]));
    expect(report.setgroups.join().trim()).toBe("allow");
    expect(report.uidMap).toHaveLength(2);
  });

  asUser("what the container writes belongs to the user, or to its subordinate ids", async () => {
    await using bundle = await user.bundle({
      process: { args: ["sh", "-c", "echo a >/tmp/a"], user: { uid: 7, gid: 7 } },
      linux: ranges,
    });
    user.ok(["run", "-b", bundle.path, user.id()]);
    expect(statSync(join(bundle.rootfs, "tmp/a")).uid).toBe(subordinate.first + 6);
  });

  asUser("ids that are nobody's to give: newgidmap's own words", async () => {
    const foreign = [
      { containerID: 0, hostID: uid, size: 1 },
      { containerID: 1, hostID: 900_000, size: 10 },
    ];
    const text = await user.refusal({ linux: { uidMappings: foreign, gidMappings: foreign } });
    expect(text).toMatch(/config\.json: linux\.gidMappings: newgidmap: gid range .* not allowed/);
  });

  asUser("a container without root is refused", async () => {
    const maps = [{ containerID: 5, hostID: uid, size: 1 }];
    const text = await user.refusal({
      process: { user: { uid: 5, gid: 5 } },
      linux: { uidMappings: maps, gidMappings: maps },
    });
    expect(text).toContain("config.json: linux.uidMappings: id 0 of the container is not mapped");
  });

  asUser("additional groups are passed over where setgroups is denied", async () => {
    const report = await user.probe({ process: { user: { uid: 0, gid: 0, additionalGids: [0] } } });
    expect(report.groups).toEqual([]);
  });
});

describe("file systems of an ordinary user", () => {
  asUser("the usual devices, bound from the host", async () => {
    const report = await user.probe({}, ["/dev/null", "/dev/full", "/dev/tty", "/dev/ptmx"]);
    expect(report.paths["/dev/null"]).toMatchObject({ type: "c", major: 1, minor: 3, read: 0, write: 0 });
    expect(report.paths["/dev/full"]).toMatchObject({ type: "c", major: 1, minor: 7 });
    expect(report.paths["/dev/ptmx"]).toMatchObject({ type: "l", target: "pts/ptmx" });
  });

  asUser("a device of linux.devices, bound from the host", async () => {
    const device = { path: "/dev/zero", type: "c", major: 1, minor: 5, fileMode: 0o666, uid: 0, gid: 0 };
    const report = await user.probe({ linux: { devices: [device] } }, ["/dev/zero"]);
    expect(report.paths["/dev/zero"]).toMatchObject({ type: "c", major: 1, minor: 5, write: 0 });
  });

  asUser("gid=5 of devpts is left out where no group 5 is mapped, and kept where it is", async () => {
    const withGroup = [proc, dev, { ...devpts, options: [...devpts.options, "gid=5"] }];
    const alone = await user.probe({ mounts: withGroup });
    expect(mountAt(alone, "/dev/pts")).toBeDefined();
    const { paths } = await user.probe({ mounts: withGroup, process: { terminal: false }, linux: ranges }, [
      "/dev/pts/ptmx",
    ]);
    expect(paths["/dev/pts/ptmx"]).toMatchObject({ type: "c", read: 0 });
  });

  asUser(
    "sysfs in the host's network namespace is the host's, bound; in one of its own a new one",
    async () => {
      const sysfs = {
        destination: "/sys",
        type: "sysfs",
        source: "sysfs",
        options: ["nosuid", "noexec", "nodev", "ro"],
      };
      const mounts = [proc, dev, devpts, sysfs];
      const shared = await user.probe({ mounts });
      expect(mountAt(shared, "/sys")).toMatchObject({ fsType: "sysfs" });
      const { mounts: all, paths } = await user.probe({ mounts, linux: { namespaces: ownNetwork } }, [
        "/sys/class/net",
      ]);
      expect(all.filter(({ mountPoint }) => mountPoint.startsWith("/sys/"))).toEqual([]);
      expect(paths["/sys/class/net"]!.entries).toEqual(["lo"]);
    },
  );

  asUser("a cgroup mount shows nothing of the host's cgroups", async () => {
    const cgroup = {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["ro", "nosuid", "noexec", "nodev"],
    };
    const changes = {
      mounts: [
        proc,
        dev,
        devpts,
        { destination: "/sys", type: "none", source: "/sys", options: ["rbind", "ro"] },
        cgroup,
      ],
    };
    const report = await user.probe(changes, ["/sys/fs/cgroup"]);
    expect(report.paths["/sys/fs/cgroup"]!.entries).toEqual([]);
    expect(report.paths["/sys/fs/cgroup"]!.write).not.toBe(0);
  });

  asUser("files of the user, bound read-only and read-write", async () => {
    const data = join(user.directory, "home/data");
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, "file"), "of the user\n");
    own(data, uid);
    const bind = (destination: string, ...options: string[]) => ({
      destination,
      type: "bind",
      source: data,
      options: ["rbind", ...options],
    });
    const mounts = [proc, dev, devpts, bind("/ro", "ro"), bind("/rw")];
    const report = await user.probe({ mounts }, ["/ro", "/ro/file", "/rw"]);
    expect(report.paths["/ro/file"]).toMatchObject({ content: "of the user\n", uid: 0, read: 0 });
    expect(report.paths["/ro"]!.write).not.toBe(0);
    expect(report.paths["/rw"]!.write).toBe(0);
  });

  asUser("a tmpfs belongs to the container's root; masked and read-only paths are that", async () => {
    const tmpfs = { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["mode=700"] };
    const hidden = {
      maskedPaths: ["/proc/timer_list", "/proc/keys", "/proc/fs"],
      readonlyPaths: ["/proc/sys", "/proc/irq"],
    };
    const report = await user.probe(
      { root: { readonly: true }, mounts: [proc, dev, devpts, tmpfs], linux: hidden },
      ["/", "/tmp", "/proc/timer_list", "/proc/keys", "/proc/fs"],
    );
    expect(report.paths["/tmp"]).toMatchObject({ uid: 0, gid: 0, write: 0 });
    expect(report.paths["/"]!.write).not.toBe(0);
    for (const path of ["/proc/timer_list", "/proc/keys"])
      expect(report.paths[path]).toMatchObject({ type: "c", major: 1, minor: 3 });
    expect(report.paths["/proc/fs"]!.entries).toEqual([]);
    expect(mountAt(report, "/proc/sys")!.options).toContain("ro");
  });

  asUser("somebody else's directory can be bound, and stays closed", async () => {
    const mounts = [
      proc,
      dev,
      devpts,
      { destination: "/closed", type: "bind", source: "/root", options: ["rbind"] },
    ];
    const report = await user.probe({ mounts }, ["/closed"]);
    expect(report.paths["/closed"]!.read).not.toBe(0);
  });
});

describe("namespaces of an ordinary user", () => {
  asUser("all that it asks for are new, with lo up and sysctls set", async () => {
    const linux = { namespaces: ownNetwork, sysctl: { "net.ipv4.ip_forward": "1", "kernel.msgmax": "9000" } };
    const report = await user.probe({ linux }, [
      "/proc/sys/net/ipv4/ip_forward",
      "/proc/sys/kernel/msgmax",
      "/proc/net/if_inet6",
    ]);
    for (const file of ["pid", "ipc", "uts", "mnt", "user", "net", "cgroup"])
      expect(report.namespaces[file]).not.toBe(ownNamespace(file));
    expect(report.paths["/proc/sys/net/ipv4/ip_forward"]!.content).toBe("1\n");
    expect(report.paths["/proc/sys/kernel/msgmax"]!.content).toBe("9000\n");
    expect(report.hostname).toBe("inside");
  });

  const timeOffsets = { boottime: { secs: 86_400, nanosecs: 0 } };
  const withTime = { namespaces: namespaces("pid", "ipc", "uts", "mount", "user", "time"), timeOffsets };

  asUser("a time namespace with offsets", async (context) => {
    const gone = missing("time namespace", "kernel 6.2");
    context.skip(gone !== undefined, `needs ${gone}`);
    const report = await user.probe({ linux: withTime });
    const uptime = Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]);
    expect(report.clocks.boottime).toBeGreaterThan(uptime + 86_000);
    expect(report.namespaces.time).not.toBe(ownNamespace("time"));
  });

  asUser("a time namespace on a kernel that enters it at fork only: refused", async (context) => {
    context.skip(missing("kernel 6.2") === undefined, "needs a kernel before 6.2");
    expect(await user.refusal({ linux: withTime })).toContain(
      "config.json: linux.namespaces: a time namespace without root needs Linux 6.2",
    );
  });

  asUser("no user namespace: refused", async () => {
    const text = await user.refusal({
      linux: {
        namespaces: namespaces("pid", "mount", "uts"),
        uidMappings: undefined,
        gidMappings: undefined,
      },
    });
    expect(text).toContain(
      "config.json: linux.namespaces: an ordinary user needs a user namespace to make a container",
    );
  });

  asUser("the host's network namespace by path: refused", async () => {
    const list = [
      ...namespaces("pid", "mount", "uts", "user"),
      { type: "network", path: `/proc/${process.pid}/ns/net` },
    ];
    expect(await user.refusal({ linux: { namespaces: list } })).toMatch(
      /config\.json: linux\.namespaces.*permission denied/,
    );
  });
});

describe("limits of an ordinary user", () => {
  asUser("a memory limit without a cgroup of its own: refused", async () => {
    const text = await user.refusal({ linux: { resources: { memory: { limit: 10_000_000 } } } });
    expect(text).toMatch(/config\.json: linux\.resources\.memory\.limit: |rootless needs no limits/);
  });

  asUser("device rules need no cgroup: no device can be made anyway", async () => {
    const report = await user.probe({ linux: { resources: { devices: [{ allow: false, access: "rwm" }] } } });
    expect(report.pid).toBe(1);
  });

  asUser("a hard rlimit may be lowered, and not raised", async () => {
    const limit = (hard: number) => ({ process: { rlimits: [{ type: "RLIMIT_NOFILE", hard, soft: 100 }] } });
    expect((await user.probe(limit(200))).rlimits.RLIMIT_NOFILE ?? {}).toMatchObject({
      soft: 100,
      hard: 200,
    });
    expect(await user.refusal(limit(2 ** 30))).toMatch(
      /process\.rlimits\[0\]: prlimit .*: operation not permitted/,
    );
  });

  asUser("oom_score_adj is raised, kept at 0, and not lowered", async () => {
    expect((await user.probe({ process: { oomScoreAdj: 300 } })).oomScoreAdj.join().trim()).toBe("300");
    expect((await user.probe({ process: { oomScoreAdj: 0 } })).pid).toBe(1);
    expect(await user.refusal({ process: { oomScoreAdj: -500 } })).toMatch(
      /process\.oomScoreAdj: write .*: permission denied/,
    );
  });
});

describe("a cgroup that was given to an ordinary user", () => {
  asUser("is used for the container: ps, pause, resume, exec, and gone with it", async (context) => {
    context.skip(missing("cgroup2") !== undefined, "needs cgroup2");
    const name = freshName();
    const top = join(hierarchy().mountPoint, name);
    const cgroup = join(top, "caller");
    mkdirSync(cgroup, { recursive: true });
    try {
      for (const directory of [top, cgroup]) {
        for (const file of ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"])
          chownSync(join(directory, file), uid, uid);
      }
      const id = user.id();
      const linux = {
        namespaces: [...namespaces("pid", "ipc", "uts", "mount", "user", "cgroup")],
        cgroupsPath: `/${name}/${id}`,
      };
      await using bundle = await user.bundle({ process: { args: ["sleep", "100"] }, linux });
      user.ok(["run", "--detach", "-b", bundle.path, id], { cgroup });
      const { pid } = JSON.parse(user.ok(["state", id])) as { pid: number };
      expect(readFileSync(`/proc/${pid}/cgroup`, "latin1")).toContain(`0::/${name}/${id}\n`);
      user.ok(["pause", id]);
      expect(JSON.parse(user.ok(["state", id]))).toMatchObject({ status: "paused" });
      user.ok(["resume", id]);
      const inside = parseReport(user.ok(["exec", id, "/probe"], { cgroup }));
      expect(inside.cgroup.at(-1)).toBe("0::/");
      user.ok(["delete", "--force", id]);
      expect(readdirSync(top, { withFileTypes: true }).filter((each) => each.isDirectory())).toHaveLength(1);
    } finally {
      await removeCgroups(cgroup, top);
    }
  });
});

/** Once the last command has left; what stays is found by the search for leaks. */
async function removeCgroups(...innermostFirst: string[]): Promise<void> {
  const removed = (): boolean => {
    for (const directory of innermostFirst) if (existsSync(directory)) attempt(() => rmdirSync(directory));
    return !innermostFirst.some((directory) => existsSync(directory));
  };
  await eventually(() => removed() || undefined, "the end of cgroups").catch(() => {});
}

function attempt(action: () => void): void {
  try {
    action();
  } catch {} // still in use
}

describe("verbs of an ordinary user", () => {
  asUser("create, state, start, list, exec, ps, kill, delete", async () => {
    await using bundle = await user.bundle({
      process: { args: ["sleep", "100"], oomScoreAdj: 300, user: { uid: 1000, gid: 1000 } },
      linux: ranges,
    });
    const id = user.id();
    user.ok(["create", "-b", bundle.path, id]);
    expect(JSON.parse(user.ok(["state", id]))).toMatchObject({ id, status: "created" });
    const early = user.runt(["exec", id, "true"]);
    expect([early.status, early.stderr]).toEqual([
      255,
      expect.stringContaining("cannot exec in a created container as an ordinary user: start it first"),
    ]);
    user.ok(["start", id]);
    const { pid } = JSON.parse(user.ok(["state", id])) as { pid: number };
    const mine = { id, pid, status: "running", owner: "runt-test-user" };
    expect(JSON.parse(user.ok(["list", "--format", "json"]))).toContainEqual(expect.objectContaining(mine));
    const inside = user.ok(["exec", id, "/probe"]);
    expect(JSON.parse(inside)).toMatchObject({ uid: 1000, gid: 1000 });
    expect(JSON.parse(inside)).toMatchObject({ oomScoreAdj: [expect.stringContaining("300")] });
    const asRoot = JSON.parse(user.ok(["exec", "--user", "0:0", id, "/probe"])) as {
      uid: number;
      namespaces: Record<string, string>;
    };
    expect(asRoot.uid).toBe(0);
    expect(user.ok(["ps", "--format", "json", id])).toBe(`[${pid}]\n`);
    user.ok(["kill", id, "KILL"]);
    user.ok(["delete", "--force", id]);
    expect(user.runt(["state", id]).stderr).toContain("container does not exist");
  });

  asUser("the container's processes are out of reach for others of the same user until it runs", async () => {
    await using bundle = await user.bundle({ process: { args: ["sleep", "100"] } });
    const id = user.id();
    user.ok(["create", "-b", bundle.path, id]);
    const { pid } = JSON.parse(user.ok(["state", id])) as { pid: number };
    expect(user.spawn(["cat", `/proc/${pid}/environ`]).stderr).toContain("Permission denied");
    user.ok(["delete", "--force", id]);
  });

  asUser("hooks run as the user, and know the container's pid while it has one", async () => {
    const log = join(user.directory, "home/hooks");
    const hook = {
      path: "/bin/sh",
      args: ["sh", "-c", `echo $(id -u) $(grep -c '"pid"') >>${log}`],
      env: ["PATH=/usr/bin:/bin"],
    };
    await user.probe({ hooks: { createRuntime: [hook], poststart: [hook], poststop: [hook] } });
    expect(readFileSync(log, "utf8")).toBe(`${uid} 1\n${uid} 1\n${uid} 0\n`);
  });

  asUser("nothing that needs a cgroup: pause says so", async () => {
    await using bundle = await user.bundle({ process: { args: ["sleep", "100"] } });
    const id = user.id();
    user.ok(["run", "--detach", "-b", bundle.path, id]);
    expect(user.runt(["pause", id]).stderr).toContain("the container has no cgroup");
    user.ok(["delete", "--force", id]);
  });

  asUser("state is kept in a directory of the user's own where XDG_RUNTIME_DIR is not set", () => {
    const env = { XDG_RUNTIME_DIR: "", TMPDIR: join(user.directory, "home") };
    expect(user.ok(["list", "--quiet"], { env })).toBe("");
    const { mode, uid: owner } = statSync(join(user.directory, "home", `runt-${uid}`));
    expect([mode & 0o777, owner]).toEqual([0o700, uid]);
  });
});
