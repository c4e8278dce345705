/** OverlayFS and user namespaces: layers with other owners, made by the host's root, and seen by nobody else. */
import { chownSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { aBundle, type Bundle, type Json } from "../support/bundle.ts";
import { aContainer, probeIn, refusal } from "../support/container.ts";
import { needs } from "../support/needs.ts";
import { mountAt } from "../support/probe.ts";
import { maps, withUserns } from "./userns.ts";

const idmapped = needs("root", "cgroup2", "kernel 5.19");

/** A bundle whose root is an overlay of `count` directories, of which the lowest is its root file system. */
async function overlaid(count: number, mapped: Json = maps): Promise<Bundle & { upper: string }> {
  const bundle = await aBundle(withUserns(mapped));
  const made = (name: string): string => {
    const path = join(bundle.directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const [upper, work] = [made("own/upper"), made("own/work")];
  const layers = Array.from({ length: count }, (_, i) => {
    const layer = made(`a-layer-with-a-long-name-${i}`);
    writeFileSync(join(layer, `file${i}`), "");
    chownSync(join(layer, `file${i}`), 5, 6);
    return layer;
  });
  const lowerdir = [...layers, bundle.rootfs].join(":");
  const options = [`lowerdir=${lowerdir}`, `upperdir=${upper}`, `workdir=${work}`];
  const { mounts } = bundle.config;
  bundle.config.mounts = [
    { destination: "/", type: "overlay", source: "overlay", options, ...mapped },
    ...mounts,
    { destination: "/place", type: "tmpfs", source: "tmpfs" },
  ];
  bundle.config.root = { path: "rootfs", readonly: false };
  bundle.write();
  return Object.assign(bundle, { upper });
}

describe("an overlay with uidMappings — runtime-spec config.md#posix-platform-mounts", () => {
  // The second is given to mount(2), because fsconfig(2) takes 255 bytes.
  for (const count of [1, 20]) {
    idmapped(
      `${count} layers: owners as on disk, and what it makes is numbered as in the container`,
      async () => {
        await using bundle = await overlaid(count);
        const report = await probeIn(bundle, ["/file0", "/"]);
        expect(report.uidMap.join().trim().split(/\s+/)).toEqual(["0", "100000", "65536"]);
        expect(report.paths["/file0"]).toMatchObject({ uid: 5, gid: 6 });
        expect(mountAt(report, "/")!.fsType).toBe("overlay");
        // The place for it is made by the container's root.
        expect(lstatSync(join(bundle.upper, "place"))).toMatchObject({ uid: 0, gid: 0 });
        expect(lstatSync(join(bundle.directory, "a-layer-with-a-long-name-0/file0")).uid).toBe(5);
      },
    );
  }

  idmapped("maps in which the host's root is somebody in the container too", async () => {
    const own = [
      { containerID: 0, hostID: 0, size: 1 },
      { containerID: 1, hostID: 100_000, size: 1000 },
    ];
    for (const mapped of [
      { uidMappings: own, gidMappings: own },
      { ...maps, gidMappings: [{ containerID: 0, hostID: 0, size: 65536 }] },
    ]) {
      await using bundle = await overlaid(1, mapped);
      const report = await probeIn(bundle, ["/file0"]);
      expect(report.paths["/file0"]).toMatchObject({ uid: 5, gid: 6 });
      expect(lstatSync(join(bundle.upper, "place"))).toMatchObject({ uid: 0, gid: 0 });
    }
  });

  idmapped("a map that leaves no id for the overlay's own files is refused, and says which", async () => {
    const gidMappings = [...maps.gidMappings, { containerID: 4_294_967_294, hostID: 7, size: 1 }];
    await using bundle = await overlaid(1, { ...maps, gidMappings });
    expect(await refusal(bundle)).toMatchObject({
      kind: "InvalidArgument",
      message:
        "config.json: mounts[0].gidMappings: an overlay needs id 4294967294 and one more line for its own files",
    });
  });

  idmapped("a remount of / is no root file system of its own", async () => {
    await using bundle = await aBundle(withUserns());
    const remount = { destination: "/", options: ["remount", "bind", "ro"] };
    bundle.config.mounts = [remount, ...bundle.config.mounts];
    bundle.write();
    expect((await probeIn(bundle, ["/probe"])).paths["/probe"]).toBeDefined();
  });

  idmapped("its layers are covered for nobody else, and nothing stays mounted", async () => {
    await using bundle = await overlaid(2);
    const before = readFileSync("/proc/self/mountinfo", "utf8");
    bundle.config.process.args = ["/probe", "--pause"];
    bundle.write();
    await using _container = await aContainer({ bundle });
    expect(readFileSync("/proc/self/mountinfo", "utf8")).toBe(before);
  });

  idmapped("a file system that cannot be idmapped is named", async () => {
    const mount = {
      destination: "/m",
      type: "overlay",
      source: "overlay",
      options: ["lowerdir=/sys/kernel:/sys/fs"],
      ...maps,
    };
    await using bundle = await aBundle(withUserns());
    bundle.config.mounts = [...bundle.config.mounts, mount];
    bundle.write();
    const error = await refusal(bundle);
    expect(error.message).toBe(
      "unable to start container process: the file system of /sys/kernel cannot show its files with other owners (idmapped mount)",
    );
  });
});
