/** Mounts: their options, order and targets, the root file system, and what is hidden in it. */
import { type Json, merged, usualMounts } from "../../support/bundle.ts";
import { type Case, subject } from "../case.ts";

const tmpfs = (options: readonly string[] = [], destination = "/data"): Json => ({
  destination,
  type: "tmpfs",
  source: "tmpfs",
  options,
});
const bind = (source: string, options: readonly string[] = [], destination = "/data"): Json => ({
  destination,
  type: "bind",
  source: `@DIR@/${source}`,
  options: ["bind", ...options],
});

/** A container with these mounts after the usual ones, and the probe looking at /data. */
function mount(name: string, mounts: readonly Json[], more: Partial<Case> = {}): Case {
  const config = merged({ mounts: [...usualMounts, ...mounts] }, more.config ?? {});
  return {
    name,
    spec: "config.md#mounts",
    beside: { "tree/file": "text", file: "text" },
    paths: ["/data", "/data/file"],
    ...more,
    config,
  };
}
const sysfs = {
  destination: "/sys",
  type: "sysfs",
  source: "sysfs",
  options: ["ro", "nosuid", "noexec", "nodev"],
};

export const mounts = subject("mounts", [
  { name: "the usual ones", spec: "config.md#mounts", paths: ["/", "/dev", "/dev/pts", "/dev/shm", "/proc"] },
  mount("a tmpfs", [tmpfs()]),
  mount("a tmpfs with a size and a mode", [tmpfs(["size=65536", "mode=1770"])]),
  mount("a tmpfs with an owner", [tmpfs(["uid=5", "gid=6"])]),
  mount("a tmpfs without a mode has that of the directory under it", [tmpfs()], {
    files: { "data/": "" },
    steps: ["sh chmod 1751 $DIR/bundle/rootfs/data", "run @"],
  }),
  mount("tmpcopyup", [tmpfs(["tmpcopyup"])], {
    files: { "data/file": "from the image", "data/sub/file": "x" },
  }),
  mount("a read-only tmpfs", [tmpfs(["ro"])]),
  ...[
    "nosuid",
    "nodev",
    "noexec",
    "noatime",
    "nodiratime",
    "strictatime",
    "relatime",
    "sync",
    "dirsync",
    "nosymfollow",
    "lazytime",
  ].map((option) => mount(`option ${option} on a tmpfs`, [tmpfs([option])])),
  mount("of options that exclude each other the later one counts", [
    tmpfs(["ro", "rw", "nosuid", "suid", "noexec", "exec"]),
  ]),
  mount("no options at all", [{ destination: "/data", type: "tmpfs", source: "tmpfs" }]),
  mount("the word defaults", [tmpfs(["defaults"])]),
  mount("bind of a directory", [bind("tree")]),
  mount("bind of a file", [bind("file")]),
  mount("bind, read-only", [bind("tree", ["ro"])]),
  ...["nosuid", "nodev", "noexec", "noatime", "nodiratime", "strictatime", "nosymfollow"].map((option) =>
    mount(`option ${option} on a bind`, [bind("tree", [option])]),
  ),
  mount("bind with a type of none", [{ ...bind("tree"), type: "none" }]),
  mount("bind without a type", [{ ...bind("tree"), type: undefined }]),
  mount("the type bind without the option", [{ ...bind("tree"), options: [] }]),
  mount("the option rbind", [{ ...bind("tree"), options: ["rbind"] }]),
  mount("bind of a source relative to the bundle", [{ ...bind("tree"), source: "rootfs/etc" }], {
    files: { "etc/file": "etc" },
  }),
  mount("rbind, ro: what is mounted below stays writable", [{ ...bind("tree"), options: ["rbind", "ro"] }], {
    beside: { "tree/file": "x", "tree/below/": "" },
    paths: ["/data", "/data/below"],
    steps: ["sh mount -t tmpfs tmpfs $DIR/tree/below", "run @", "sh umount $DIR/tree/below"],
  }),
  mount("rbind, rro: nor is what is mounted below", [{ ...bind("tree"), options: ["rbind", "rro"] }], {
    beside: { "tree/file": "x", "tree/below/": "" },
    paths: ["/data", "/data/below"],
    steps: ["sh mount -t tmpfs tmpfs $DIR/tree/below", "run @", "sh umount $DIR/tree/below"],
  }),
  ...["private", "shared", "slave", "unbindable", "rprivate", "rshared", "rslave", "runbindable"].map(
    (option) => mount(`propagation ${option}`, [bind("tree", [option])]),
  ),
  mount("a target that is missing is made, as a directory", [bind("tree", [], "/a/b/c")], {
    paths: ["/a", "/a/b", "/a/b/c"],
  }),
  mount("a target that is missing is made, as a file", [bind("file", [], "/a/b/c")], {
    paths: ["/a", "/a/b", "/a/b/c"],
  }),
  mount("a target is a link to a directory of the rootfs", [bind("tree", [], "/link")], {
    links: { link: "/tmp" },
    paths: ["/link", "/tmp"],
  }),
  mount("a target is a dangling link", [bind("tree", [], "/link")], {
    links: { link: "/missing/deep" },
    paths: ["/link", "/missing", "/missing/deep"],
  }),
  mount("a target climbs out of the rootfs", [bind("tree", [], "/../../../data")]),
  mount("a relative target", [bind("tree", [], "data")]),
  mount("a directory on a file is refused", [bind("tree", [], "/etc/file")], {
    files: { "etc/file": "" },
    fails: true,
  }),
  mount("a file on a directory is refused", [bind("file", [], "/etc")], { fails: true }),
  mount("mounts in the order listed: the later one is seen", [tmpfs(), bind("tree")]),
  mount("mounts in the order listed: one in another", [tmpfs(), bind("tree", [], "/data/in")], {
    paths: ["/data", "/data/in"],
  }),
  mount("remount of what is there", [
    tmpfs(),
    { destination: "/data", type: "tmpfs", source: "tmpfs", options: ["remount", "ro"] },
  ]),
  mount(
    "an mqueue",
    [
      {
        destination: "/dev/mqueue",
        type: "mqueue",
        source: "mqueue",
        options: ["nosuid", "noexec", "nodev"],
      },
    ],
    { paths: ["/dev/mqueue"] },
  ),
  mount("a sysfs, read-only", [sysfs], { paths: ["/sys", "/sys/class"] }),
  mount("a sysfs without a network namespace", [sysfs], {
    config: { linux: { namespaces: [{ type: "mount" }, { type: "pid" }, { type: "uts" }] } },
    paths: ["/sys"],
  }),
  mount("two mounts of proc", [{ destination: "/proc", type: "proc", source: "proc" }], { fails: true }),
  {
    name: "proc with options",
    spec: "config.md#mounts",
    config: {
      mounts: [{ destination: "/proc", type: "proc", source: "proc", options: ["hidepid=2", "ro"] }],
    },
    paths: ["/proc"],
  },
  mount(
    "the cgroups, read-only",
    [
      sysfs,
      {
        destination: "/sys/fs/cgroup",
        type: "cgroup",
        source: "cgroup",
        options: ["ro", "nosuid", "noexec", "nodev"],
      },
    ],
    { paths: ["/sys/fs/cgroup"], without: ["entries"] },
  ),
  mount(
    "the cgroups by the type cgroup2",
    [sysfs, { destination: "/sys/fs/cgroup", type: "cgroup2", source: "cgroup", options: ["ro"] }],
    { paths: ["/sys/fs/cgroup"], without: ["entries"] },
  ),
  mount(
    "the cgroups without a cgroup namespace",
    [sysfs, { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"] }],
    {
      config: { linux: { namespaces: ["mount", "pid", "uts", "network", "ipc"].map((type) => ({ type })) } },
      paths: ["/sys/fs/cgroup"],
      without: ["entries"],
    },
  ),
  mount(
    "an overlay",
    [
      {
        destination: "/data",
        type: "overlay",
        source: "overlay",
        options: ["lowerdir=@DIR@/tree", "upperdir=@DIR@/upper", "workdir=@DIR@/work"],
      },
    ],
    { beside: { "tree/file": "lower", "upper/": "", "work/": "" }, without: ["mounts"] },
  ),
  mount(
    "idmap on a bind",
    [
      {
        ...bind("tree"),
        options: ["bind", "idmap"],
        uidMappings: [{ containerID: 0, hostID: 1000, size: 10 }],
        gidMappings: [{ containerID: 0, hostID: 1000, size: 10 }],
      },
    ],
    { without: ["mounts"] },
  ),
  mount("mappings of a mount without the option idmap", [
    {
      ...bind("tree"),
      uidMappings: [{ containerID: 0, hostID: 1000, size: 10 }],
      gidMappings: [{ containerID: 0, hostID: 1000, size: 10 }],
    },
  ]),
  {
    name: "no mounts at all",
    spec: "config.md#mounts",
    config: { mounts: [], process: { args: ["/bin/sh", "-c", "ls /proc /dev"] } },
  },
]);

export const rootfs = subject("rootfs", [
  {
    name: "read-only",
    spec: "config.md#root",
    config: { root: { readonly: true } },
    paths: ["/", "/tmp", "/dev"],
  },
  { name: "an absolute path", spec: "config.md#root", config: { root: { path: "@DIR@/bundle/rootfs" } } },
  { name: "a path with ..", spec: "config.md#root", config: { root: { path: "../bundle/rootfs" } } },
  {
    name: "a path that is a symlink",
    spec: "config.md#root",
    config: { root: { path: "link" } },
    steps: ["sh ln -s rootfs $DIR/bundle/link", "run @"],
    fails: true,
  },
  ...["private", "shared", "slave", "unbindable", "rprivate", "rshared", "rslave"].map((word) => ({
    name: `rootfsPropagation ${word}`,
    spec: "config-linux.md#rootfs-mount-propagation",
    config: { linux: { rootfsPropagation: word } },
  })),
  {
    name: "masked paths: a file, a directory, what is missing",
    spec: "config-linux.md#masked-paths",
    config: { linux: { maskedPaths: ["/etc/secret", "/etc/secrets", "/missing", "/proc/keys"] } },
    files: { "etc/secret": "s", "etc/secrets/one": "s" },
    paths: ["/etc/secret", "/etc/secrets", "/missing", "/proc/keys"],
  },
  {
    name: "a masked path that is a link",
    spec: "config-linux.md#masked-paths",
    config: { linux: { maskedPaths: ["/link"] } },
    files: { "etc/secret": "s" },
    links: { link: "/etc/secret" },
    paths: ["/link", "/etc/secret"],
  },
  {
    name: "a masked path that is relative",
    spec: "config-linux.md#masked-paths",
    config: { linux: { maskedPaths: ["etc/secret"] } },
    files: { "etc/secret": "s" },
    paths: ["/etc/secret"],
    fails: true,
  },
  {
    name: "read-only paths: a file, a directory, what is missing",
    spec: "config-linux.md#readonly-paths",
    config: { linux: { readonlyPaths: ["/etc", "/tmp/file", "/missing", "/proc/sys"] } },
    files: { "tmp/file": "" },
    paths: ["/etc", "/tmp/file", "/missing", "/proc/sys"],
  },
  { name: "--no-pivot", spec: "runc-create(8)", steps: ["run --no-pivot @"], paths: ["/"] },
]);
