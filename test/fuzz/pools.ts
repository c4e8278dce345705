/**
 * What mutations are made of. A configuration may by contract do harm to the machine it runs on: run any program as a
 * hook, write to any directory that it binds, join the host's namespaces. What these pools leave out is just that:
 * hooks are harmless programs, sources of binds lie in the sandbox, file systems are made of nothing, programs in
 * the container end or sleep, and no path leads to somebody's mount namespace (`dangerous`).
 */
import type { Json, Pools } from "./shape.ts";

/** @param directory the sandbox, of which `bundle` is a part */
export function poolsFor(directory: string): Pools {
  const inside = [
    "/data",
    "/data/deep/er",
    "/tmp",
    "/etc/file",
    "/dev/thing",
    "/proc/sys/kernel",
    "/link",
    "/",
    "..",
    "relative",
    "/../x",
    "/proc",
    "/sys",
    "/dev",
    "/dev/pts",
    "/dev/null",
    "/missing",
    "/dir\nline",
  ];
  const beside = [
    `${directory}/tree`,
    `${directory}/file`,
    `${directory}/missing`,
    "rootfs/etc",
    "../file",
    ".",
    "",
  ];
  const caps = ["CAP_KILL", "CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_NONSENSE", "cap_kill", "CAP_MKNOD", "ALL"];
  const calls = [
    "mkdir",
    "mkdirat",
    "getpid",
    "write",
    "exit_group",
    "execve",
    "nonsense",
    "clone3",
    "read",
    "openat",
  ];
  const rlimits = [
    "RLIMIT_NOFILE",
    "RLIMIT_CORE",
    "RLIMIT_STACK",
    "RLIMIT_NPROC",
    "RLIMIT_AS",
    "RLIMIT_FSIZE",
    "RLIMIT_NONSENSE",
  ];
  const options = [
    "ro",
    "rw",
    "bind",
    "rbind",
    "nosuid",
    "nodev",
    "noexec",
    "remount",
    "rro",
    "rnoexec",
    "size=64k",
    "mode=755",
    "mode=9",
    "uid=1",
    "tmpcopyup",
    "idmap",
    "ridmap",
    "shared",
    "rslave",
    "private",
    "unbindable",
    "noatime",
    "strictatime",
    "relatime",
    "nosymfollow",
    "newinstance",
    "ptmxmode=0666",
    "nonsense",
    "nonsense=1",
    "copy-symlink",
    "src-nofollow",
    "dest-nofollow",
    "hidepid=2",
    "sync",
    "mand",
    "",
    "lazytime",
  ];
  return {
    "": [
      0,
      1,
      5,
      100,
      1000,
      4096,
      65536,
      100_000,
      2 ** 32 - 2,
      -1,
      -(2 ** 31),
      1e15,
      true,
      false,
      "",
      "x",
      "/x",
      "0",
      "1",
      "text",
      "a b",
      "\n",
      "user.slice",
      "\u001b[31m",
      "../..",
      "SCMP_ACT_ERRNO",
      "SCMP_ACT_ALLOW",
    ],
    ociVersion: ["1.0.0", "1.0.2", "1.2.0", "1.3.0", "1.9.9", "2.0.0", "0.9.0", "1", "1.0.0-rc1", "nonsense"],
    // root
    path: [
      ...inside,
      "rootfs",
      "rootfs/",
      "./rootfs",
      "../bundle/rootfs",
      "missing",
      "config.json",
      "/proc/self/ns/net",
      "/proc/self/ns/ipc",
      "/bin/true",
      "/bin/false",
      "/bin/cat",
    ],
    // process
    args: [
      "/bin/true",
      "/bin/sleep",
      "1000",
      "true",
      "missing",
      "/missing",
      "/etc/file",
      "/bin",
      "",
      "/bin/sh",
      "-c",
      "exit 3",
    ],
    cwd: [
      "/",
      "/tmp",
      "/missing/deep",
      "/etc/file",
      "/link",
      "relative",
      "",
      "/proc/self/fd/3",
      "/proc/1",
      "/dir\nline",
    ],
    env: ["PATH=/bin", "PATH=", "HOME=/x", "A=1", "A=2", "=x", "nonsense", "", "LISTEN_FDS=1", "a=\nb"],
    bounding: caps,
    effective: caps,
    permitted: caps,
    inheritable: caps,
    ambient: caps,
    additionalGids: [0, 5, 1000, 2 ** 32 - 2, 2 ** 32 - 1, 70_000],
    apparmorProfile: ["", "unconfined", "nonsense", "a\nb"],
    selinuxLabel: ["", "system_u:system_r:container_t:s0", "x"],
    mountLabel: ["", "system_u:object_r:container_file_t:s0", 'x"y'],
    hostname: ["", "inside", "x".repeat(64), "x".repeat(65), "a b", "\n"],
    domainname: ["", "inside", "x".repeat(64), "x".repeat(65)],
    initial: ["0", "1", "0-1", "9999", "nonsense"],
    final: ["0", "1", "0-1", "9999", "nonsense"],
    // mounts
    destination: inside,
    source: [...beside, "tmpfs", "proc", "none"],
    type: [
      "tmpfs",
      "bind",
      "proc",
      "sysfs",
      "mqueue",
      "devpts",
      "cgroup",
      "cgroup2",
      "overlay",
      "none",
      "ramfs",
      "nonsensefs",
      "",
      "mount",
      "pid",
      "network",
      "ipc",
      "uts",
      "user",
      "cgroup",
      "time",
      "c",
      "b",
      "u",
      "p",
      ...rlimits,
    ],
    options,
    // hooks: `path` and `args` are shared with others; nothing in either does anything
    timeout: [1, 0, -1, 2 ** 31],
    // linux
    cgroupsPath: [
      "",
      "/fuzz",
      "/fuzz/deep/er",
      "fuzz",
      "/",
      "..",
      "/../x",
      "user.slice:x:y",
      "/a\nb",
      "/./fuzz//x/",
    ],
    "sysctl.*": [
      "net.ipv4.ip_unprivileged_port_start",
      "net/ipv4/ip_unprivileged_port_start",
      "kernel.msgmax",
      "fs.mqueue.msg_max",
      "kernel.core_pattern",
      "net.ipv4.nonsense",
      "..",
      "",
      "net..x",
      "kernel.domainname",
    ],
    sysctl: ["1024", "nonsense", "", "x".repeat(5000), "1\n2"],
    "unified.*": [
      "memory.max",
      "pids.max",
      "cgroup.freeze",
      "cgroup.type",
      "cgroup.subtree_control",
      "cgroup.max.descendants",
      "../x",
      "",
      "nonsense.file",
      "cgroup.procs",
      "cgroup.kill",
    ],
    unified: ["max", "1", "0", "threaded", "+pids", "nonsense", ""],
    "netDevices.*": ["lo", "runt-none", "", "x/y", "x".repeat(20)],
    name: ["", "lo", "eth%d", "x".repeat(20), "a b", "x/y"],
    maskedPaths: [...inside, "/proc/kcore", "/proc/keys", "/etc", "/bin"],
    readonlyPaths: [...inside, "/proc/sys", "/etc"],
    pageSize: ["2MB", "1GB", "3MB", "64KB", "nonsense", "2MB/../x"],
    "rdma.*": ["mlx5_0", ""],
    closID: ["x", "", "..", "a/b"],
    schemata: ["L3:0=f", "nonsense", "a\nb"],
    nodes: ["0", "0-1", "99", "nonsense", ""],
    cpus: ["0", "0-1", "9999", "nonsense", ""],
    mems: ["0", "9", "nonsense"],
    // seccomp
    names: calls,
    listenerPath: [`${directory}/missing`, `${directory}/file`, "", "relative"],
    defaultErrnoRet: [0, 1, 4, 11, 38, 4095, 4096, 70_000],
    errnoRet: [0, 1, 4, 11, 38, 4095, 4096],
    index: [0, 5, 6],
    // devices
    major: [1, 7, 10, 255, 4096, -1, 2 ** 32],
    minor: [3, 5, 8, 99, -1],
    fileMode: [0o666, 0o600, 0o10666, 0, 2 ** 32 - 1],
    access: ["rwm", "r", "w", "m", "", "x", "rr"],
    // mappings
    containerID: [0, 1, 5, 2 ** 32 - 2],
    hostID: [0, 100_000, 200_000, 2 ** 32 - 2],
    size: [0, 1, 10, 65_536, 2 ** 32 - 1],
  };
}

/** Why this configuration may do harm by contract, and is left out; undefined for nearly all. */
export function dangerous(config: Json): string | undefined {
  const list = (value: Json): Json[] => (Array.isArray(value) ? value : []);
  for (const space of list(config?.linux?.namespaces)) {
    // It would mount, and pivot, where everything else on this machine lives.
    if (space?.type === "mount" && space.path) return "joins somebody's mount namespace";
  }
  if (["/", "//", "/.", "/proc", "/sys", "/dev", ".", "..", "../.."].includes(config?.root?.path))
    return "the host's files are its root";
  for (const mount of list(config?.mounts)) {
    const source = mount?.source;
    if (typeof source === "string" && source.startsWith("/") && !source.includes("runt-fuzz-"))
      return "binds a directory of the host";
  }
  for (const hook of Object.values<Json>(config?.hooks ?? {}).flatMap(list)) {
    // Without a limit it may take as long as it likes.
    if (/sleep|sh$/.test(String(hook?.path)) || list(hook?.args).includes("/bin/sleep"))
      return "a hook that does not end";
  }
  return undefined;
}
