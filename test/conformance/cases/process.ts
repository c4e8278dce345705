/** The process: its ids, environment, directory, capabilities, limits and all else that execve(2) keeps. */
import { subject } from "../case.ts";

const caps = (...names: string[]) => ({
  bounding: names,
  effective: names,
  permitted: names,
  inheritable: names,
  ambient: names,
});
const process = (value: object) => ({ process: value });
const limit = (type: string, soft: number, hard: number) => process({ rlimits: [{ type, soft, hard }] });

export const processes = subject("process", [
  { name: "root without any capabilities", spec: "config.md#linux-process" },
  {
    name: "an ordinary user",
    spec: "config.md#posix-platform-user",
    config: process({ user: { uid: 1000, gid: 1001 } }),
  },
  {
    name: "additional groups",
    spec: "config.md#posix-platform-user",
    config: process({ user: { uid: 1000, gid: 1001, additionalGids: [5, 6, 1001] } }),
  },
  {
    name: "a umask",
    spec: "config.md#posix-platform-user",
    config: process({ user: { uid: 0, gid: 0, umask: 0o77 } }),
  },
  {
    name: "a umask of zero",
    spec: "config.md#posix-platform-user",
    config: process({ user: { uid: 0, gid: 0, umask: 0 } }),
  },
  { name: "a cwd", spec: "config.md#process", config: process({ cwd: "/tmp" }) },
  {
    name: "a cwd that is missing is made",
    spec: "config.md#process",
    config: process({ cwd: "/missing/deep" }),
    paths: ["/missing", "/missing/deep"],
  },
  {
    name: "a cwd that only root may enter, as a user",
    spec: "config.md#process",
    config: process({ cwd: "/closed", user: { uid: 1000, gid: 1000 } }),
    files: { "closed/": "" },
    steps: ["sh chmod 700 $DIR/bundle/rootfs/closed", "run @"],
  },
  {
    name: "a cwd that is a file",
    spec: "config.md#process",
    config: process({ cwd: "/probe" }),
    fails: true,
  },
  {
    name: "environment in the order given",
    spec: "config.md#process",
    config: process({ env: ["B=2", "A=1", "PATH=/bin", "C=x=y", "EMPTY="] }),
  },
  {
    name: "of a variable given twice the later counts",
    spec: "config.md#process",
    config: process({ env: ["A=1", "PATH=/bin", "A=2"] }),
  },
  {
    name: "HOME from /etc/passwd",
    spec: "runc",
    config: process({ env: ["PATH=/bin"], user: { uid: 1000, gid: 0 } }),
    files: { "etc/passwd": "a:x:1000:0::/home/a:/bin/sh\n" },
  },
  { name: "HOME that is empty", spec: "runc", config: process({ env: ["PATH=/bin", "HOME="] }) },
  { name: "no environment", spec: "config.md#process", config: process({ env: [] }) },
  {
    name: "a variable without =",
    spec: "config.md#process",
    config: process({ env: ["PATH=/bin", "NONSENSE"] }),
    fails: true,
  },
  {
    name: "a program by its name on PATH",
    spec: "config.md#process",
    config: process({ args: ["echo", "hello"] }),
  },
  {
    name: "a relative program",
    spec: "config.md#process",
    config: process({ args: ["./echo", "hello"], cwd: "/bin" }),
  },
  {
    name: "args with blanks and empty ones",
    spec: "config.md#process",
    config: process({ args: ["/bin/printf", "[%s]", "a b", "", "c\n"] }),
  },
  { name: "noNewPrivileges", spec: "config.md#linux-process", config: process({ noNewPrivileges: true }) },
  { name: "an oomScoreAdj", spec: "config.md#linux-process", config: process({ oomScoreAdj: 345 }) },
  {
    name: "terminal: a controlling terminal of the size given",
    spec: "config.md#process",
    config: process({ terminal: true, consoleSize: { height: 33, width: 77 } }),
    steps: ["create --console-socket @CONSOLE@ @", "start @", "wait stopped", "output"],
    paths: ["/dev/console", "/dev/tty", "/dev/pts"],
  },
  {
    name: "terminal: without a size",
    spec: "config.md#process",
    config: process({ terminal: true }),
    steps: ["create --console-socket @CONSOLE@ @", "start @", "wait stopped", "output"],
  },
  {
    name: "terminal: as an ordinary user",
    spec: "config.md#process",
    config: process({ terminal: true, user: { uid: 1000, gid: 1000 } }),
    steps: ["create --console-socket @CONSOLE@ @", "start @", "wait stopped", "output"],
    paths: ["/dev/console", "/dev/pts/0"],
  },
  {
    name: "terminal: create without a console socket is refused",
    spec: "runc-create(8)",
    config: process({ terminal: true }),
    steps: ["create @"],
    fails: true,
    says: "cannot allocate tty if runc will detach without setting console socket",
  },
  {
    name: "a console socket without a terminal is refused",
    spec: "runc-create(8)",
    steps: ["create --console-socket @DIR@/x @"],
    fails: true,
    says: "cannot use console socket if runc will not detach or allocate tty",
  },
  {
    name: "terminal: a console socket that does not exist",
    spec: "runc-create(8)",
    config: process({ terminal: true }),
    steps: ["create --console-socket @DIR@/missing @"],
    fails: true,
  },
  {
    name: "scheduler SCHED_BATCH with a nice value",
    spec: "config.md#linux-process",
    config: process({ scheduler: { policy: "SCHED_BATCH", nice: 5 } }),
  },
  {
    name: "scheduler SCHED_IDLE",
    spec: "config.md#linux-process",
    config: process({ scheduler: { policy: "SCHED_IDLE" } }),
  },
  {
    name: "scheduler: an unknown policy",
    spec: "config.md#linux-process",
    config: process({ scheduler: { policy: "SCHED_NONSENSE" } }),
    fails: true,
  },
  {
    name: "ioPriority best effort",
    spec: "config.md#linux-process",
    config: process({ ioPriority: { class: "IOPRIO_CLASS_BE", priority: 6 } }),
  },
  {
    name: "ioPriority idle",
    spec: "config.md#linux-process",
    config: process({ ioPriority: { class: "IOPRIO_CLASS_IDLE", priority: 0 } }),
  },
  {
    name: "ioPriority: an unknown class",
    spec: "config.md#linux-process",
    config: process({ ioPriority: { class: "IOPRIO_CLASS_NONSENSE", priority: 0 } }),
    fails: true,
  },
  {
    name: "personality LINUX32",
    spec: "config-linux.md#personality",
    config: { linux: { personality: { domain: "LINUX32" } } },
  },
  {
    name: "personality LINUX",
    spec: "config-linux.md#personality",
    config: { linux: { personality: { domain: "LINUX" } } },
  },
  {
    name: "memoryPolicy",
    spec: "config-linux.md#memory-policy",
    config: { linux: { memoryPolicy: { mode: "MPOL_BIND", nodes: "0" } } },
  },
  {
    name: "a memoryPolicy that is unknown",
    spec: "config-linux.md#memory-policy",
    config: { linux: { memoryPolicy: { mode: "MPOL_NONSENSE", nodes: "0" } } },
    fails: true,
  },
  {
    name: "--no-new-keyring",
    spec: "runc-create(8)",
    steps: ["run --no-new-keyring @"],
    without: ["keyring"],
  },
  {
    name: "--preserve-fds of fds that are not there",
    spec: "runc-create(8)",
    steps: ["create --preserve-fds 90 @"],
    fails: true,
  },
  { name: "signals are at their defaults", spec: "config.md#process", steps: ["run @"] },
  {
    name: "seccomp, apparmor and the like left out",
    spec: "config.md#linux-process",
    config: process({ apparmorProfile: "", selinuxLabel: "" }),
  },
]);

export const capabilities = subject("capabilities", [
  {
    name: "in all five sets",
    spec: "config.md#linux-process",
    config: process({ capabilities: caps("CAP_KILL", "CAP_CHOWN") }),
  },
  {
    name: "in all five sets, as a user",
    spec: "config.md#linux-process",
    config: process({ user: { uid: 1000, gid: 1000 }, capabilities: caps("CAP_KILL", "CAP_NET_RAW") }),
  },
  {
    name: "bounding, effective and permitted only",
    spec: "config.md#linux-process",
    config: process({
      capabilities: { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] },
    }),
  },
  {
    name: "a user keeps none without ambient ones",
    spec: "config.md#linux-process",
    config: process({
      user: { uid: 1000, gid: 1000 },
      capabilities: { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] },
    }),
  },
  {
    name: "inheritable ones",
    spec: "config.md#linux-process",
    config: process({
      capabilities: { bounding: ["CAP_KILL"], permitted: ["CAP_KILL"], inheritable: ["CAP_KILL"] },
    }),
  },
  {
    name: "ambient ones that are not inheritable",
    spec: "config.md#linux-process",
    config: process({
      capabilities: {
        bounding: ["CAP_KILL"],
        permitted: ["CAP_KILL"],
        effective: ["CAP_KILL"],
        ambient: ["CAP_KILL"],
      },
    }),
    without: ["stderr"],
  },
  {
    name: "effective ones that are not permitted",
    spec: "config.md#linux-process",
    config: process({ capabilities: { bounding: ["CAP_KILL"], effective: ["CAP_KILL"] } }),
  },
  {
    name: "no capabilities property at all",
    spec: "config.md#linux-process",
    config: process({ capabilities: undefined }),
  },
  {
    name: "unknown ones are passed over",
    spec: "config.md#linux-process",
    config: process({ capabilities: caps("CAP_KILL", "CAP_NONSENSE") }),
    without: ["stderr"],
  },
  {
    name: "names in small letters",
    spec: "config.md#linux-process",
    config: process({ capabilities: caps("cap_kill") }),
    without: ["stderr"],
  },
  { name: "empty sets", spec: "config.md#linux-process", config: process({ capabilities: caps() }) },
]);

export const rlimits = subject("rlimits", [
  { name: "NOFILE", spec: "config.md#posix-process", config: limit("RLIMIT_NOFILE", 100, 200) },
  { name: "CORE of zero", spec: "config.md#posix-process", config: limit("RLIMIT_CORE", 0, 0) },
  { name: "STACK", spec: "config.md#posix-process", config: limit("RLIMIT_STACK", 4194304, 8388608) },
  {
    name: "several",
    spec: "config.md#posix-process",
    config: process({
      rlimits: ["CPU", "FSIZE", "DATA", "AS", "CORE"].map((name) => ({
        type: `RLIMIT_${name}`,
        soft: 2 ** 30,
        hard: 2 ** 31,
      })),
    }),
  },
  {
    name: "a hard limit over the host's",
    spec: "config.md#posix-process",
    config: limit("RLIMIT_NOFILE", 1000, 1 << 29),
    fails: true,
  },
]);
