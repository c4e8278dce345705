import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { aBundle, dev, devpts, proc } from "../support/bundle.ts";
import { probeIn, refusal, runBundle } from "../support/container.ts";
import { asRoot } from "../support/needs.ts";
import { mountAt } from "../support/probe.ts";
import { withUserns } from "./userns.ts";

const numbers: Record<string, [number, number]> = {
  "/dev/null": [1, 3],
  "/dev/zero": [1, 5],
  "/dev/full": [1, 7],
  "/dev/random": [1, 8],
  "/dev/urandom": [1, 9],
  "/dev/tty": [5, 0],
};

describe("default devices — runtime-spec config-linux.md#default-devices", () => {
  for (const [path, [major, minor]] of Object.entries(numbers)) {
    asRoot(`${path} is ${major}:${minor}, for everybody`, async () => {
      const report = await probeIn({}, [path]);
      expect(report.paths[path]).toMatchObject({ type: "c", mode: 0o666, uid: 0, gid: 0, major, minor });
    });
  }

  asRoot("they can be used", async () => {
    const report = await probeIn({}, ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"]);
    for (const path of Object.values(report.paths)) expect(path).toMatchObject({ read: 0, write: 0 });
  });

  asRoot("/dev/ptmx is the one of the container's own devpts", async () => {
    const report = await probeIn({}, ["/dev/ptmx", "/dev/pts/ptmx"]);
    expect(report.paths["/dev/ptmx"]).toMatchObject({ type: "l", target: "pts/ptmx" });
    expect(report.paths["/dev/pts/ptmx"]).toMatchObject({ type: "c", major: 5, minor: 2, mode: 0o666 });
  });
});

describe("links in /dev — runtime-spec runtime-linux.md#dev-symbolic-links", () => {
  for (const [path, target] of [
    ["/dev/fd", "/proc/self/fd"],
    ["/dev/stdin", "/proc/self/fd/0"],
    ["/dev/stdout", "/proc/self/fd/1"],
    ["/dev/stderr", "/proc/self/fd/2"],
  ] as const) {
    asRoot(`${path} → ${target}`, async () => {
      expect((await probeIn({}, [path])).paths[path]).toMatchObject({ type: "l", target });
    });
  }
});

describe("linux.devices — runtime-spec config-linux.md#devices", () => {
  asRoot("a character device with mode and owner, whatever the umask", async () => {
    const devices = [
      { path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o620, uid: 3, gid: 5 },
    ];
    const report = await probeIn({ linux: { devices }, process: { user: { umask: 0o077 } } }, ["/dev/fuse"]);
    expect(report.paths["/dev/fuse"]).toMatchObject({
      type: "c",
      major: 10,
      minor: 229,
      mode: 0o620,
      uid: 3,
      gid: 5,
    });
  });

  asRoot("a block device, a fifo, and a device outside of /dev in a directory that is missing", async () => {
    const devices = [
      { path: "/dev/disk", type: "b", major: 7, minor: 99 },
      { path: "/dev/pipe", type: "p", fileMode: 0o600 },
      { path: "/srv/my/null", type: "c", major: 1, minor: 3, fileMode: 0o666 },
    ];
    const report = await probeIn(
      { linux: { devices } },
      devices.map((device) => device.path),
    );
    expect(report.paths["/dev/disk"]).toMatchObject({ type: "b", major: 7, minor: 99 });
    expect(report.paths["/dev/pipe"]).toMatchObject({ type: "p", mode: 0o600 });
    expect(report.paths["/srv/my/null"]).toMatchObject({ type: "c", major: 1, minor: 3 });
  });

  asRoot('type "u" is an unbuffered character device', async () => {
    const devices = [{ path: "/dev/raw", type: "u", major: 1, minor: 5 }];
    expect((await probeIn({ linux: { devices } }, ["/dev/raw"])).paths["/dev/raw"]).toMatchObject({
      type: "c",
      major: 1,
      minor: 5,
    });
  });

  asRoot("one with the path of a default device takes its place", async () => {
    const devices = [{ path: "/dev/tty", type: "c", major: 5, minor: 0, fileMode: 0o600, uid: 0, gid: 9 }];
    expect((await probeIn({ linux: { devices } }, ["/dev/tty"])).paths["/dev/tty"]).toMatchObject({
      mode: 0o600,
      gid: 9,
    });
  });

  asRoot("one that is in the rootfs already, as another device: refused", async () => {
    const devices = [{ path: "/null", type: "c", major: 1, minor: 3 }];
    const { execFileSync } = await import("node:child_process");
    const error = await refusal(
      { linux: { devices } },
      { prepare: (bundle) => void execFileSync("mknod", [join(bundle.rootfs, "null"), "c", "1", "5"]) },
    );
    expect(error).toMatchObject({ name: "RuntError", site: { subject: "config.json: linux.devices[0]" } });
  });

  asRoot("in a user namespace it is bound from the host", async () => {
    const devices = [{ path: "/dev/kmsg", type: "c", major: 1, minor: 11 }];
    const report = await probeIn(withUserns({ devices }), ["/dev/kmsg"]);
    expect(report.paths["/dev/kmsg"]).toMatchObject({ type: "c", major: 1, minor: 11 });
    expect(mountAt(report, "/dev/kmsg")).toBeDefined();
  });

  asRoot("in a user namespace, a device that the host has not: an error that names it", async () => {
    const devices = [{ path: "/dev/runt-test-none", type: "c", major: 1, minor: 3 }];
    const error = await refusal(withUserns({ devices }));
    expect(error).toMatchObject({
      kind: "NotFound",
      site: { subject: "config.json: linux.devices[0]", code: "ENOENT" },
    });
  });

  asRoot("in a user namespace, one that is another device on the host: refused", async () => {
    const devices = [{ path: "/dev/zero", type: "c", major: 1, minor: 3 }];
    expect(await refusal(withUserns({ devices }))).toMatchObject({
      name: "RuntError",
      site: { subject: "config.json: linux.devices[0]" },
    });
  });

  asRoot("a type that does not exist: InvalidArgument", async () => {
    expect(
      await refusal({ linux: { devices: [{ path: "/dev/x", type: "q", major: 1, minor: 3 }] } }),
    ).toMatchObject({ kind: "InvalidArgument" });
  });
});

describe("a /dev of one's own", () => {
  asRoot("a bind mount of /dev is left as it is", async () => {
    await using bundle = await aBundle();
    const own = join(bundle.directory, "dev");
    mkdirSync(own);
    bundle.config.mounts = [proc, { destination: "/dev", type: "bind", source: own, options: ["rbind"] }];
    bundle.write();
    await probeIn(bundle);
    expect(readdirSync(own)).toEqual([]);
  });

  asRoot("a read-only /dev still has its devices", async () => {
    const report = await probeIn({ mounts: [proc, { ...dev, options: [...dev.options, "ro"] }, devpts] }, [
      "/dev",
      "/dev/null",
    ]);
    expect(mountAt(report, "/dev")!.options).toContain("ro");
    expect(report.paths["/dev/null"]).toMatchObject({ type: "c", write: 0 });
    expect(report.paths["/dev"]!.write).toBe(-30);
  });

  asRoot("without a mount on /dev the devices are made in the rootfs", async () => {
    await using bundle = await aBundle({ mounts: [proc] });
    expect((await runBundle(bundle)).status).toEqual({ exited: 0 });
    expect(readdirSync(join(bundle.rootfs, "dev"))).toEqual(expect.arrayContaining(["null", "fd"]));
  });
});
