import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import type { MountInfo } from "../../src/linux/mountinfo.ts";
import { aBundle, type Bundle, type BundleOptions, dev, devpts, type Json, proc } from "../support/bundle.ts";
import { probeIn, refusal, runBundle } from "../support/container.ts";
import { asRoot } from "../support/needs.ts";
import { mountAt, type Report } from "../support/probe.ts";
import { withUserns } from "./userns.ts";

const base = [proc, dev, devpts];

/** What the container sees at /m when it has this mount there. */
async function mounted(
  mount: Json,
  paths: readonly string[] = ["/m"],
): Promise<{ report: Report; at: MountInfo }> {
  const report = await probeIn({ mounts: [...base, { destination: "/m", ...mount }] }, paths);
  return { report, at: mountAt(report, "/m")! };
}

const tmpfs = (...options: string[]): Json => ({ type: "tmpfs", source: "tmpfs", options });

/** A directory beside the bundle with a file in it, as `source`. */
function aSource(bundle: Bundle): string {
  const source = join(bundle.directory, "source");
  mkdirSync(source);
  writeFileSync(join(source, "file"), "from the host");
  return source;
}

/** A bundle with one bind mount at /m of a directory of its own. */
async function withBind(
  options: readonly string[],
  run: (bundle: Bundle, source: string) => unknown,
  files: BundleOptions["files"] = {},
): Promise<void> {
  await using bundle = await aBundle({}, { files });
  const source = aSource(bundle);
  bundle.config.mounts = [...base, { destination: "/m", type: "bind", source, options }];
  bundle.write();
  await run(bundle, source);
}

/** Words of one mount: what mountinfo then has, and has not. */
const flags: readonly { words: string[]; has?: string[]; hasNot?: string[] }[] = [
  { words: ["ro"], has: ["ro"] },
  { words: ["rw"], has: ["rw"] },
  { words: ["ro", "rw"], has: ["rw"], hasNot: ["ro"] },
  { words: ["nosuid"], has: ["nosuid"] },
  { words: ["nosuid", "suid"], hasNot: ["nosuid"] },
  { words: ["nodev"], has: ["nodev"] },
  { words: ["nodev", "dev"], hasNot: ["nodev"] },
  { words: ["noexec"], has: ["noexec"] },
  { words: ["noexec", "exec"], hasNot: ["noexec"] },
  { words: ["noatime"], has: ["noatime"], hasNot: ["relatime"] },
  { words: ["noatime", "atime"], hasNot: ["noatime"] },
  { words: ["relatime"], has: ["relatime"] },
  { words: ["strictatime"], hasNot: ["relatime", "noatime"] },
  { words: ["nodiratime"], has: ["nodiratime"] },
  { words: ["nodiratime", "diratime"], hasNot: ["nodiratime"] },
  { words: ["nosymfollow"], has: ["nosymfollow"] },
  { words: ["nosuid", "nodev", "noexec", "ro"], has: ["nosuid", "nodev", "noexec", "ro"] },
  { words: ["defaults"], has: ["rw"] },
];

function expectOptions(
  at: MountInfo,
  { has = [], hasNot = [] }: { has?: string[]; hasNot?: string[] },
): void {
  for (const word of has) expect(at.options).toContain(word);
  for (const word of hasNot) expect(at.options).not.toContain(word);
}

describe("mount options of a file system — runtime-spec config.md#linux-mount-options", () => {
  for (const flag of flags) {
    asRoot(flag.words.join(","), async () => {
      const { at } = await mounted(tmpfs(...flag.words));
      expect(at.fsType).toBe("tmpfs");
      expectOptions(at, flag);
    });
  }

  for (const word of ["sync", "dirsync"]) {
    asRoot(`${word} belongs to the file system`, async () => {
      const { at } = await mounted(tmpfs(word));
      expect(at.superOptions).toContain(word);
    });
  }

  asRoot("size and mode go to the file system as they are", async () => {
    const { at, report } = await mounted(tmpfs("size=128k", "mode=1770", "uid=3", "gid=4"));
    expect(at.superOptions).toEqual(expect.arrayContaining(["size=128k", "uid=3", "gid=4"]));
    expect(report.paths["/m"]).toMatchObject({ mode: 0o1770, uid: 3, gid: 4 });
  });

  asRoot("a word that the file system does not know: an error that names the mount", async () => {
    const error = await refusal({ mounts: [...base, { destination: "/m", ...tmpfs("nonsense=1") }] });
    expect(error).toMatchObject({
      name: "RuntError",
      site: { subject: "config.json: mounts[3]", code: "EINVAL" },
    });
    expect(error.message).toMatch(/nonsense/);
  });

  asRoot("a type that the kernel does not know: an error that names the mount", async () => {
    const error = await refusal({
      mounts: [...base, { destination: "/m", type: "nonsensefs", source: "none" }],
    });
    expect(error).toMatchObject({
      name: "RuntError",
      site: { subject: "config.json: mounts[3]", code: "ENODEV" },
    });
    expect(error.message).toMatch(/nonsensefs/);
  });

  for (const [word, fields] of [
    ["private", /^$/],
    ["rprivate", /^$/],
    ["shared", /^shared:\d+$/],
    ["rshared", /^shared:\d+$/],
    ["unbindable", /^unbindable$/],
    ["runbindable", /^unbindable$/],
  ] as const) {
    asRoot(`${word} is the mount's propagation`, async () => {
      const { at } = await mounted(tmpfs(word));
      expect(at.optionalFields.join(" ")).toMatch(fields);
    });
  }
});

describe("mount options of a bind mount — runtime-spec config.md#linux-mount-options", () => {
  for (const flag of flags) {
    asRoot(`bind,${flag.words.join(",")}`, async () => {
      await withBind(["bind", ...flag.words], async (bundle) => {
        const report = await probeIn(bundle, ["/m/file"]);
        expect(report.paths["/m/file"]!.content).toBe("from the host");
        expectOptions(mountAt(report, "/m")!, flag);
      });
    });
  }

  asRoot("ro: nothing can be written, and the source is as writable as before", async () => {
    await withBind(["bind", "ro"], async (bundle, source) => {
      const report = await probeIn(bundle, ["/m/file", "/m"]);
      expect(report.paths["/m/file"]!.write).toBe(-30);
      writeFileSync(join(source, "file"), "still mine");
    });
  });

  asRoot("without bind in the options, type bind is a recursive bind", async () => {
    await withBind(["ro"], async (bundle) => {
      const report = await probeIn(bundle, ["/m/file"]);
      expect(report.paths["/m/file"]!.content).toBe("from the host");
    });
  });

  asRoot("type none with bind in the options is a bind mount", async () => {
    await withBind(["bind"], async (bundle) => {
      bundle.config.mounts.at(-1).type = "none";
      expect((await probeIn(bundle, ["/m/file"])).paths["/m/file"]!.content).toBe("from the host");
    });
  });

  /** With a tmpfs mounted below the source while the container runs. */
  async function withSubmount(options: readonly string[], look: (report: Report) => void): Promise<void> {
    await withBind(options, async (bundle, source) => {
      mkdirSync(join(source, "sub"));
      execFileSync("mount", ["-t", "tmpfs", "sub", join(source, "sub")]);
      try {
        writeFileSync(join(source, "sub/inner"), "inner");
        look(await probeIn(bundle, ["/m/sub/inner", "/m/sub"]));
      } finally {
        execFileSync("umount", [join(source, "sub")]);
      }
    });
  }

  asRoot("bind takes the mount alone", async () => {
    await withSubmount(["bind"], (report) => {
      expect(report.paths["/m/sub/inner"]!.error).toBe(2);
      expect(mountAt(report, "/m/sub")).toBeUndefined();
    });
  });

  asRoot("rbind takes what is mounted below too", async () => {
    await withSubmount(["rbind"], (report) => {
      expect(report.paths["/m/sub/inner"]!.content).toBe("inner");
      expect(mountAt(report, "/m/sub")?.fsType).toBe("tmpfs");
    });
  });

  asRoot("ro leaves what is mounted below as it is", async () => {
    await withSubmount(["rbind", "ro"], (report) => {
      expect(mountAt(report, "/m")!.options).toContain("ro");
      expect(mountAt(report, "/m/sub")!.options).toContain("rw");
    });
  });

  for (const { word, has } of [
    { word: "rro", has: "ro" },
    { word: "rnosuid", has: "nosuid" },
    { word: "rnodev", has: "nodev" },
    { word: "rnoexec", has: "noexec" },
    { word: "rnoatime", has: "noatime" },
    { word: "rnodiratime", has: "nodiratime" },
    { word: "rnosymfollow", has: "nosymfollow" },
  ]) {
    asRoot(`${word} is for the mount and all below it`, async () => {
      await withSubmount(["rbind", word], (report) => {
        expect(mountAt(report, "/m")!.options).toContain(has);
        expect(mountAt(report, "/m/sub")!.options).toContain(has);
      });
    });
  }

  for (const { words, hasNot } of [
    { words: ["rbind", "ro", "rrw"], hasNot: "ro" },
    { words: ["rbind", "rnosuid", "rsuid"], hasNot: "nosuid" },
    { words: ["rbind", "rnoatime", "rstrictatime"], hasNot: "noatime" },
    { words: ["rbind", "rnoatime", "rrelatime"], hasNot: "noatime" },
  ]) {
    asRoot(`${words.join(",")}: the later word wins`, async () => {
      await withSubmount(words, (report) => {
        expect(mountAt(report, "/m/sub")!.options).not.toContain(hasNot);
        if (words[1] !== "ro") expect(mountAt(report, "/m")!.options).not.toContain(hasNot);
      });
    });
  }

  asRoot("rprivate: a mount made on the host afterwards does not arrive", async () => {
    await withBind(["rbind", "rprivate"], async (bundle) => {
      expect(mountAt(await probeIn(bundle), "/m")!.optionalFields).toEqual([]);
    });
  });

  asRoot("options of a file system are refused", async () => {
    await withBind(["bind", "size=1m"], async (bundle) => {
      const error = await refusal(bundle);
      expect(error).toMatchObject({
        kind: "InvalidArgument",
        site: { subject: expect.stringMatching(/^config\.json: mounts\[3\]\.options/) },
      });
      expect(error.message).toMatch(/size=1m/);
    });
  });

  asRoot("a source that is not there: NotFound, with the path", async () => {
    await withBind(["bind"], async (bundle) => {
      bundle.config.mounts.at(-1).source = "/no/such/source";
      bundle.write();
      const error = await refusal(bundle);
      expect(error).toMatchObject({
        kind: "NotFound",
        site: { subject: "config.json: mounts[3].source", path: "/no/such/source" },
      });
    });
  });

  asRoot("a relative source is read from the bundle", async () => {
    await using bundle = await aBundle();
    writeFileSync(join(bundle.path, "data"), "of the bundle");
    bundle.config.mounts = [
      ...base,
      { destination: "/data", type: "bind", source: "data", options: ["bind"] },
    ];
    bundle.write();
    expect((await probeIn(bundle, ["/data"])).paths["/data"]!.content).toBe("of the bundle");
  });
});

describe("X-mount.subdir=: a part of a bind mount's source", () => {
  /** Of a source with links, in and out of it. */
  async function withPart(
    subdir: string,
    run: (bundle: Bundle) => unknown,
    place: "m" | "m/" = "m/",
  ): Promise<void> {
    const part = async (bundle: Bundle, source: string): Promise<void> => {
      mkdirSync(join(source, "a/b"), { recursive: true });
      writeFileSync(join(source, "a/b/file"), "deep");
      symlinkSync("a/b", join(source, "inside"));
      symlinkSync("/etc", join(source, "absolute"));
      symlinkSync("../bundle", join(source, "relative"));
      await run(bundle);
    };
    // There already: in a user namespace nobody could make it.
    await withBind(["rbind", `X-mount.subdir=${subdir}`], part, { [place]: "" });
  }

  for (const userns of [false, true]) {
    const where = userns ? "with a user namespace" : "as root of the host";
    const change = (bundle: Bundle): void => {
      if (!userns) return;
      Object.assign(bundle.config.linux, withUserns().linux);
      bundle.write();
    };
    for (const subdir of ["a/b", "/a//b/", "a/../a/b", "inside"]) {
      asRoot(`${where}, ${subdir}: the directory`, async () => {
        await withPart(subdir, async (bundle) => {
          change(bundle);
          const report = await probeIn(bundle, ["/m/file", "/m"]);
          expect(report.paths["/m/file"]!.content).toBe("deep");
          expect(report.paths["/m"]!.entries).toEqual(["file"]);
        });
      });
    }

    asRoot(`${where}: a file, on a file`, async () => {
      const look = async (bundle: Bundle) => {
        change(bundle);
        expect((await probeIn(bundle, ["/m"])).paths["/m"]!.content).toBe("deep");
      };
      await withPart("inside/file", look, "m");
    });

    for (const subdir of ["absolute", "relative", "relative/config.json", "../source", "a/../../source/a"]) {
      asRoot(`${where}, ${subdir}: refused, it leads out`, async () => {
        await withPart(subdir, async (bundle) => {
          change(bundle);
          const error = await refusal(bundle);
          const site = { subject: "config.json: mounts[3]", syscall: "openat2", code: "EXDEV" };
          expect(error).toMatchObject({ kind: "InvalidArgument", site });
          expect(error.message).toMatch(/leads out of it$/);
        });
      });
    }

    asRoot(`${where}: what is not there is NotFound`, async () => {
      await withPart("a/c", async (bundle) => {
        change(bundle);
        expect(await refusal(bundle)).toMatchObject({ kind: "NotFound", site: { code: "ENOENT" } });
      });
    });
  }

  asRoot("is not for a file system", async () => {
    const mount = { destination: "/m", ...tmpfs("X-mount.subdir=a") };
    expect(await refusal({ mounts: [...base, mount] })).toMatchObject({ kind: "InvalidArgument" });
  });
});

describe("remount — runtime-spec config.md#linux-mount-options", () => {
  asRoot("changes the attributes of what is mounted there already", async () => {
    const mounts = [
      ...base,
      { destination: "/m", ...tmpfs("rw") },
      { destination: "/m", type: "none", source: "none", options: ["remount", "bind", "ro", "nodev"] },
    ];
    const report = await probeIn({ mounts });
    expect(mountAt(report, "/m")!.options).toEqual(expect.arrayContaining(["ro", "nodev"]));
  });
});

describe("tmpcopyup — runc's mount option", () => {
  const files = { "m/a": "a", "m/sub/b": "bb", "m/empty/": "" };
  const links = { "m/link": "a", "m/out": "../../../etc/passwd" };

  asRoot("a tmpfs starts with what its directory held, links as links", async () => {
    const report = await probeIn(
      { mounts: [...base, { destination: "/m", ...tmpfs("tmpcopyup", "mode=0700") }] },
      ["/m/a", "/m/sub/b", "/m/empty", "/m/link", "/m/out"],
      { files, links },
    );
    expect(mountAt(report, "/m")!.fsType).toBe("tmpfs");
    expect(report.paths["/m/a"]!.content).toBe("a");
    expect(report.paths["/m/sub/b"]!.content).toBe("bb");
    expect(report.paths["/m/empty"]!.type).toBe("d");
    expect(report.paths["/m/link"]).toMatchObject({ type: "l", target: "a" });
    expect(report.paths["/m/out"]).toMatchObject({ type: "l", target: "../../../etc/passwd" });
  });

  asRoot("owners and modes come along, read-only comes last", async () => {
    const report = await probeIn(
      { mounts: [...base, { destination: "/m", ...tmpfs("tmpcopyup", "ro") }] },
      ["/m/a", "/m"],
      {
        files,
        prepare: (bundle) =>
          execFileSync("sh", ["-c", `chown 5:6 m/a && chmod 4751 m/a && chmod 2755 m`], {
            cwd: bundle.rootfs,
          }),
      },
    );
    expect(report.paths["/m/a"]).toMatchObject({ uid: 5, gid: 6, mode: 0o4751 });
    expect(mountAt(report, "/m")!.options).toContain("ro");
    expect(report.paths["/m"]!.mode).toBe(0o2755);
  });
});

describe("a tmpfs without mode= — runc's habit", () => {
  asRoot("has the mode of the directory that it covers", async () => {
    const report = await probeIn({ mounts: [...base, { destination: "/m", ...tmpfs() }] }, ["/m"], {
      files: { "m/": "" },
      prepare: (bundle) => execFileSync("chmod", ["1775", "m"], { cwd: bundle.rootfs }),
    });
    expect(report.paths["/m"]!.mode).toBe(0o1775);
  });
});

describe("idmapped mounts — runtime-spec config.md#posix-platform-mounts", () => {
  const maps = {
    uidMappings: [{ containerID: 0, hostID: 1000, size: 10 }],
    gidMappings: [{ containerID: 0, hostID: 2000, size: 10 }],
  };

  for (const words of [["bind"], ["bind", "idmap"], ["rbind", "ridmap"]]) {
    asRoot(`${words.join(",")} with maps of its own: owners are translated`, async () => {
      await withBind(words, async (bundle, source) => {
        execFileSync("chown", ["0:0", source]);
        execFileSync("chown", ["3:4", join(source, "file")]);
        Object.assign(bundle.config.mounts.at(-1), maps);
        bundle.write();
        const report = await probeIn(bundle, ["/m/file", "/m"]);
        expect(report.paths["/m/file"]).toMatchObject({ uid: 1003, gid: 2004 });
        expect(report.paths["/m"]).toMatchObject({ uid: 1000, gid: 2000 });
      });
    });
  }

  asRoot("one without the other: InvalidArgument", async () => {
    await withBind(["bind"], async (bundle) => {
      Object.assign(bundle.config.mounts.at(-1), { uidMappings: maps.uidMappings });
      bundle.write();
      const error = await refusal(bundle);
      expect(error).toMatchObject({ kind: "InvalidArgument" });
      expect(error.message).toMatch(/mounts\[3\]/);
    });
  });

  asRoot(
    "in a user namespace, idmap without maps takes the container's: its root owns what the host's root owns",
    async () => {
      await withBind(["bind", "idmap"], async (bundle, source) => {
        mkdirSync(join(bundle.rootfs, "m"));
        bundle.config = { ...bundle.config, linux: { ...bundle.config.linux, ...withUserns().linux } };
        bundle.write();
        execFileSync("chown", ["-R", "0:0", source]);
        const report = await probeIn(bundle, ["/m/file"]);
        expect(report.paths["/m/file"]).toMatchObject({ uid: 0, gid: 0, write: 0 });
      });
    },
  );
});

describe("words of crun — src-nofollow, dest-nofollow, copy-symlink", () => {
  asRoot("src-nofollow: the link itself is bound, not what it points to", async () => {
    await using bundle = await aBundle();
    execFileSync("ln", ["-s", "nowhere", join(bundle.path, "link")]);
    bundle.config.mounts = [
      ...base,
      { destination: "/m", type: "bind", source: "link", options: ["bind", "src-nofollow"] },
    ];
    bundle.write();
    const error = await runBundle(bundle).catch((cause: unknown) => cause);
    if (!(error instanceof Error)) return;
    expect(error).toMatchObject({ name: "RuntError" });
  });
});
