import { describe, expect, test } from "vitest";
import type { MountInfo } from "../../../src/linux/mountinfo.ts";
import { chooseMount, ownPath } from "../../../src/runtime/cgroup/hierarchy.ts";
import { cgroupPath, levels, parentPath } from "../../../src/runtime/cgroup/path.ts";
import { expandSlice, scopeName } from "../../../src/runtime/cgroup/systemd/scope-name.ts";

const invalid = (message: string | RegExp) =>
  expect.objectContaining({
    kind: "InvalidArgument",
    message: expect.stringMatching(message),
    site: expect.objectContaining({ subject: "config.json: linux.cgroupsPath" }),
  });

describe("linux.cgroupsPath — config-linux.md#cgroups-path", () => {
  for (const [what, path, own, expected] of [
    ["absolute: from the root", "/a/b", "/me/here", "/a/b"],
    ["relative: beside the runtime's own", "a/b", "/me/here", "/me/a/b"],
    ["relative, runtime at the root", "a", "/", "/a"],
    ["relative, runtime one below the root", "a", "/me", "/a"],
    ["absent: the id, beside the runtime's own", "", "/me/here", "/me/id1"],
    ["slashes and dots that mean nothing", "//a/./b//", "/", "/a/b"],
  ] as const) {
    test(what, () => expect(cgroupPath(path, "id1", own)).toBe(expected));
  }

  for (const [what, path, message] of [
    ["..", "/a/../b", /without "\.\."/],
    ["the root", "/", /root of the hierarchy/],
    ["the root in disguise", "/./", /root of the hierarchy/],
    ["a name too long for the kernel", `/${"x".repeat(256)}`, /longer than 255/],
    ["a line break", "/a\nb", /one line/],
  ] as const) {
    test(`refused: ${what}`, () => expect(() => cgroupPath(path, "id1", "/")).toThrow(invalid(message)));
  }

  test("parents and levels", () => {
    expect(parentPath("/a/b")).toBe("/a");
    expect(parentPath("/a")).toBe("/");
    expect(levels("/a/b/c")).toEqual(["/a", "/a/b", "/a/b/c"]);
  });
});

describe("linux.cgroupsPath for systemd", () => {
  for (const [path, rootless, unit, slice, slicePath] of [
    ["machine.slice:libpod:abc", false, "libpod-abc.scope", "machine.slice", "/machine.slice"],
    ["a-b.slice:cri:x", false, "cri-x.scope", "a-b.slice", "/a.slice/a-b.slice"],
    ["-.slice:p:x", false, "p-x.scope", "-.slice", ""],
    ["::x", false, "x.scope", "system.slice", "/system.slice"],
    ["", false, "runt-id1.scope", "system.slice", "/system.slice"],
    ["", true, "runt-id1.scope", "user.slice", "/user.slice"],
  ] as const) {
    test(`"${path}"${rootless ? " rootless" : ""}`, () => {
      expect(scopeName(path, "id1", rootless)).toEqual({ unit, slice, slicePath });
    });
  }

  for (const [path, message] of [
    ["/a/b", /of format "slice:prefix:name" for systemd cgroups, got "\/a\/b" instead/],
    ["a:b", /slice:prefix:name/],
    ["a.slice:b:c:d", /slice:prefix:name/],
    ["a:b:c", /not the name of a slice: a/],
    ["a--b.slice:b:c", /not the name of a slice/],
    ["-a.slice:b:c", /not the name of a slice/],
    ["../x.slice:b:c", /not the name of a slice/],
    ["a.slice:b:", /must not be empty/],
    ["a.slice:b:c/d", /not the name of a systemd unit/],
    ["a.slice:b:c.slice", /cannot be a slice/],
  ] as const) {
    test(`refused: "${path}"`, () => expect(() => scopeName(path, "id1", false)).toThrow(invalid(message)));
  }

  test("slices nest by their hyphens", () => {
    expect(expandSlice("a-b-c.slice")).toBe("/a.slice/a-b.slice/a-b-c.slice");
  });
});

describe("finding cgroup2", () => {
  const mount = (mountPoint: string, fsType: string, root = "/"): MountInfo => ({
    id: 1,
    parentId: 1,
    device: "0:1",
    root,
    mountPoint,
    options: ["rw"],
    optionalFields: [],
    fsType,
    source: "x",
    superOptions: ["rw"],
  });

  for (const [what, mounts, expected] of [
    ["unified", [mount("/sys/fs/cgroup", "cgroup2")], "/sys/fs/cgroup"],
    [
      "hybrid",
      [
        mount("/sys/fs/cgroup", "tmpfs"),
        mount("/sys/fs/cgroup/cpu", "cgroup"),
        mount("/sys/fs/cgroup/unified", "cgroup2"),
      ],
      "/sys/fs/cgroup/unified",
    ],
    [
      "somewhere else, the whole of it",
      [mount("/x", "cgroup2", "/part"), mount("/mnt/cg", "cgroup2")],
      "/mnt/cg",
    ],
    ["only a part of it", [mount("/x", "cgroup2", "/part")], "/x"],
    [
      "covered by something else",
      [mount("/sys/fs/cgroup", "cgroup2"), mount("/sys/fs/cgroup", "tmpfs")],
      undefined,
    ],
    ["cgroup v1 only", [mount("/sys/fs/cgroup/cpu", "cgroup")], undefined],
  ] as const) {
    test(what, () => expect(chooseMount(mounts)?.mountPoint).toBe(expected));
  }

  for (const [what, text, root, expected] of [
    ["unified", "0::/user.slice/s.scope\n", "/", "/user.slice/s.scope"],
    ["hybrid", "9:name=systemd:/\n1:cpu:/x\n0::/y\n", "/", "/y"],
    ["no v2 line", "1:cpu:/x\n", "/", "/"],
    ["a part is mounted", "0::/a/b/c\n", "/a", "/b/c"],
    ["we are the part that is mounted", "0::/a\n", "/a", "/"],
    ["a part that we are not in", "0::/b\n", "/a", "/"],
    ["our cgroup was removed", "0::/a (deleted)\n", "/", "/a"],
  ] as const) {
    test(`own cgroup: ${what}`, () => expect(ownPath(text, root)).toBe(expected));
  }
});
