/** What is refused, with which status, and that nothing is left of it. */
import { type Case, subject } from "../case.ts";

/** A configuration that the specification says is wrong. */
function wrong(name: string, spec: string, config: Case["config"], says?: string): Case {
  return { name, spec, config, steps: ["create @", "state @"], fails: true, ...(says ? { says } : {}) };
}

export const errors = subject("errors", [
  wrong(
    "a program that does not exist",
    "runtime.md#create",
    { process: { args: ["/missing"] } },
    "no such file or directory",
  ),
  wrong(
    "a program that is not on PATH",
    "runtime.md#create",
    { process: { args: ["missing"] } },
    "executable file not found in $PATH",
  ),
  wrong(
    "a program that may not be executed",
    "runtime.md#create",
    { process: { args: ["/etc/plain"] } },
    "permission denied",
  ),
  wrong(
    "a program that is a directory",
    "runtime.md#create",
    { process: { args: ["/bin"] } },
    "permission denied",
  ),
  {
    name: "run of a program that is not on PATH",
    spec: "runc-run(8)",
    config: { process: { args: ["missing"] } },
    fails: true,
    says: "executable file not found in $PATH",
  },
  {
    name: "run of a script without an interpreter",
    spec: "runtime.md#start",
    config: { process: { args: ["/script"] } },
    files: { script: "#!/missing\n" },
    steps: ["sh chmod 755 $DIR/bundle/rootfs/script", "run @"],
    fails: true,
  },
  wrong("no process.args", "config.md#process", { process: { args: undefined } }),
  wrong("empty process.args", "config.md#process", { process: { args: [] } }),
  wrong("no process.cwd", "config.md#process", { process: { cwd: undefined } }),
  wrong("a relative process.cwd", "config.md#process", { process: { cwd: "tmp" } }),
  wrong("no root", "config.md#root", { root: undefined }),
  wrong("a root that does not exist", "config.md#root", { root: { path: "missing" } }),
  wrong("a root that is a file", "config.md#root", { root: { path: "config.json" } }),
  wrong("an ociVersion that is none", "config.md#specification-version", { ociVersion: "latest" }),
  wrong("no ociVersion", "config.md#specification-version", { ociVersion: undefined }),
  wrong("an ociVersion of another major", "config.md#specification-version", { ociVersion: "2.0.0" }),
  wrong("a namespace type that does not exist", "config-linux.md#namespaces", {
    linux: { namespaces: [{ type: "nonsense" }] },
  }),
  wrong("a namespace listed twice", "config-linux.md#namespaces", {
    linux: { namespaces: [{ type: "mount" }, { type: "pid" }, { type: "pid" }] },
  }),
  wrong("a namespace path that does not exist", "config-linux.md#namespaces", {
    linux: { namespaces: [{ type: "mount" }, { type: "network", path: "/missing" }] },
  }),
  wrong("a namespace path of another type", "config-linux.md#namespaces", {
    linux: { namespaces: [{ type: "mount" }, { type: "network", path: "@NS@/ipc" }] },
  }),
  wrong("a hostname without a UTS namespace", "config.md#hostname", {
    linux: { namespaces: [{ type: "mount" }, { type: "pid" }] },
  }),
  wrong("a domainname without a UTS namespace", "config.md#domainname", {
    hostname: undefined,
    domainname: "x",
    linux: { namespaces: [{ type: "mount" }, { type: "pid" }] },
  }),
  wrong("a user namespace without mappings", "config-linux.md#user-namespace-mappings", {
    linux: { namespaces: [{ type: "mount" }, { type: "user" }] },
  }),
  wrong("mappings without a user namespace", "config-linux.md#user-namespace-mappings", {
    linux: { uidMappings: [{ containerID: 0, hostID: 100000, size: 10 }] },
  }),
  wrong("an rlimit that does not exist", "config.md#posix-process", {
    process: { rlimits: [{ type: "RLIMIT_NONSENSE", soft: 1, hard: 1 }] },
  }),
  wrong("an rlimit listed twice", "config.md#posix-process", {
    process: {
      rlimits: [
        { type: "RLIMIT_CORE", soft: 1, hard: 1 },
        { type: "RLIMIT_CORE", soft: 0, hard: 0 },
      ],
    },
  }),
  wrong("a soft rlimit over the hard one", "config.md#posix-process", {
    process: { rlimits: [{ type: "RLIMIT_CORE", soft: 2, hard: 1 }] },
  }),
  wrong("a mount without a destination", "config.md#mounts", {
    mounts: [{ type: "tmpfs", source: "tmpfs" }],
  }),
  wrong("a bind mount of nothing", "config.md#mounts", {
    mounts: [{ destination: "/x", type: "bind", source: "@DIR@/missing", options: ["bind"] }],
  }),
  wrong("a mount of an unknown file system", "config.md#mounts", {
    mounts: [{ destination: "/x", type: "nonsensefs", source: "none" }],
  }),
  wrong("a mount with an unknown option", "config.md#mounts", {
    mounts: [{ destination: "/x", type: "tmpfs", source: "none", options: ["nonsense"] }],
  }),
  wrong("a mount below /proc", "CVE-2019-19921", {
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/proc/sys", type: "tmpfs", source: "tmpfs" },
    ],
  }),
  wrong("a sysctl that is not namespaced", "config-linux.md#sysctl", {
    linux: { sysctl: { "kernel.core_pattern": "x" } },
  }),
  wrong("a sysctl of the host's network", "config-linux.md#sysctl", {
    linux: {
      namespaces: [{ type: "mount" }, { type: "pid" }, { type: "uts" }],
      sysctl: { "net.ipv4.ip_forward": "1" },
    },
  }),
  wrong("a sysctl of the host's IPC", "config-linux.md#sysctl", {
    linux: {
      namespaces: [{ type: "mount" }, { type: "pid" }, { type: "uts" }],
      sysctl: { "kernel.msgmax": "8192" },
    },
  }),
  wrong("a sysctl that the kernel refuses", "config-linux.md#sysctl", {
    linux: { sysctl: { "net.ipv4.ip_forward": "nonsense" } },
  }),
  wrong("kernel.hostname as a sysctl", "config-linux.md#sysctl", {
    linux: { sysctl: { "kernel.hostname": "x" } },
  }),
  wrong("an unknown seccomp action", "config-linux.md#seccomp", {
    linux: { seccomp: { defaultAction: "SCMP_ACT_NONSENSE" } },
  }),
  wrong("an unknown seccomp architecture", "config-linux.md#seccomp", {
    linux: { seccomp: { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_NONSENSE"] } },
  }),
  wrong("an unknown seccomp operator", "config-linux.md#seccomp", {
    linux: {
      seccomp: {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [
          {
            names: ["mkdir"],
            action: "SCMP_ACT_ERRNO",
            args: [{ index: 0, value: 1, op: "SCMP_CMP_NONSENSE" }],
          },
        ],
      },
    },
  }),
  wrong("an unknown device type", "config-linux.md#devices", {
    linux: { devices: [{ path: "/dev/x", type: "x", major: 1, minor: 3 }] },
  }),
  wrong("an unknown rootfsPropagation", "config-linux.md#rootfs-mount-propagation", {
    linux: { rootfsPropagation: "nonsense" },
  }),
  wrong("an unknown personality", "config-linux.md#personality", {
    linux: { personality: { domain: "NONSENSE" } },
  }),
  wrong("an oomScoreAdj out of range", "config.md#linux-process", { process: { oomScoreAdj: 5000 } }),
  wrong("a hook with a relative path", "config.md#posix-platform-hooks", {
    hooks: { createRuntime: [{ path: "bin/true" }] },
  }),
  wrong("a hook that does not exist", "config.md#posix-platform-hooks", {
    hooks: { createRuntime: [{ path: "/missing" }] },
  }),
  wrong("a timeout of a hook that is not positive", "config.md#posix-platform-hooks", {
    hooks: { createRuntime: [{ path: "/bin/true", timeout: -1 }] },
  }),
  wrong("an apparmor profile where there is none", "config.md#linux-process", {
    process: { apparmorProfile: "missing-profile" },
  }),
  wrong("text where a number belongs", "config.md", { process: { user: { uid: "root" } } }),
  wrong("a number where a list belongs", "config.md", { process: { args: 5 } }),
  wrong("a cgroupsPath that climbs", "config-linux.md#cgroups-path", {
    linux: { cgroupsPath: "/../../@ID@" },
  }),
  {
    name: "unknown properties are ignored",
    spec: "config.md#extensibility",
    config: { nonsense: { a: [1] }, process: { nonsense: 1 }, linux: { nonsense: [] } },
  },
  {
    name: "unknown annotations are ignored",
    spec: "config.md#extensibility",
    config: { annotations: { "org.example.nonsense": "1" } },
  },
  {
    name: "null is as good as absent",
    spec: "config.md",
    config: {
      hooks: null,
      annotations: null,
      process: { rlimits: null, capabilities: null },
      linux: { devices: null, seccomp: null, resources: null },
    },
  },
  {
    name: "a configuration that is not JSON",
    spec: "config.md",
    steps: ["sh echo nonsense >$DIR/bundle/config.json", "create @"],
    fails: true,
  },
  {
    name: "no configuration",
    spec: "bundle.md",
    steps: ["sh rm $DIR/bundle/config.json", "create @"],
    fails: true,
  },
  {
    name: "an ID with a slash",
    spec: "runc(8)",
    steps: ["create a/b"],
    fails: true,
    says: "invalid container ID format",
  },
  {
    name: "an ID that is ..",
    spec: "runc(8)",
    steps: ["create .."],
    fails: true,
    says: "invalid container ID format",
  },
  { name: "an empty ID", spec: "runc(8)", steps: ["create "], fails: true },
  {
    name: "no ID",
    spec: "runc(8)",
    steps: ["create"],
    fails: true,
    says: '"create" requires exactly 1 argument(s)',
    without: ["stdout"],
  },
  {
    name: "two IDs",
    spec: "runc(8)",
    steps: ["start @ @"],
    fails: true,
    says: '"start" requires exactly 1 argument(s)',
    without: ["stdout"],
  },
  {
    name: "a command that does not exist",
    spec: "runc(8)",
    steps: ["nonsense @"],
    fails: true,
    without: ["stdout"],
  },
  {
    name: "an option that does not exist",
    spec: "runc(8)",
    steps: ["state --nonsense @"],
    fails: true,
    without: ["stdout"],
  },
  { name: "help", spec: "runc(8)", steps: ["--help state"], without: ["stdout"] },
  { name: "version", spec: "runc(8)", steps: ["--version state"], without: ["stdout"] },
]);
