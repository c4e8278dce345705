import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect } from "vitest";
import {
  aBundle,
  type Bundle,
  type BundleOptions,
  dev,
  devpts,
  type Json,
  merged,
  namespaces,
  proc,
  testPrefix,
  usualNamespaces,
} from "../support/bundle.ts";
import { aContainer, probeIn, refusal, runBundle } from "../support/container.ts";
import { asRoot, missing } from "../support/needs.ts";
import { mountAt, parseReport } from "../support/probe.ts";
import { own } from "./support.ts";

const mappedRoot = 300_000;
const maps = [{ containerID: 0, hostID: mappedRoot, size: 65_536 }];

/** A container of root whose own root is somebody else, and to whom the rootfs belongs. */
async function mappedBundle(changes: Json = {}, options: BundleOptions = {}): Promise<Bundle> {
  const linux = { namespaces: namespaces(...usualNamespaces, "user"), uidMappings: maps, gidMappings: maps };
  const bundle = await aBundle(merged({ linux }, changes), options);
  own(bundle.rootfs, mappedRoot);
  return bundle;
}

describe("a user namespace made by root", () => {
  asRoot("root of the container is the mapped id, with all groups dropped", async () => {
    await using bundle = await mappedBundle();
    const report = await probeIn(bundle);
    expect(report).toMatchObject({ uid: 0, gid: 0, groups: [], pid: 1 });
    expect(report.uidMap.join().trim().split(/\s+/)).toEqual(["0", String(mappedRoot), "65536"]);
    expect(report.setgroups.join().trim()).toBe("allow");
  });

  asRoot("any user and additional groups", async () => {
    await using bundle = await mappedBundle({
      process: { user: { uid: 1000, gid: 1000, additionalGids: [4, 5] } },
    });
    expect(await probeIn(bundle)).toMatchObject({ uid: 1000, gid: 1000, groups: [4, 5] });
  });

  asRoot("devices are bound, tmpfs and devpts belong to the container", async () => {
    const tmpfs = { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["mode=700"] };
    const pts = { ...devpts, options: [...devpts.options, "gid=5"] };
    await using bundle = await mappedBundle({ mounts: [proc, dev, pts, tmpfs] });
    const report = await probeIn(bundle, ["/tmp", "/dev", "/dev/null", "/dev/pts"]);
    expect(report.paths["/tmp"]).toMatchObject({ uid: 0, gid: 0, write: 0 });
    expect(report.paths["/dev"]).toMatchObject({ uid: 0, gid: 0 });
    expect(report.paths["/dev/null"]).toMatchObject({ type: "c", major: 1, minor: 3, write: 0 });
    expect(mountAt(report, "/dev/pts")).toBeDefined();
  });

  asRoot("masked files and directories, more than one of each", async () => {
    const maskedPaths = ["/proc/keys", "/proc/timer_list", "/proc/fs", "/proc/irq", "/proc/no-such-file"];
    await using bundle = await mappedBundle({
      linux: { maskedPaths, readonlyPaths: ["/proc/sys", "/proc/bus"] },
    });
    const report = await probeIn(bundle, maskedPaths);
    for (const path of ["/proc/keys", "/proc/timer_list"])
      expect(report.paths[path]).toMatchObject({ type: "c", major: 1, minor: 3 });
    for (const path of ["/proc/fs", "/proc/irq"]) expect(report.paths[path]!.entries).toEqual([]);
    expect(mountAt(report, "/proc/sys")!.options).toContain("ro");
  });

  asRoot(
    "a source that only the real root can reach is bound all the same, and idmapped when asked",
    async () => {
      const closed = mkdtempSync(join(tmpdir(), `${testPrefix}-closed-`));
      const data = join(closed, "data");
      mkdirSync(data);
      writeFileSync(join(data, "file"), "of root\n", { mode: 0o600 });
      try {
        const bind = (destination: string, ...options: string[]) => ({
          destination,
          type: "bind",
          source: data,
          options: ["rbind", ...options],
        });
        const shifted = [{ containerID: 0, hostID: mappedRoot + 5, size: 10 }];
        const mounts = [
          proc,
          dev,
          devpts,
          bind("/plain", "ro"),
          bind("/idmap", "idmap"),
          { ...bind("/other"), uidMappings: shifted, gidMappings: shifted },
        ];
        await using bundle = await mappedBundle({ mounts });
        const report = await probeIn(bundle, ["/plain/file", "/idmap", "/idmap/file", "/other/file"]);
        expect(report.paths["/plain/file"]).toMatchObject({ uid: 65534, gid: 65534 });
        expect(report.paths["/plain/file"]!.read).not.toBe(0);
        expect(report.paths["/idmap/file"]).toMatchObject({ uid: 0, gid: 0, content: "of root\n" });
        expect(report.paths["/idmap"]!.write).toBe(0);
        expect(report.paths["/other/file"]).toMatchObject({ uid: 5, gid: 5 });
      } finally {
        rmSync(closed, { recursive: true });
      }
    },
  );

  asRoot(
    "a writable cgroup mount in a cgroup namespace of its own: the cgroup belongs to the container's root",
    async () => {
      const cgroup = (...options: string[]) => ({
        destination: "/sys/fs/cgroup",
        type: "cgroup",
        source: "cgroup",
        options: ["nosuid", "noexec", "nodev", ...options],
      });
      const paths = ["/sys/fs/cgroup", "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/cgroup.max.depth"];
      await using writable = await mappedBundle({ mounts: [proc, dev, devpts, cgroup()] });
      const report = await probeIn(writable, paths);
      expect(report.cgroup.at(-1)).toBe("0::/");
      expect(paths.map((path) => report.paths[path]!.uid)).toEqual([0, 0, 65534]);
      await using readonly = await mappedBundle({ mounts: [proc, dev, devpts, cgroup("ro")] });
      expect((await probeIn(readonly, paths)).paths["/sys/fs/cgroup"]!.uid).toBe(65534);
    },
  );

  asRoot("exec joins the user namespace, as whom it is told", async () => {
    await using bundle = await mappedBundle({ process: { args: ["sleep", "100"] } });
    await using container = await aContainer({ bundle, status: "running" });
    const asRootOfIt = parseReport((await container.exec(["/probe"])).stdout);
    expect(asRootOfIt).toMatchObject({ uid: 0, gid: 0, groups: [] });
    const asSomebody = parseReport((await container.exec(["/probe"], { user: "33:44" })).stdout);
    expect(asSomebody).toMatchObject({ uid: 33, gid: 44 });
    expect(asSomebody.namespaces.user).toBe(asRootOfIt.namespaces.user);
    expect(readFileSync(`/proc/${container.pid}/uid_map`, "latin1")).toContain(String(mappedRoot));
  });

  asRoot("files that it makes belong to the mapped id", async () => {
    await using bundle = await mappedBundle({ process: { args: ["touch", "/tmp/made"] } });
    await runBundle(bundle);
    expect(statSync(join(bundle.rootfs, "tmp/made")).uid).toBe(mappedRoot);
  });

  asRoot(
    "a directory above the rootfs that the mapped root may not enter: refused, with what to do",
    async () => {
      await using bundle = await mappedBundle();
      chmodSync(bundle.directory, 0o700);
      const error = await refusal(bundle);
      expect(error.message).toContain(`root.path: open ${bundle.rootfs}: permission denied`);
      expect(error).toMatchObject({
        kind: "PermissionDenied",
        site: { subject: "config.json: root.path", hint: expect.stringContaining("chmod o+x") },
      });
    },
  );

  asRoot("a rootfs that the mapped root may not enter: refused, with what to do", async () => {
    await using bundle = await mappedBundle();
    chownSync(bundle.rootfs, 0, 0);
    chmodSync(bundle.rootfs, 0o700);
    const error = await refusal(bundle);
    expect(error).toMatchObject({
      kind: "PermissionDenied",
      site: { hint: expect.stringContaining("must belong to the container's root") },
    });
  });

  asRoot("a container without root is refused before anything is done", async () => {
    const elsewhere = [{ containerID: 1, hostID: mappedRoot, size: 10 }];
    await using bundle = await mappedBundle({
      process: { user: { uid: 1, gid: 1 } },
      linux: { uidMappings: elsewhere, gidMappings: elsewhere },
    });
    expect(await refusal(bundle)).toMatchObject({
      kind: "InvalidArgument",
      site: { subject: "config.json: linux.uidMappings" },
    });
  });

  asRoot("a time namespace beside it", async (context) => {
    const gone = missing("time namespace");
    context.skip(gone !== undefined, `needs ${gone}`);
    const linux = {
      namespaces: namespaces(...usualNamespaces, "user", "time"),
      timeOffsets: { monotonic: { secs: 5000, nanosecs: 0 } },
    };
    await using bundle = await mappedBundle({ linux });
    expect((await probeIn(bundle)).timensOffsets.join(" ")).toMatch(/monotonic\s+5000/);
  });
});
