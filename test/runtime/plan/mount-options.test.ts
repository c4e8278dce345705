import { describe, expect, test } from "vitest";
import * as k from "../../../src/linux/mount-flags.ts";
import { type SortedMountOptions, sortMountOptions } from "../../../src/runtime/plan/mount-options.ts";

const nothing: SortedMountOptions = {
  attributes: { set: 0, clear: 0 },
  recursive: undefined,
  propagation: [],
  superFlags: [],
  data: [],
  bind: "none",
  remount: false,
  tmpcopyup: false,
  idmap: "none",
  sourceNofollow: false,
  subdirectory: undefined,
};

const cases: readonly [words: string[], sorted: Partial<SortedMountOptions>][] = [
  [[], {}],
  [["defaults", "async"], {}],
  [["ro"], { attributes: { set: k.MOUNT_ATTR_RDONLY, clear: 0 }, superFlags: ["ro"] }],
  [["ro", "rw"], { attributes: { set: 0, clear: k.MOUNT_ATTR_RDONLY } }],
  [
    ["nosuid", "nodev", "noexec"],
    { attributes: { set: k.MOUNT_ATTR_NOSUID | k.MOUNT_ATTR_NODEV | k.MOUNT_ATTR_NOEXEC, clear: 0 } },
  ],
  [["nosuid", "suid"], { attributes: { set: 0, clear: k.MOUNT_ATTR_NOSUID } }],
  [["suid", "nosuid"], { attributes: { set: k.MOUNT_ATTR_NOSUID, clear: 0 } }],
  [["noatime"], { attributes: { set: k.MOUNT_ATTR_NOATIME, clear: k.MOUNT_ATTR__ATIME } }],
  [["noatime", "strictatime"], { attributes: { set: k.MOUNT_ATTR_STRICTATIME, clear: k.MOUNT_ATTR__ATIME } }],
  [["bind", "X-mount.subdir=a,b=c"], { bind: "bind", subdirectory: "a,b=c" }],
  [["rro"], { recursive: { set: k.MOUNT_ATTR_RDONLY, clear: 0 } }],
  [["rro", "rrw"], { recursive: { set: 0, clear: k.MOUNT_ATTR_RDONLY } }],
  [["rnoatime"], { recursive: { set: k.MOUNT_ATTR_NOATIME, clear: k.MOUNT_ATTR__ATIME } }],
  [["rnosymfollow"], { recursive: { set: k.MOUNT_ATTR_NOSYMFOLLOW, clear: 0 } }],
  [["shared"], { propagation: [{ type: k.MS_SHARED, recursive: false }] }],
  [
    ["rslave", "shared"],
    {
      propagation: [
        { type: k.MS_SLAVE, recursive: true },
        { type: k.MS_SHARED, recursive: false },
      ],
    },
  ],
  [["bind"], { bind: "bind" }],
  [["rbind"], { bind: "rbind" }],
  [["remount", "bind"], { bind: "bind", remount: true }],
  [["tmpcopyup", "size=1m"], { tmpcopyup: true, data: ["size=1m"] }],
  [["idmap"], { idmap: "idmap" }],
  [["ridmap"], { idmap: "ridmap" }],
  [["sync", "dirsync"], { superFlags: ["sync", "dirsync"] }],
  [["mode=755", "uid=0"], { data: ["mode=755", "uid=0"] }],
];

describe("sortMountOptions — runtime-spec config.md#linux-mount-options", () => {
  for (const [words, sorted] of cases) {
    test(words.join(",") || "none", () => {
      expect(sortMountOptions(words, "tmpfs")).toMatchObject({ ...nothing, ...sorted });
    });
  }

  test("the type bind alone is a recursive bind mount", () => {
    expect(sortMountOptions([], "bind").bind).toBe("rbind");
    expect(sortMountOptions(["bind"], "bind").bind).toBe("bind");
  });
});
