import { describe, expect, test } from "vitest";
import * as k from "../../../src/linux/mount-flags.ts";
import { planMounts } from "../../../src/runtime/plan/mounts.ts";
import { planRootfs } from "../../../src/runtime/plan/rootfs.ts";
import { Make } from "../../../src/runtime/wire/ops.ts";
import { type Json, namespaces } from "../../support/bundle.ts";
import { aPlanContext, type Surroundings } from "./context.ts";

const planOf = (mount: Json, changes: Json = {}, around: Surroundings = {}): ReturnType<typeof planMounts> =>
  planMounts(aPlanContext({ mounts: [mount], ...changes }, around));

const withSources: Surroundings = {
  bundle: {
    sources: new Map([
      ["/data", "directory"],
      ["/file", "file"],
    ]),
  },
};
const mapping = [{ containerID: 0, hostID: 100000, size: 10 }];
const userns = {
  linux: { namespaces: namespaces("mount", "user"), uidMappings: mapping, gidMappings: mapping },
};

describe("the ops of a mount", () => {
  test("a file system is made detached, then moved onto its place", () => {
    expect(planOf({ destination: "/proc", type: "proc", source: "proc", options: ["nosuid"] })).toEqual({
      shim: [],
      init: [
        {
          op: "fsmount",
          out: "mount0",
          type: "proc",
          options: ["source=proc"],
          attrs: k.MOUNT_ATTR_NOSUID,
          at: "mounts[0]",
        },
        { op: "move_mount", tree: "mount0", path: "/proc", make: Make.directory, strict: 1, at: "mounts[0]" },
      ],
      final: [],
    });
  });

  test("an option longer than fsconfig takes it goes to mount(2), with all the others", () => {
    const lowerdir = `lowerdir=${Array.from({ length: 40 }, (_, i) => `/layers/${i}`).join(":")}`;
    const options = ["ro", "nosuid", lowerdir, "index=off"];
    const { init } = planOf({ destination: "/m", type: "overlay", source: "layers", options });
    expect(init).toMatchObject([
      {
        op: "mount",
        source: "layers",
        type: "overlay",
        flags: k.MS_RDONLY,
        data: `${lowerdir},index=off`,
      },
      { op: "tree_setattr", set: k.MOUNT_ATTR_RDONLY | k.MOUNT_ATTR_NOSUID },
      { op: "move_mount", path: "/m" },
    ]);
  });

  test("a tmpfs without mode= takes that of its directory", () => {
    const { init } = planOf({ destination: "/tmp", type: "tmpfs", source: "tmpfs" });
    expect(init.map(({ op }) => op)).toEqual(["fsmount", "copy_mode", "move_mount"]);
  });

  test("a read-only tmpfs is written to first", () => {
    const { init, final } = planOf({
      destination: "/t",
      type: "tmpfs",
      source: "tmpfs",
      options: ["ro", "mode=755"],
    });
    expect(init[0]).toMatchObject({ op: "fsmount", options: ["source=tmpfs", "mode=755"], attrs: 0 });
    expect(final).toMatchObject([{ op: "mount_setattr", path: "/t", set: k.MOUNT_ATTR_RDONLY }]);
  });

  test("a bind mount is a copy of a tree with its own attributes", () => {
    const { init } = planOf({ destination: "/m", source: "/data", options: ["bind", "ro"] }, {}, withSources);
    expect(init).toEqual([
      { op: "open_tree", out: "mount0", dir: null, path: "/data", flags: k.OPEN_TREE_CLONE, at: "mounts[0]" },
      {
        op: "tree_setattr",
        tree: "mount0",
        at_flags: 0,
        set: k.MOUNT_ATTR_RDONLY,
        clear: 0,
        propagation: 0,
        userns: null,
        at: "mounts[0]",
      },
      { op: "move_mount", tree: "mount0", path: "/m", make: Make.directory, strict: 0, at: "mounts[0]" },
    ]);
  });

  test("a file is mounted on a file", () => {
    const { init } = planOf({ destination: "/f", source: "/file", options: ["bind"] }, {}, withSources);
    expect(init.at(-1)).toMatchObject({ op: "move_mount", make: Make.file });
  });

  test("rbind takes the whole tree", () => {
    const { init } = planOf({ destination: "/m", source: "/data", options: ["rbind"] }, {}, withSources);
    expect(init[0]).toMatchObject({ op: "open_tree", flags: k.OPEN_TREE_CLONE | k.AT_RECURSIVE });
  });

  test("X-mount.subdir: a part of the source, looked up below it by whoever mounts it, and put on what is like it", () => {
    const mount = { destination: "/m", source: "/data", options: ["rbind", "ro", "X-mount.subdir=/a,b/c"] };
    const { init } = planOf(mount, {}, withSources);
    const flags = k.OPEN_TREE_CLONE | k.AT_RECURSIVE;
    const open = { op: "open_tree_beneath", out: "mount0", root: "/data", path: ".//a,b/c", flags };
    expect(init[0]).toEqual({ ...open, at: "mounts[0]" });
    expect(init.at(-1)).toMatchObject({ op: "move_mount", path: "/m", make: Make.alike });
    const { shim } = planOf(mount, userns, withSources);
    expect(shim.map(({ op }) => op)).toEqual(["open_tree_beneath", "tree_setattr", "tree_setattr"]);
  });

  test("with a user namespace the shim opens the source, and cuts it off from the host", () => {
    const { shim, init } = planOf(
      { destination: "/m", source: "/data", options: ["bind"] },
      userns,
      withSources,
    );
    expect(shim.map(({ op }) => op)).toEqual(["open_tree", "tree_setattr"]);
    expect(shim[1]).toMatchObject({ propagation: k.MS_SLAVE });
    expect(init.map(({ op }) => op)).toEqual(["move_mount"]);
  });

  test("what is mounted on / first is the root, but a remount changes the one that is there", () => {
    const attached = (mount: Json) => {
      const context = aPlanContext({ mounts: [mount], ...userns }, withSources);
      return planRootfs(context).attach.some(({ op }) => op === "attach_root");
    };
    expect(attached({ destination: "/", source: "/data", options: ["rbind"] })).toBe(false);
    expect(attached({ destination: "/", options: ["remount", "bind", "ro"] })).toBe(true);
  });

  test("an idmapped mount has a user namespace made for it", () => {
    const mount = {
      destination: "/m",
      source: "/data",
      options: ["bind"],
      uidMappings: mapping,
      gidMappings: mapping,
    };
    const { shim } = planOf(mount, {}, withSources);
    expect(shim).toContainEqual({
      op: "userns_fd",
      out: "mount0-idmap",
      uid_map: "0 100000 10\n",
      gid_map: "0 100000 10\n",
      at: "mounts[0]",
    });
    expect(shim).toContainEqual(
      expect.objectContaining({ op: "tree_setattr", set: k.MOUNT_ATTR_IDMAP, userns: "mount0-idmap" }),
    );
  });

  test("sysfs in a user namespace: the host's own is the named alternative", () => {
    const { init } = planOf({ destination: "/sys", type: "sysfs", source: "sysfs" }, userns);
    expect(init[0]).toMatchObject({
      op: "fsmount",
      type: "sysfs",
      otherwise: [{ op: "open_tree", path: "/sys" }],
    });
  });

  test("a remount changes what is there", () => {
    const { init } = planOf({ destination: "/m", type: "none", options: ["remount", "ro", "rslave"] });
    expect(init).toMatchObject([
      { op: "mount_setattr", path: "/m", set: k.MOUNT_ATTR_RDONLY, propagation: 0 },
      { op: "mount_setattr", path: "/m", set: 0, propagation: k.MS_SLAVE, at_flags: k.AT_RECURSIVE },
    ]);
  });

  test("the type cgroup is cgroup2, without the words of v1", () => {
    const { init } = planOf({
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["xattr", "name=systemd", "nsdelegate"],
    });
    expect(init[0]).toMatchObject({
      op: "fsmount",
      type: "cgroup2",
      options: ["source=cgroup", "nsdelegate"],
    });
  });

  test("file system data on a bind mount: InvalidArgument", () => {
    expect(() =>
      planOf({ destination: "/m", source: "/data", options: ["bind", "size=1"] }, {}, withSources),
    ).toThrow(expect.objectContaining({ kind: "InvalidArgument" }));
  });
});
