/** Namespaces, devices, sysctl, seccomp. */
import { namespaces as types, usualNamespaces } from "../../support/bundle.ts";
import { type Case, subject } from "../case.ts";

const maps = (hostID: number, size = 65536) => ({
  uidMappings: [{ containerID: 0, hostID, size }],
  gidMappings: [{ containerID: 0, hostID, size }],
});
const joined = (...names: string[]) => ({
  linux: {
    namespaces: [
      ...types(...usualNamespaces.filter((name) => !names.includes(name))),
      ...names.map((type) => ({ type, path: `@NS@/${{ network: "net", mount: "mnt" }[type] ?? type}` })),
    ],
  },
});
const openRootfs = "sh chmod -R a+rwX $DIR/bundle/rootfs";

export const namespaces = subject("namespaces", [
  { name: "the usual six", spec: "config-linux.md#namespaces" },
  {
    name: "mount only",
    spec: "config-linux.md#namespaces",
    config: {
      hostname: undefined,
      mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
      linux: { namespaces: types("mount") },
    },
    without: ["pid", "sid", "pgid", "cgroup", "hostname", "keyring"],
  },
  {
    name: "mount and pid",
    spec: "config-linux.md#namespaces",
    config: { hostname: undefined, linux: { namespaces: types("mount", "pid") } },
    without: ["stdout.cgroup", "hostname"],
  },
  {
    name: "a cgroup namespace shows its own root",
    spec: "config-linux.md#namespaces",
    config: { linux: { namespaces: types("mount", "pid", "uts", "cgroup") } },
  },
  {
    name: "a user namespace",
    spec: "config-linux.md#user-namespace-mappings",
    config: { linux: { namespaces: types(...usualNamespaces, "user"), ...maps(100000) } },
    steps: [openRootfs, "run @"],
    paths: ["/dev/null", "/tmp", "/proc"],
    without: ["mounts"],
  },
  {
    name: "a user namespace, as another user of it",
    spec: "config-linux.md#user-namespace-mappings",
    config: {
      process: { user: { uid: 7, gid: 8 } },
      linux: { namespaces: types(...usualNamespaces, "user"), ...maps(100000) },
    },
    steps: [openRootfs, "run @"],
    without: ["mounts"],
  },
  {
    name: "several mappings",
    spec: "config-linux.md#user-namespace-mappings",
    config: {
      linux: {
        namespaces: types(...usualNamespaces, "user"),
        uidMappings: [
          { containerID: 0, hostID: 100000, size: 1 },
          { containerID: 1, hostID: 200000, size: 10 },
        ],
        gidMappings: [{ containerID: 0, hostID: 100000, size: 5 }],
      },
    },
    steps: [openRootfs, "run @"],
    without: ["mounts"],
  },
  {
    name: "overlapping mappings are refused",
    spec: "config-linux.md#user-namespace-mappings",
    config: {
      linux: {
        namespaces: types(...usualNamespaces, "user"),
        uidMappings: [
          { containerID: 0, hostID: 100000, size: 10 },
          { containerID: 5, hostID: 200000, size: 10 },
        ],
        gidMappings: [{ containerID: 0, hostID: 100000, size: 5 }],
      },
    },
    steps: [openRootfs, "create @"],
    fails: true,
  },
  ...["network", "ipc", "uts"].map(
    (name): Case => ({
      name: `joining one: ${name}`,
      spec: "config-linux.md#namespaces",
      config: { ...joined(name), ...(name === "uts" ? { hostname: undefined } : {}) },
      without: name === "uts" ? ["hostname"] : [],
    }),
  ),
  {
    name: "a time namespace with offsets",
    spec: "config-linux.md#time-namespace",
    config: {
      linux: {
        namespaces: types(...usualNamespaces, "time"),
        timeOffsets: { monotonic: { secs: 1000, nanosecs: 5 }, boottime: { secs: 2000 } },
      },
    },
    needs: ["time namespace"],
  },
  {
    name: "a time namespace without offsets",
    spec: "config-linux.md#time-namespace",
    config: { linux: { namespaces: types(...usualNamespaces, "time") } },
    needs: ["time namespace"],
  },
  {
    name: "offsets without a time namespace are refused",
    spec: "config-linux.md#time-namespace",
    config: { linux: { timeOffsets: { monotonic: { secs: 1000 } } } },
    fails: true,
  },
  { name: "a hostname", spec: "config.md#hostname", config: { hostname: "some.name" } },
  {
    name: "no hostname: the one that was there",
    spec: "config.md#hostname",
    config: { hostname: undefined },
    without: ["hostname"],
  },
  { name: "a domainname", spec: "config.md#domainname", config: { domainname: "example.org" } },
  {
    name: "the loopback device is up",
    spec: "runc",
    config: { process: { args: ["/bin/ip", "address", "show", "lo"] } },
  },
  {
    name: "no namespaces at all",
    spec: "config-linux.md#namespaces",
    config: { hostname: undefined, mounts: [], linux: { namespaces: [] } },
    steps: ["create @"],
    fails: true,
  },
]);

export const devices = subject("devices", [
  {
    name: "the default ones",
    spec: "config-linux.md#default-devices",
    paths: [
      "/dev/null",
      "/dev/zero",
      "/dev/full",
      "/dev/random",
      "/dev/urandom",
      "/dev/tty",
      "/dev/ptmx",
      "/dev/console",
      "/dev/fd",
      "/dev/stdin",
      "/dev/stdout",
      "/dev/stderr",
      "/dev/core",
      "/dev",
    ],
  },
  {
    name: "a character device",
    spec: "config-linux.md#devices",
    config: {
      linux: {
        devices: [{ path: "/dev/thing", type: "c", major: 1, minor: 3, fileMode: 0o640, uid: 5, gid: 6 }],
      },
    },
    paths: ["/dev/thing"],
  },
  {
    name: "a device without a mode",
    spec: "config-linux.md#devices",
    config: { linux: { devices: [{ path: "/dev/thing", type: "c", major: 1, minor: 5 }] } },
    paths: ["/dev/thing"],
  },
  {
    name: "a block device",
    spec: "config-linux.md#devices",
    config: { linux: { devices: [{ path: "/dev/disk", type: "b", major: 7, minor: 99, fileMode: 0o660 }] } },
    paths: ["/dev/disk"],
  },
  {
    name: "a fifo",
    spec: "config-linux.md#devices",
    config: { linux: { devices: [{ path: "/dev/fifo", type: "p", fileMode: 0o600 }] } },
    paths: ["/dev/fifo"],
  },
  {
    name: "an unbuffered character device",
    spec: "config-linux.md#devices",
    config: { linux: { devices: [{ path: "/dev/thing", type: "u", major: 1, minor: 3 }] } },
    paths: ["/dev/thing"],
  },
  {
    name: "in a directory that is missing",
    spec: "config-linux.md#devices",
    config: {
      linux: { devices: [{ path: "/dev/a/b/thing", type: "c", major: 1, minor: 3, fileMode: 0o666 }] },
    },
    paths: ["/dev/a", "/dev/a/b/thing"],
  },
  {
    name: "outside of /dev",
    spec: "config-linux.md#devices",
    config: { linux: { devices: [{ path: "/thing", type: "c", major: 1, minor: 3, fileMode: 0o666 }] } },
    paths: ["/thing"],
  },
  {
    name: "in place of a default one",
    spec: "config-linux.md#devices",
    config: { linux: { devices: [{ path: "/dev/null", type: "c", major: 1, minor: 3, fileMode: 0o600 }] } },
    paths: ["/dev/null"],
  },
  {
    name: "a file where a device belongs",
    spec: "config-linux.md#devices",
    config: {
      mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
      linux: { devices: [{ path: "/dev/thing", type: "c", major: 1, minor: 3 }] },
    },
    files: { "dev/thing": "text" },
    fails: true,
  },
  {
    name: "cgroup rules: what is denied cannot be opened",
    spec: "config-linux.md#allowed-device-list",
    config: {
      linux: {
        devices: [{ path: "/dev/thing", type: "c", major: 10, minor: 237, fileMode: 0o666 }],
        resources: { devices: [{ allow: false, access: "rwm" }] },
      },
    },
    paths: ["/dev/thing", "/dev/null"],
  },
  {
    name: "cgroup rules: what is allowed can",
    spec: "config-linux.md#allowed-device-list",
    config: {
      linux: {
        devices: [{ path: "/dev/thing", type: "c", major: 1, minor: 11, fileMode: 0o666 }],
        resources: {
          devices: [
            { allow: false, access: "rwm" },
            { allow: true, type: "c", major: 1, minor: 11, access: "r" },
          ],
        },
      },
    },
    paths: ["/dev/thing", "/dev/null"],
  },
  {
    name: "cgroup rules: mknod of what is not listed",
    spec: "config-linux.md#allowed-device-list",
    config: {
      process: {
        args: ["/bin/sh", "-c", "mknod /tmp/x c 1 3; echo $?; echo x > /tmp/x; echo $?"],
        capabilities: { bounding: ["CAP_MKNOD"], effective: ["CAP_MKNOD"], permitted: ["CAP_MKNOD"] },
      },
      linux: { resources: { devices: [{ allow: false, access: "rwm" }] } },
    },
    without: ["stderr"],
  },
  {
    name: "with a user namespace the host's are bound",
    spec: "config-linux.md#default-devices",
    config: { linux: { namespaces: types(...usualNamespaces, "user"), ...maps(100000) } },
    steps: [openRootfs, "run @"],
    paths: ["/dev/null", "/dev/zero", "/dev/ptmx"],
    without: ["mounts"],
  },
]);

export const sysctl = subject("sysctl", [
  {
    name: "of the network namespace",
    spec: "config-linux.md#sysctl",
    config: { linux: { sysctl: { "net.ipv4.ip_forward": "1" } } },
    paths: ["/proc/sys/net/ipv4/ip_forward"],
  },
  {
    name: "of the IPC namespace",
    spec: "config-linux.md#sysctl",
    config: { linux: { sysctl: { "kernel.msgmax": "4096", "fs.mqueue.msg_max": "20" } } },
    paths: ["/proc/sys/kernel/msgmax", "/proc/sys/fs/mqueue/msg_max"],
  },
  {
    name: "kernel.domainname",
    spec: "config-linux.md#sysctl",
    config: { linux: { sysctl: { "kernel.domainname": "inside.example" } } },
  },
  {
    name: "with slashes",
    spec: "config-linux.md#sysctl",
    config: { linux: { sysctl: { "net/ipv4/ip_forward": "1" } } },
    paths: ["/proc/sys/net/ipv4/ip_forward"],
  },
  {
    name: "one that does not exist",
    spec: "config-linux.md#sysctl",
    config: { linux: { sysctl: { "net.ipv4.nonsense": "1" } } },
    fails: true,
  },
]);

const filter = (value: object) => ({ linux: { seccomp: value } });
const script = (text: string) => ({ process: { args: ["/bin/sh", "-c", text] } });
export const seccomp = subject("seccomp", [
  {
    name: "a filter that allows everything",
    spec: "config-linux.md#seccomp",
    config: filter({ defaultAction: "SCMP_ACT_ALLOW" }),
  },
  {
    name: "EPERM for one system call",
    spec: "config-linux.md#seccomp",
    config: {
      ...filter({
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }],
      }),
      ...script("mkdir /tmp/x; echo $?"),
    },
  },
  {
    name: "another errno",
    spec: "config-linux.md#seccomp",
    config: {
      ...filter({
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }],
      }),
      ...script("mkdir /tmp/x 2>&1; echo $?"),
    },
  },
  {
    name: "kill the process",
    spec: "config-linux.md#seccomp",
    config: {
      ...filter({
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_KILL_PROCESS" }],
      }),
      ...script("mkdir /tmp/x; echo $?"),
    },
  },
  {
    name: "names that do not exist are passed over",
    spec: "config-linux.md#seccomp",
    config: filter({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["nonsense_call", "mkdir"], action: "SCMP_ACT_ERRNO" }],
    }),
    without: ["stderr"],
  },
  {
    name: "an argument compared",
    spec: "config-linux.md#seccomp",
    config: {
      ...filter({
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [
          {
            names: ["kill"],
            action: "SCMP_ACT_ERRNO",
            errnoRet: 7,
            args: [{ index: 1, value: 10, op: "SCMP_CMP_EQ" }],
          },
        ],
      }),
      ...script("trap 'echo got' USR1 USR2; kill -USR2 $$; kill -USR1 $$ 2>&1; true"),
    },
  },
  {
    name: "with noNewPrivileges",
    spec: "config-linux.md#seccomp",
    config: {
      process: { noNewPrivileges: true },
      ...filter({
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO" }],
      }),
    },
  },
  {
    name: "flags, empty: no SPEC_ALLOW",
    spec: "config-linux.md#seccomp",
    config: filter({
      defaultAction: "SCMP_ACT_ALLOW",
      flags: [],
      syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO" }],
    }),
  },
  {
    name: "the flag LOG",
    spec: "config-linux.md#seccomp",
    config: filter({
      defaultAction: "SCMP_ACT_ALLOW",
      flags: ["SECCOMP_FILTER_FLAG_LOG"],
      syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO" }],
    }),
  },
  {
    name: "an unknown flag",
    spec: "config-linux.md#seccomp",
    config: filter({ defaultAction: "SCMP_ACT_ALLOW", flags: ["SECCOMP_FILTER_FLAG_NONSENSE"] }),
    fails: true,
  },
  {
    name: "several architectures",
    spec: "config-linux.md#seccomp",
    config: filter({
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
      syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO" }],
    }),
  },
  {
    name: "an errnoRet where there can be none",
    spec: "config-linux.md#seccomp",
    config: filter({ defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 5 }),
    fails: true,
  },
  {
    name: "notify without a listener",
    spec: "config-linux.md#seccomp",
    config: filter({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
    }),
    fails: true,
  },
  {
    name: "a filter that denies everything",
    spec: "config-linux.md#seccomp",
    config: {
      ...filter({
        defaultAction: "SCMP_ACT_ERRNO",
        defaultErrnoRet: 38,
        syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ALLOW" }],
      }),
    },
    steps: ["create @"],
    fails: true,
  },
]);
