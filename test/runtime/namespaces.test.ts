import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readlinkSync, rmdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { RuntError } from "../../src/errors.ts";
import { hierarchy } from "../../src/runtime/cgroup/hierarchy.ts";
import { dev, devpts, freshName, namespaces, proc, usualNamespaces } from "../support/bundle.ts";
import { aContainer, probeIn, refusal, runBundle } from "../support/container.ts";
import { asRoot, needs, ownNamespace } from "../support/needs.ts";
import { mountAt } from "../support/probe.ts";
import { withUserns } from "./userns.ts";

const files: Record<string, string> = {
  pid: "pid",
  network: "net",
  mount: "mnt",
  ipc: "ipc",
  uts: "uts",
  user: "user",
  cgroup: "cgroup",
  time: "time",
};

/** A process that keeps a namespace for others to join. */
async function holder(...flags: string[]): Promise<Disposable & { pid: number }> {
  const child = spawn("unshare", [...flags, "/bin/sh", "-c", "echo ready; exec sleep 100"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  const { pid } = child as { pid: number };
  const forked = flags.includes("--fork")
    ? Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1"))
    : pid;
  return {
    pid: forked,
    [Symbol.dispose]() {
      process.kill(forked, "SIGKILL");
      child.kill("SIGKILL");
    },
  };
}

describe("namespaces — runtime-spec config-linux.md#namespaces", () => {
  for (const type of ["pid", "network", "ipc", "uts", "cgroup"]) {
    asRoot(`a ${type} namespace without path: a new one`, async () => {
      const report = await probeIn({ linux: { namespaces: namespaces("mount", type) }, hostname: undefined });
      expect(report.namespaces[files[type]!]).not.toBe(ownNamespace(files[type]!));
    });

    asRoot(`no ${type} namespace: the runtime's own`, async () => {
      const others = usualNamespaces.filter((other) => other !== type);
      const report = await probeIn({ linux: { namespaces: namespaces(...others) }, hostname: undefined });
      expect(report.namespaces[files[type]!]).toBe(ownNamespace(files[type]!));
    });
  }

  asRoot("a mount namespace without path: a new one, with nothing of the host in it", async () => {
    const report = await probeIn();
    expect(report.namespaces.mnt).not.toBe(ownNamespace("mnt"));
    expect(report.mounts.map((mount) => mount.mountPoint)).toEqual(["/", "/proc", "/dev", "/dev/pts"]);
  });

  asRoot("a new pid namespace: the process is pid 1 and has no parent", async () => {
    const report = await probeIn();
    expect(report).toMatchObject({ pid: 1, ppid: 0, sid: 1, pgid: 1 });
  });

  asRoot("a new network namespace: lo is there and up, and nothing else", async () => {
    const { stdout } = await runBundle({ process: { args: ["ip", "-o", "link"] } });
    expect(
      stdout
        .trim()
        .split("\n")
        .filter((line) => !/(tunl|sit|gre|ip6|erspan|ip_vti|teql)/.test(line)),
    ).toHaveLength(1);
    expect(stdout).toMatch(/lo: <LOOPBACK,UP/);
  });

  asRoot("a new cgroup namespace: the container's cgroup is its root", async () => {
    const report = await probeIn();
    expect(report.cgroup).toContain("0::/");
  });

  asRoot("without a cgroup namespace the cgroup has its full path", async () => {
    const above = `/${freshName()}`;
    const report = await probeIn({
      linux: { namespaces: namespaces("mount", "pid"), cgroupsPath: `${above}/inner` },
      hostname: undefined,
    });
    expect(report.cgroup).toContain(`0::${above}/inner`);
    // As runc's, delete takes the container's own cgroup only: others may have come to live above it.
    rmdirSync(`${hierarchy().mountPoint}${above}`);
  });

  for (const [type, flag] of [
    ["network", "-n"],
    ["ipc", "-i"],
    ["uts", "-u"],
    ["cgroup", "-C"],
  ] as const) {
    asRoot(`a ${type} namespace with a path: that one`, async () => {
      using other = await holder(flag);
      const path = `/proc/${other.pid}/ns/${files[type]}`;
      const report = await probeIn({
        linux: { namespaces: [...namespaces("mount", "pid"), { type, path }] },
        hostname: undefined,
      });
      expect(report.namespaces[files[type]!]).toBe(readlinkSync(path));
    });
  }

  asRoot("a pid namespace with a path: the process is born in it, and is not its pid 1", async () => {
    using other = await holder("-p", "--fork", "--kill-child");
    const path = `/proc/${other.pid}/ns/pid`;
    const report = await probeIn({
      linux: { namespaces: [...namespaces("mount"), { type: "pid", path }] },
      hostname: undefined,
    });
    expect(report.namespaces.pid).toBe(readlinkSync(path));
    expect(report.pid).toBeGreaterThan(1);
  });

  asRoot("two containers may share namespaces by path, as a pod's do", async () => {
    await using first = await aContainer();
    const of = (file: string): string => `/proc/${first.pid}/ns/${file}`;
    const report = await probeIn({
      hostname: undefined,
      linux: {
        namespaces: [
          ...namespaces("mount", "cgroup", "pid"),
          { type: "network", path: of("net") },
          { type: "ipc", path: of("ipc") },
          { type: "uts", path: of("uts") },
        ],
      },
    });
    expect(report.hostname).toBe("inside");
    expect(report.namespaces.net).toBe(readlinkSync(of("net")));
  });

  asRoot("a path that is not there: NotFound, with the namespace named", async () => {
    const error = await refusal({
      linux: { namespaces: [...namespaces("mount"), { type: "network", path: "/run/runt-test-no-such" }] },
      hostname: undefined,
    });
    expect(error).toMatchObject({
      name: "RuntError",
      kind: "NotFound",
      site: { path: "/run/runt-test-no-such", code: "ENOENT" },
    });
  });

  asRoot("a path to a namespace of another kind: refused", async () => {
    const error = await refusal({
      linux: { namespaces: [...namespaces("mount"), { type: "network", path: "/proc/self/ns/uts" }] },
      hostname: undefined,
    });
    expect(error).toMatchObject({ name: "RuntError", site: { syscall: "setns", code: "EINVAL" } });
    expect((error as RuntError).site.subject).toMatch(/^config\.json: linux\.namespaces/);
  });

  asRoot("a kind named twice: InvalidArgument before anything is done", async () => {
    const error = await refusal({
      linux: { namespaces: namespaces("mount", "pid", "pid") },
      hostname: undefined,
    });
    expect(error).toMatchObject({ kind: "InvalidArgument", site: { operation: "run" } });
    expect(error.message).toMatch(/linux\.namespaces/);
  });
});

describe("user namespaces — runtime-spec config-linux.md#user-namespace-mappings", () => {
  asRoot("the maps are those of the config", async () => {
    const report = await probeIn(withUserns());
    expect(report.uidMap.map((line) => line.trim().split(/\s+/).map(Number))).toEqual([[0, 100000, 65536]]);
    expect(report.gidMap.map((line) => line.trim().split(/\s+/).map(Number))).toEqual([[0, 200000, 65536]]);
    expect(report.setgroups).toEqual(["allow"]);
    expect(report.namespaces.user).not.toBe(ownNamespace("user"));
  });

  asRoot("several maps are all written", async () => {
    const uidMappings = [
      { containerID: 0, hostID: 100000, size: 10 },
      { containerID: 1000, hostID: 300000, size: 1 },
    ];
    const report = await probeIn(withUserns({ uidMappings }));
    expect(report.uidMap.map((line) => line.trim().split(/\s+/).map(Number))).toEqual([
      [0, 100000, 10],
      [1000, 300000, 1],
    ]);
  });

  asRoot("ids count inside: 0 there is the mapped one outside", async () => {
    await using c = await aContainer({ config: withUserns() });
    expect(c.proc("status")).toMatch(/^Uid:\t100000\t100000\t100000\t100000$/m);
    expect(c.proc("status")).toMatch(/^Gid:\t200000\t200000\t200000\t200000$/m);
  });

  asRoot("process.user, additionalGids and capabilities are those of the inside", async () => {
    const one = ["CAP_SYS_ADMIN"];
    const capabilities = { bounding: one, permitted: one, effective: one, inheritable: one, ambient: one };
    const report = await probeIn({
      ...withUserns(),
      process: { user: { uid: 7, gid: 8, additionalGids: [9, 10] }, capabilities },
    });
    expect(report).toMatchObject({ uid: 7, gid: 8, groups: [9, 10] });
    expect(report.status.CapEff).toBe("0000000000200000");
  });

  asRoot("devices are bound from the host, and usable", async () => {
    const report = await probeIn(withUserns(), [
      "/dev/null",
      "/dev/zero",
      "/dev/full",
      "/dev/urandom",
      "/dev/tty",
    ]);
    expect(mountAt(report, "/dev/null")).toBeDefined();
    expect(report.paths["/dev/null"]).toMatchObject({ type: "c", major: 1, minor: 3, read: 0, write: 0 });
    expect(report.paths["/dev/urandom"]).toMatchObject({ type: "c", major: 1, minor: 9, read: 0 });
  });

  asRoot("bind mounts of directories that its root may not enter work all the same", async () => {
    await using c = await aContainer({
      status: "created",
      files: { "host/": "" },
      config: {
        ...withUserns(),
        mounts: [proc, dev, devpts, { destination: "/host", source: "/root", options: ["bind", "ro"] }],
      },
    });
    expect(c.status).toBe("created");
  });

  asRoot("sysfs of the host's network namespace: the host's own is bound", async () => {
    const others = [...usualNamespaces.filter((type) => type !== "network"), "user"];
    const sysfs = {
      destination: "/sys",
      type: "sysfs",
      source: "sysfs",
      options: ["nosuid", "noexec", "nodev", "ro"],
    };
    const report = await probeIn({
      ...withUserns({ namespaces: namespaces(...others) }),
      mounts: [proc, dev, devpts, sysfs],
    });
    expect(mountAt(report, "/sys")).toMatchObject({ fsType: "sysfs" });
    expect(mountAt(report, "/sys")!.options).toContain("ro");
  });

  asRoot("joined by path, with the ids of its owner", async () => {
    await using first = await aContainer({ config: withUserns() });
    const path = `/proc/${first.pid}/ns/user`;
    const report = await probeIn({
      linux: { namespaces: [...namespaces(...usualNamespaces), { type: "user", path }] },
    });
    expect(report.namespaces.user).toBe(readlinkSync(path));
    expect(report.uid).toBe(0);
    expect(report.uidMap[0]).toMatch(/100000/);
  });

  asRoot("neither path nor maps: InvalidArgument", async () => {
    const error = await refusal({ linux: { namespaces: namespaces(...usualNamespaces, "user") } });
    expect(error).toMatchObject({ kind: "InvalidArgument" });
    expect(error.message).toMatch(/config\.json: linux\..*[mM]apping/);
  });

  asRoot("exec joins it", async () => {
    await using c = await aContainer({ config: withUserns() });
    const report = await c.probe();
    expect(report.uidMap[0]).toMatch(/100000/);
    expect(report.namespaces.user).toBe(readlinkSync(`/proc/${c.pid}/ns/user`));
  });

  asRoot("sysctl of the user namespace's own network is writable to init", async () => {
    const report = await probeIn(withUserns({ sysctl: { "net.ipv4.ip_forward": "1" } }), [
      "/proc/sys/net/ipv4/ip_forward",
    ]);
    expect(report.paths["/proc/sys/net/ipv4/ip_forward"]!.content).toBe("1\n");
  });
});

describe("time namespaces — runtime-spec config-linux.md#offset-for-time-namespace", () => {
  const needsTime = needs("root", "cgroup2", "time namespace");

  needsTime("a new one has the offsets of the config", async () => {
    const timeOffsets = {
      monotonic: { secs: 172800, nanosecs: 0 },
      boottime: { secs: 604800, nanosecs: 500 },
    };
    const report = await probeIn({
      linux: { namespaces: namespaces(...usualNamespaces, "time"), timeOffsets },
    });
    expect(report.namespaces.time).not.toBe(ownNamespace("time"));
    expect(report.timensOffsets.map((line) => line.split(/\s+/))).toEqual([
      ["monotonic", "172800", "0"],
      ["boottime", "604800", "500"],
    ]);
    const uptime = Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]);
    expect(report.clocks.boottime).toBeGreaterThan(uptime + 604790);
  });

  needsTime("exec is in it too", async () => {
    const timeOffsets = { monotonic: { secs: 86400, nanosecs: 0 } };
    await using c = await aContainer({
      config: { linux: { namespaces: namespaces(...usualNamespaces, "time"), timeOffsets } },
    });
    const report = await c.probe();
    expect(report.namespaces.time).toBe(readlinkSync(`/proc/${c.pid}/ns/time`));
    expect(report.timensOffsets[0]).toMatch(/monotonic +86400/);
  });

  needsTime("joined by path", async () => {
    const timeOffsets = { boottime: { secs: 1000, nanosecs: 0 } };
    await using first = await aContainer({
      config: { linux: { namespaces: namespaces(...usualNamespaces, "time"), timeOffsets } },
    });
    const path = `/proc/${first.pid}/ns/time`;
    const report = await probeIn({
      linux: { namespaces: [...namespaces(...usualNamespaces), { type: "time", path }] },
    });
    expect(report.namespaces.time).toBe(readlinkSync(path));
  });

  needsTime("offsets without a namespace of its own: InvalidArgument", async () => {
    const error = await refusal({ linux: { timeOffsets: { boottime: { secs: 1, nanosecs: 0 } } } });
    expect(error).toMatchObject({ kind: "InvalidArgument" });
  });
});

describe("network devices — runtime-spec config-linux.md#network-devices", () => {
  needs(
    "root",
    "cgroup2",
    "program:ip",
  )("a device moves in under its new name, with its addresses, and is up", async () => {
    execFileSync("ip", ["link", "add", "rtest0", "type", "veth", "peer", "name", "rtest1"]);
    try {
      execFileSync("ip", ["addr", "add", "10.99.0.2/24", "dev", "rtest0"]);
      const { stdout } = await runBundle({
        process: { args: ["ip", "addr", "show", "dev", "eth7"] },
        linux: { netDevices: { rtest0: { name: "eth7" } } },
      });
      expect(stdout).toMatch(/eth7/);
      expect(stdout).toMatch(/inet 10\.99\.0\.2\/24/);
      expect(stdout).toMatch(/[<,]UP[,>]/);
    } finally {
      try {
        execFileSync("ip", ["link", "del", "rtest1"], { stdio: "ignore" });
      } catch {} // it went with the namespace
    }
  });

  asRoot("a device that is not there: an error that names it", async () => {
    const error = await refusal({ linux: { netDevices: { runtnone0: { name: "eth0" } } } });
    expect(error).toMatchObject({ name: "RuntError" });
    expect(error.message).toMatch(/runtnone0/);
  });

  asRoot("without a network namespace of its own: InvalidArgument", async () => {
    const others = usualNamespaces.filter((type) => type !== "network");
    const error = await refusal({ linux: { namespaces: namespaces(...others), netDevices: { lo: {} } } });
    expect(error).toMatchObject({ kind: "InvalidArgument" });
  });
});

describe("hostname and domainname — runtime-spec config.md#hostname", () => {
  asRoot("are set in a uts namespace of its own", async () => {
    const report = await probeIn({ hostname: "box", domainname: "example.org" });
    expect(report).toMatchObject({ hostname: "box", domainname: "example.org" });
  });

  for (const field of ["hostname", "domainname"]) {
    test(`${field} without one: InvalidArgument`, async () => {
      const error = await refusal({
        hostname: undefined,
        [field]: "x",
        linux: { namespaces: namespaces("mount") },
      });
      expect(error).toMatchObject({ kind: "InvalidArgument" });
      expect(error.message).toMatch(new RegExp(field));
    });
  }
});
