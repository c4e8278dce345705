import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { aBundle, dev, devpts, freshName, type Json, namespaces, proc } from "../support/bundle.ts";
import { aContainer, probeIn, refusal, runBundle } from "../support/container.ts";
import { asRoot } from "../support/needs.ts";
import { mountAt } from "../support/probe.ts";

const base = [proc, dev, devpts];
const tmpfs = (destination: string): Json => ({ destination, type: "tmpfs", source: "tmpfs" });

describe("mounts — runtime-spec config.md#mounts", () => {
  asRoot("lie in the order of the list, so that a later one can lie in an earlier one", async () => {
    const report = await probeIn({ mounts: [...base, tmpfs("/a"), tmpfs("/a/b"), tmpfs("/a/b/c")] }, [
      "/a/b",
    ]);
    expect(report.mounts.map((mount) => mount.mountPoint).slice(-3)).toEqual(["/a", "/a/b", "/a/b/c"]);
    expect(report.paths["/a/b"]!.entries).toEqual(["c"]);
  });

  asRoot("a later one on the same place hides the earlier", async () => {
    const mounts = [
      ...base,
      { ...tmpfs("/a"), options: ["size=64k"] },
      { ...tmpfs("/a"), options: ["size=128k"] },
    ];
    const report = await probeIn({ mounts });
    expect(mountAt(report, "/a")!.superOptions).toContain("size=128k");
  });

  asRoot("a directory to mount on is made where it is missing, with all above it", async () => {
    const report = await probeIn({ mounts: [...base, tmpfs("/very/deep/place")] }, ["/very"]);
    expect(mountAt(report, "/very/deep/place")!.fsType).toBe("tmpfs");
    expect(report.paths["/very"]).toMatchObject({ type: "d", mode: 0o755, uid: 0 });
  });

  asRoot("a file to bind a file on is made where it is missing", async () => {
    await using bundle = await aBundle();
    writeFileSync(join(bundle.path, "resolv"), "nameserver 10.0.0.1\n");
    bundle.config.mounts = [
      ...base,
      { destination: "/etc/net/resolv.conf", type: "bind", source: "resolv", options: ["bind"] },
    ];
    bundle.write();
    const report = await probeIn(bundle, ["/etc/net/resolv.conf"]);
    expect(report.paths["/etc/net/resolv.conf"]).toMatchObject({
      type: "-",
      content: "nameserver 10.0.0.1\n",
    });
  });

  asRoot("a file cannot be mounted on a directory", async () => {
    await using bundle = await aBundle({}, { files: { "etc/there/": "" } });
    writeFileSync(join(bundle.path, "file"), "x");
    bundle.config.mounts = [
      ...base,
      { destination: "/etc/there", type: "bind", source: "file", options: ["bind"] },
    ];
    bundle.write();
    expect(await refusal(bundle)).toMatchObject({
      name: "RuntError",
      site: { subject: "config.json: mounts[3]" },
    });
  });

  asRoot("a relative destination is read from the root", async () => {
    expect(mountAt(await probeIn({ mounts: [...base, tmpfs("rel/ative")] }), "/rel/ative")).toBeDefined();
  });

  for (const [kind, target] of [
    ["absolute", "/real"],
    ["relative", "real"],
    ["leading out of the rootfs", "../../../../../real"],
  ] as const) {
    asRoot(`a destination that is a link, ${kind}: resolved in the rootfs`, async () => {
      const report = await probeIn({ mounts: [...base, tmpfs("/link")] }, ["/link"], {
        files: { "real/": "" },
        links: { link: target },
      });
      expect(mountAt(report, "/real")!.fsType).toBe("tmpfs");
      expect(report.paths["/link"]!.type).toBe("l");
    });
  }

  asRoot("a link on the way, to a place of the host: nothing of the host is touched", async () => {
    await using bundle = await aBundle();
    const outside = join(bundle.directory, "outside");
    mkdirSync(outside);
    const { symlinkSync } = await import("node:fs");
    symlinkSync(outside, join(bundle.rootfs, "way"));
    bundle.config.mounts = [...base, tmpfs("/way/out")];
    bundle.write();
    await runBundle(bundle).catch(() => {});
    expect(readdirSync(outside)).toEqual([]);
  });

  asRoot("a link that points nowhere: its target is made inside", async () => {
    const report = await probeIn({ mounts: [...base, tmpfs("/dangling/sub")] }, [], {
      links: { dangling: "/made/here" },
    });
    expect(mountAt(report, "/made/here/sub")).toBeDefined();
  });

  for (const type of ["proc", "sysfs"]) {
    asRoot(`${type} is mounted on a real directory only`, async () => {
      const at = type === "proc" ? "/proc" : "/sys";
      const rest = type === "proc" ? [dev, devpts] : base;
      const error = await refusal(
        { mounts: [...rest, { destination: at, type, source: type }] },
        {
          prepare: async (bundle) => {
            const { rmdirSync, symlinkSync } = await import("node:fs");
            rmdirSync(join(bundle.rootfs, at));
            mkdirSync(join(bundle.rootfs, "elsewhere"));
            symlinkSync("elsewhere", join(bundle.rootfs, at));
          },
        },
      );
      expect(error).toMatchObject({
        name: "RuntError",
        site: { subject: `config.json: mounts[${rest.length}]` },
      });
    });
  }

  asRoot("inside /proc only a few files may be covered", async () => {
    const error = await refusal({ mounts: [...base, tmpfs("/proc/sys/kernel")] });
    expect(error).toMatchObject({ kind: "InvalidArgument" });
    expect(error.message).toMatch(/mounts\[3\].*\/proc/);
  });

  asRoot("those few may be", async () => {
    await using bundle = await aBundle();
    writeFileSync(join(bundle.path, "uptime"), "1 1\n");
    bundle.config.mounts = [
      ...base,
      { destination: "/proc/uptime", type: "bind", source: "uptime", options: ["bind"] },
    ];
    bundle.write();
    expect((await probeIn(bundle, ["/proc/uptime"])).paths["/proc/uptime"]!.content).toBe("1 1\n");
  });

  asRoot("mqueue and shm", async () => {
    const mounts = [
      ...base,
      {
        destination: "/dev/shm",
        type: "tmpfs",
        source: "shm",
        options: ["nosuid", "noexec", "nodev", "mode=1777", "size=1m"],
      },
      {
        destination: "/dev/mqueue",
        type: "mqueue",
        source: "mqueue",
        options: ["nosuid", "noexec", "nodev"],
      },
    ];
    const report = await probeIn({ mounts }, ["/dev/shm"]);
    expect(mountAt(report, "/dev/mqueue")!.fsType).toBe("mqueue");
    expect(report.paths["/dev/shm"]).toMatchObject({ mode: 0o1777, write: 0 });
  });

  asRoot("sysfs shows the container's own network", async () => {
    const sysfs = {
      destination: "/sys",
      type: "sysfs",
      source: "sysfs",
      options: ["nosuid", "noexec", "nodev", "ro"],
    };
    const report = await probeIn({ mounts: [...base, sysfs] }, ["/sys/class/net"]);
    expect(mountAt(report, "/sys")!.options).toContain("ro");
    expect(report.paths["/sys/class/net"]!.entries).toContain("lo");
    expect(report.paths["/sys/class/net"]!.entries).not.toContain("eth0");
  });

  const cgroup = {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
  };

  asRoot("cgroup, with a namespace: the container's own cgroup as the root", async () => {
    const report = await probeIn({ mounts: [...base, cgroup] }, ["/sys/fs/cgroup/cgroup.procs"]);
    expect(mountAt(report, "/sys/fs/cgroup")).toMatchObject({ fsType: "cgroup2" });
    expect(mountAt(report, "/sys/fs/cgroup")!.options).toContain("ro");
    expect(report.paths["/sys/fs/cgroup/cgroup.procs"]!.content).toMatch(/^1\n/);
  });

  asRoot("cgroup, without one: the path in /proc/self/cgroup is to be found there", async () => {
    const cgroupsPath = `/${freshName()}`;
    const procs = `/sys/fs/cgroup${cgroupsPath}/cgroup.procs`;
    const report = await probeIn(
      {
        mounts: [...base, cgroup],
        linux: { namespaces: namespaces("mount", "pid"), cgroupsPath },
        hostname: undefined,
      },
      [procs],
    );
    expect(mountAt(report, "/sys/fs/cgroup")!.fsType).toBe("cgroup2");
    expect(report.cgroup).toContain(`0::${cgroupsPath}`);
    expect(report.paths[procs]!.content).toBe("1\n");
  });

  for (const destination of ["/", "/merged"]) {
    asRoot(
      `${destination}: options longer than fsconfig(2) takes them, an overlay of many directories`,
      async () => {
        await using bundle = await aBundle();
        const lowers = Array.from({ length: 59 }, (_, i) => {
          const path = join(bundle.directory, `lower${i}`);
          mkdirSync(path);
          writeFileSync(join(path, `file${i}`), "");
          return path;
        });
        const lowerdir = [...lowers, bundle.rootfs].join(":");
        const options = ["ro", "nodev", `lowerdir=${lowerdir}`, "index=off"];
        const overlay = { destination, type: "overlay", source: "layers", options };
        bundle.config.mounts = destination === "/" ? [overlay, ...base] : [...base, overlay];
        bundle.config.root = { path: "rootfs", readonly: false };
        bundle.write();
        const report = await probeIn(bundle, [destination]);
        expect(mountAt(report, destination)).toMatchObject({
          fsType: "overlay",
          source: "layers",
          options: expect.arrayContaining(["ro", "nodev"]),
          superOptions: expect.arrayContaining(["ro"]),
        });
        expect(report.mounts.filter(({ fsType }) => fsType === "overlay")).toHaveLength(1);
        const entries = report.paths[destination]!.entries;
        expect(entries).toEqual(expect.arrayContaining(["file0", "file58", "probe"]));
      },
    );
  }

  asRoot("a failing mount names itself, and leaves nothing behind", async () => {
    await using bundle = await aBundle({
      mounts: [
        ...base,
        { destination: "/m", type: "overlay", source: "overlay", options: ["lowerdir=/none"] },
      ],
    });
    const error = await refusal(bundle, { id: "runt-test-failing-mount" });
    expect(error).toMatchObject({
      name: "RuntError",
      site: { operation: "run", subject: "config.json: mounts[3]" },
    });
    expect(error.message).toMatch(
      /^unable to start container process: error during container init: mounts\[3\]/,
    );
    const { stateRoot } = await import("../support/container.ts");
    expect(existsSync(join(stateRoot, "runt-test-failing-mount"))).toBe(false);
  });
});

describe("propagation of mounts between host and container", () => {
  asRoot("what the container mounts does not appear on the host", async () => {
    await using c = await aContainer({ config: { mounts: [...base, tmpfs("/secret-place")] } });
    const { readMountInfo } = await import("../../src/linux/mountinfo.ts");
    expect(readMountInfo().some((mount) => mount.mountPoint.includes("secret-place"))).toBe(false);
    expect(readMountInfo(c.pid).some((mount) => mount.mountPoint === "/secret-place")).toBe(true);
  });
});
