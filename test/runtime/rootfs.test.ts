import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { readMountInfo } from "../../src/linux/mountinfo.ts";
import { aBundle, dev, devpts, proc } from "../support/bundle.ts";
import { aContainer, probeIn, refusal, runBundle } from "../support/container.ts";
import { asRoot } from "../support/needs.ts";
import { mountAt } from "../support/probe.ts";

const EROFS = -30;

describe("root — runtime-spec config.md#root", () => {
  asRoot("the rootfs is all that there is", async () => {
    const report = await probeIn({}, ["/", "/root", "/bin/busybox"]);
    expect([...report.paths["/"]!.entries!].sort()).toEqual([
      "bin",
      "dev",
      "etc",
      "probe",
      "proc",
      "run",
      "sys",
      "tmp",
    ]);
    expect(report.paths["/root"]!.error).toBe(2);
  });

  asRoot("readonly: the root is, what is mounted in it is not", async () => {
    const mounts = [proc, dev, devpts, { destination: "/tmp", type: "tmpfs", source: "tmpfs" }];
    const report = await probeIn({ root: { readonly: true }, mounts }, ["/", "/etc", "/tmp", "/dev/null"]);
    expect(mountAt(report, "/")!.options).toContain("ro");
    expect(report.paths["/"]!.write).toBe(EROFS);
    expect(report.paths["/etc"]!.write).toBe(EROFS);
    expect(report.paths["/tmp"]!.write).toBe(0);
    expect(report.paths["/dev/null"]!.write).toBe(0);
  });

  asRoot("not readonly: it can be written to", async () => {
    await using bundle = await aBundle({ process: { args: ["sh", "-c", "echo written > /file"] } });
    expect((await runBundle(bundle)).status).toEqual({ exited: 0 });
    execFileSync("grep", ["-q", "written", join(bundle.rootfs, "file")]);
  });

  asRoot("an absolute path", async () => {
    await using bundle = await aBundle();
    const elsewhere = join(bundle.directory, "elsewhere");
    renameSync(bundle.rootfs, elsewhere);
    bundle.config.root.path = elsewhere;
    bundle.write();
    expect((await probeIn(bundle)).pid).toBe(1);
  });

  asRoot("a path through a link is fine, a link itself is refused", async () => {
    await using bundle = await aBundle();
    symlinkSync("rootfs", join(bundle.path, "linked"));
    bundle.config.root.path = "linked";
    bundle.write();
    const error = await refusal(bundle);
    expect(error).toMatchObject({
      kind: "InvalidArgument",
      site: { subject: "config.json: root.path", path: join(bundle.path, "linked") },
    });
    expect(error.message).toMatch(/symbolic link/);
  });

  asRoot("a path that is not there: NotFound", async () => {
    expect(await refusal({ root: { path: "nowhere" } })).toMatchObject({
      kind: "NotFound",
      site: { code: "ENOENT" },
    });
  });

  asRoot("a file: InvalidArgument", async () => {
    await using bundle = await aBundle({ root: { path: "file" } });
    writeFileSync(join(bundle.path, "file"), "");
    expect(await refusal(bundle)).toMatchObject({
      kind: "InvalidArgument",
      site: { subject: "config.json: root.path" },
    });
  });

  asRoot("a mount point works as the root, with what is mounted below it", async () => {
    await using bundle = await aBundle();
    mkdirSync(join(bundle.rootfs, "inner"));
    execFileSync("mount", ["--bind", bundle.rootfs, bundle.rootfs]);
    execFileSync("mount", ["-t", "tmpfs", "inner", join(bundle.rootfs, "inner")]);
    try {
      expect(mountAt(await probeIn(bundle), "/inner")!.fsType).toBe("tmpfs");
    } finally {
      execFileSync("umount", ["-R", bundle.rootfs]);
    }
  });
});

describe("linux.rootfsPropagation — runtime-spec config-linux.md#rootfs-mount-propagation", () => {
  for (const [word, fields] of [
    ["private", /^$/],
    ["rprivate", /^$/],
    ["slave", /^(master:\d+)?$/],
    ["rslave", /^(master:\d+)?$/],
    ["shared", /shared:\d+/],
    ["rshared", /shared:\d+/],
    ["unbindable", /^unbindable$/],
    ["runbindable", /^unbindable$/],
  ] as const) {
    asRoot(`${word}`, async () => {
      const report = await probeIn({ linux: { rootfsPropagation: word } });
      expect(mountAt(report, "/")!.optionalFields.join(" ")).toMatch(fields);
    });
  }

  asRoot("none: the root is not shared with the host", async () => {
    const fields = mountAt(await probeIn(), "/")!.optionalFields.join(" ");
    expect(fields).not.toMatch(/shared/);
  });

  asRoot("any other word: InvalidArgument", async () => {
    const error = await refusal({ linux: { rootfsPropagation: "loud" } });
    expect(error).toMatchObject({ kind: "InvalidArgument" });
    expect(error.message).toMatch(/rootfsPropagation/);
  });

  /** Mounts a tmpfs on `source`/sub after the container has begun; where it then is. */
  async function mountLater(rootfsPropagation: string, word: string): Promise<boolean> {
    await using bundle = await aBundle();
    const source = join(bundle.directory, "source");
    mkdirSync(join(source, "sub"), { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "shared", source]);
    try {
      mkdirSync(join(source, "sub"));
      execFileSync("mount", ["--make-shared", source]);
      bundle.config.process.args = ["/probe", "--pause"];
      bundle.config.linux.rootfsPropagation = rootfsPropagation;
      bundle.config.mounts.push({ destination: "/m", type: "bind", source, options: ["rbind", word] });
      bundle.write();
      await using c = await aContainer({ bundle });
      execFileSync("mount", ["-t", "tmpfs", "later", join(source, "sub")]);
      return readMountInfo(c.pid).some((mount) => mount.mountPoint === "/m/sub");
    } finally {
      execFileSync("umount", ["-R", source]);
    }
  }

  asRoot("a bind with rslave sees what the host mounts later", async () => {
    expect(await mountLater("slave", "rslave")).toBe(true);
  });

  asRoot("a bind with rprivate does not", async () => {
    expect(await mountLater("private", "rprivate")).toBe(false);
  });

  asRoot("rshared sends the container's mounts back to the host", async () => {
    await using bundle = await aBundle();
    const source = join(bundle.directory, "source");
    mkdirSync(source);
    execFileSync("mount", ["-t", "tmpfs", "shared", source]);
    try {
      mkdirSync(join(source, "sub"));
      execFileSync("mount", ["--make-shared", source]);
      const capabilities = Object.fromEntries(
        ["bounding", "effective", "permitted"].map((set) => [set, ["CAP_SYS_ADMIN"]]),
      );
      Object.assign(bundle.config.process, {
        args: ["sh", "-c", "mount -t tmpfs back /m/sub && sleep 100"],
        capabilities,
      });
      bundle.config.linux.rootfsPropagation = "shared";
      bundle.config.mounts.push({ destination: "/m", type: "bind", source, options: ["rbind", "rshared"] });
      bundle.write();
      await using c = await aContainer({ bundle });
      const { eventually } = await import("../support/container.ts");
      const seen = await eventually(
        () => readMountInfo().find((mount) => mount.mountPoint === join(source, "sub")),
        "the container's mount on the host",
      );
      expect(seen.source).toBe("back");
      await c.delete(true);
    } finally {
      execFileSync("umount", ["-R", source]);
    }
  });
});

describe("linux.maskedPaths — runtime-spec config-linux.md#masked-paths", () => {
  asRoot("a file reads as empty and cannot be written", async () => {
    const report = await probeIn(
      { linux: { maskedPaths: ["/etc/secret", "/proc/kcore"] } },
      ["/etc/secret"],
      {
        files: { "etc/secret": "hidden" },
      },
    );
    expect(report.paths["/etc/secret"]).toMatchObject({ type: "c", major: 1, minor: 3 });
  });

  asRoot("a directory is empty and read-only", async () => {
    const report = await probeIn({ linux: { maskedPaths: ["/secrets"] } }, ["/secrets"], {
      files: { "secrets/one": "hidden" },
    });
    expect(report.paths["/secrets"]).toMatchObject({ type: "d", entries: [], write: EROFS });
  });

  asRoot("several directories are covered by one empty file system", async () => {
    const report = await probeIn({ linux: { maskedPaths: ["/a", "/b"] } }, ["/a", "/b"], {
      files: { "a/x": "", "b/x": "" },
    });
    expect(report.paths["/a"]!.device).toBe(report.paths["/b"]!.device);
  });

  asRoot("one that is not there is passed over", async () => {
    const report = await probeIn({ linux: { maskedPaths: ["/no/such/path"] } }, ["/no"]);
    expect(report.paths["/no"]!.error).toBe(2);
  });

  asRoot("a relative path: InvalidArgument", async () => {
    expect(await refusal({ linux: { maskedPaths: ["etc"] } })).toMatchObject({ kind: "InvalidArgument" });
  });
});

describe("linux.readonlyPaths — runtime-spec config-linux.md#readonly-paths", () => {
  asRoot("files, directories and parts of /proc cannot be written", async () => {
    const report = await probeIn(
      { linux: { readonlyPaths: ["/etc", "/file", "/proc/sys"] } },
      ["/etc", "/file", "/proc/sys/kernel/hostname", "/tmp"],
      {
        files: { file: "content" },
      },
    );
    expect(report.paths["/etc"]!.write).toBe(EROFS);
    expect(report.paths["/file"]).toMatchObject({ content: "content", write: EROFS });
    expect(report.paths["/proc/sys/kernel/hostname"]!.write).toBe(EROFS);
    expect(report.paths["/tmp"]!.write).toBe(0);
  });

  asRoot("keep the flags that they had", async () => {
    const report = await probeIn({ linux: { readonlyPaths: ["/proc/sys"] } });
    expect(mountAt(report, "/proc/sys")!.options).toEqual(
      expect.arrayContaining(["ro", "nosuid", "nodev", "noexec"]),
    );
  });

  asRoot("one that is not there is passed over", async () => {
    expect((await probeIn({ linux: { readonlyPaths: ["/no/such/path"] } })).pid).toBe(1);
  });

  asRoot("a path that is masked too stays masked", async () => {
    const report = await probeIn(
      { linux: { readonlyPaths: ["/etc"], maskedPaths: ["/etc/secret"] } },
      ["/etc/secret"],
      {
        files: { "etc/secret": "hidden" },
      },
    );
    expect(report.paths["/etc/secret"]).toMatchObject({ type: "c", major: 1, minor: 3 });
  });
});

describe("--no-pivot — runc-create(8)", () => {
  asRoot("the root is moved instead; the container sees the same", async () => {
    const report = await probeIn({}, ["/"], { options: { noPivot: true } });
    expect([...report.paths["/"]!.entries!].sort()).toEqual([
      "bin",
      "dev",
      "etc",
      "probe",
      "proc",
      "run",
      "sys",
      "tmp",
    ]);
    expect(report.cwd).toBe("/");
  });

  asRoot("no full procfs or sysfs of the host stays behind it", async () => {
    const report = await probeIn({}, [], { options: { noPivot: true } });
    expect(report.mounts.filter((mount) => mount.fsType === "proc").map((mount) => mount.mountPoint)).toEqual(
      ["/proc"],
    );
    expect(report.mounts.filter((mount) => mount.fsType === "sysfs")).toEqual([]);
  });

  asRoot("the host's mounts are untouched", async () => {
    const before = readMountInfo().length;
    await probeIn({}, [], { options: { noPivot: true } });
    expect(readMountInfo()).toHaveLength(before);
  });
});
