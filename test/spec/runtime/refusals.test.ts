import { describe, test } from "vitest";
import { stringifyJson } from "../../../src/spec/runtime/json.ts";
import { type At, expectRefused, type Json } from "./support.ts";

/** Where, what, the message, and the place in it when it is not `at` with indexes in brackets. */
type Row = readonly [at: At, value: Json | undefined, message: string, place?: string];

/** What one field refuses on its own. The change is made to a configuration that has every field. */
const rows: readonly Row[] = [
  ["ociVersion", undefined, "is required"],
  ["ociVersion", null, "must be a string, not null"],
  ["ociVersion", 1, "must be a string, not 1"],
  ["ociVersion", "1.0", 'must be a semantic version, not "1.0"'],
  ["ociVersion", "v1.0.0", 'must be a semantic version, not "v1.0.0"'],
  ["ociVersion", "2.0.0", 'must have major version 1, not "2.0.0"'],
  ["ociVersion", "0.5.0-dev", 'must have major version 1, not "0.5.0-dev"'],

  ["root", undefined, "is required"],
  ["root", [], "must be an object, not an array"],
  ["root.path", undefined, "is required"],
  ["root.path", "", "must not be empty"],
  ["root.path", "a\u0000b", "must not contain a NUL byte"],
  ["root.readonly", "yes", 'must be true or false, not "yes"'],

  ["process", undefined, "is required"],
  ["process.args", [], "must not be empty"],
  ["process.args", undefined, "must not be empty"],
  ["process.args", "sh", 'must be an array, not "sh"'],
  ["process.args.1", 5, "must be a string, not 5"],
  ["process.args.1", null, "must be a string, not null"],
  ["process.args.1", "a\u0000", "must not contain a NUL byte"],
  ["process.env.0", "PATH", 'must be NAME=VALUE, not "PATH"'],
  ["process.env.0", "=x", 'must be NAME=VALUE, not "=x"'],
  ["process.env.0", "A=\u0000", "must not contain a NUL byte"],
  ["process.cwd", undefined, "is required"],
  ["process.cwd", "", 'must be absolute, not ""'],
  ["process.cwd", "work", 'must be absolute, not "work"'],
  ["process.terminal", 1, "must be true or false, not 1"],
  ["process.consoleSize.height", -1, "must be an integer from 0 on, not -1"],
  ["process.consoleSize.width", "80", 'must be an integer from 0 on, not "80"'],
  ["process.user.uid", -1, "must be an integer from 0 to 4294967294, not -1"],
  ["process.user.gid", 4294967295, "must be an integer from 0 to 4294967294, not 4294967295"],
  ["process.user.uid", 1.5, "must be an integer from 0 to 4294967294, not 1.5"],
  ["process.user.umask", 512, "must be an integer from 0 to 511, not 512"],
  ["process.user.additionalGids.1", "4", 'must be an integer from 0 to 4294967294, not "4"'],
  ["process.capabilities", [], "must be an object, not an array"],
  ["process.capabilities.bounding.0", 5, "must be a string, not 5"],
  [
    "process.rlimits.0.type",
    "RLIMIT_FOO",
    'must be RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_LOCKS, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO or RLIMIT_RTTIME, not "RLIMIT_FOO"',
  ],
  ["process.rlimits.0.soft", undefined, "is required"],
  ["process.rlimits.0.hard", -1, "must be an integer from 0 to 18446744073709551615, not -1"],
  [
    "process.rlimits.0.hard",
    18446744073709551616n,
    "must be an integer from 0 to 18446744073709551615, not 18446744073709551616",
  ],
  ["process.oomScoreAdj", 1001, "must be an integer from -1000 to 1000, not 1001"],
  ["process.scheduler.policy", undefined, "is required"],
  [
    "process.scheduler.policy",
    "SCHED_EXT",
    'must be SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_ISO, SCHED_IDLE or SCHED_DEADLINE, not "SCHED_EXT"',
  ],
  ["process.scheduler.nice", 2147483648, "must be an integer from -2147483648 to 2147483647, not 2147483648"],
  [
    "process.scheduler.flags.0",
    "SCHED_FLAG_X",
    'must be SCHED_FLAG_RESET_ON_FORK, SCHED_FLAG_RECLAIM, SCHED_FLAG_DL_OVERRUN, SCHED_FLAG_KEEP_POLICY, SCHED_FLAG_KEEP_PARAMS, SCHED_FLAG_UTIL_CLAMP_MIN or SCHED_FLAG_UTIL_CLAMP_MAX, not "SCHED_FLAG_X"',
  ],
  [
    "process.ioPriority.class",
    "RT",
    'must be IOPRIO_CLASS_RT, IOPRIO_CLASS_BE or IOPRIO_CLASS_IDLE, not "RT"',
  ],
  ["process.ioPriority.priority", 8, "must be an integer from 0 to 7, not 8"],
  ["process.execCPUAffinity.initial", "3-1", 'must be a list such as "0-3,7", not "3-1"'],
  ["process.execCPUAffinity.final", ",", 'must be a list such as "0-3,7", not ","'],

  ["hostname", 5, "must be a string, not 5"],

  ["mounts", {}, "must be an array, not an object"],
  ["mounts.0", null, "must be an object, not null"],
  ["mounts.3.destination", undefined, "is required"],
  ["mounts.3.destination", "", "must not be empty"],
  ["mounts.3.destination", "/a\u0000b", "must not contain a NUL byte"],
  ["mounts.3.source", "a\u0000", "must not contain a NUL byte"],
  ["mounts.3.options.0", 5, "must be a string, not 5"],
  ["mounts.7.uidMappings.0.size", 0, "must be an integer from 1 to 4294967295, not 0"],

  ["hooks.poststop.0.path", "cleanup", 'must be absolute, not "cleanup"'],
  ["hooks.poststop.0.path", undefined, "is required"],
  ["hooks.prestart.0.timeout", 0, "must be an integer from 1 to 9007199254740991, not 0"],
  ["hooks.prestart.0.timeout", -5, "must be an integer from 1 to 9007199254740991, not -5"],

  ["annotations", "x", 'must be an object, not "x"'],
  [["annotations", "com.example.key1"], 5, "must be a string, not 5", 'annotations["com.example.key1"]'],
  [["annotations", "two\nlines"], [], "must be a string, not an array", 'annotations["two\\nlines"]'],

  [
    "linux.namespaces.0.type",
    "mnt",
    'must be cgroup, ipc, mount, network, pid, time, user or uts, not "mnt"',
  ],
  ["linux.namespaces.0.type", undefined, "is required"],
  ["linux.namespaces.0.path", "ns/pid", 'must be absolute, not "ns/pid"'],
  ["linux.uidMappings.0.hostID", undefined, "is required"],
  [
    "linux.timeOffsets.monotonic.nanosecs",
    1000000000,
    "must be an integer from 0 to 999999999, not 1000000000",
  ],
  [
    "linux.timeOffsets.boottime.secs",
    9223372036854775808n,
    "must be an integer from -9223372036854775808 to 9223372036854775807, not 9223372036854775808",
  ],
  ["linux.devices.0.type", "d", 'must be b, c, u or p, not "d"'],
  ["linux.devices.0.path", "dev/fuse", 'must be absolute, not "dev/fuse"'],
  ["linux.devices.0.path", "/dev/../etc/x", 'must be without "..", not "/dev/../etc/x"'],
  ["linux.devices.0.major", 4096, "must be an integer from 0 to 4095, not 4096"],
  ["linux.devices.0.minor", -1, "must be an integer from 0 to 1048575, not -1"],
  ["linux.devices.0.fileMode", "0666", 'must be a file mode, not "0666"'],
  ["linux.netDevices.eth1.name", 23, "must be a string, not 23"],
  ["linux.cgroupsPath", "/a/../../b", 'must be without "..", not "/a/../../b"'],
  [
    "linux.rootfsPropagation",
    "sharedd",
    'must be private, rprivate, shared, rshared, slave, rslave, unbindable or runbindable, not "sharedd"',
  ],
  ["linux.maskedPaths.0", "proc/kcore", 'must be absolute, not "proc/kcore"'],
  ["linux.readonlyPaths.0", "", 'must be absolute, not ""'],
  ["linux.personality.domain", "LINUX64", 'must be LINUX or LINUX32, not "LINUX64"'],
  ["linux.personality.domain", undefined, "is required"],
  [
    ["linux", "sysctl", "net.ipv4.ip_forward"],
    1,
    "must be a string, not 1",
    'linux.sysctl["net.ipv4.ip_forward"]',
  ],
  ["linux.intelRdt.closID", "..", 'must be a single name or "/", not ".."'],
  ["linux.intelRdt.closID", "a/b", 'must be a single name or "/", not "a/b"'],
  ["linux.intelRdt.memBwSchema", "L3:0=1", 'must be something that starts with "MB:", not "L3:0=1"'],
  ["linux.intelRdt.memBwSchema", "MB:0=1\nL3:0=1", "must be one line"],
  ["linux.intelRdt.schemata.0", "a\nb", "must be one line"],
  [
    "linux.memoryPolicy.mode",
    "MPOL_X",
    'must be MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, MPOL_INTERLEAVE, MPOL_LOCAL, MPOL_PREFERRED_MANY or MPOL_WEIGHTED_INTERLEAVE, not "MPOL_X"',
  ],
  ["linux.memoryPolicy.nodes", "a-b", 'must be a list such as "0-3,7", not "a-b"'],
  [
    "linux.memoryPolicy.flags.0",
    "MPOL_F_X",
    'must be MPOL_F_NUMA_BALANCING, MPOL_F_RELATIVE_NODES or MPOL_F_STATIC_NODES, not "MPOL_F_X"',
  ],

  ["linux.resources.devices.0.allow", undefined, "is required"],
  ["linux.resources.devices.0.type", "u", 'must be a, b or c, not "u"'],
  ["linux.resources.devices.0.access", "", 'must be made of "r", "w" and "m", not ""'],
  ["linux.resources.devices.0.access", undefined, "is required"],
  ["linux.resources.devices.0.access", "rwx", 'must be made of "r", "w" and "m", not "rwx"'],
  ["linux.resources.devices.1.major", -2, "must be an integer from -1 to 4294967295, not -2"],
  ["linux.resources.memory.limit", -2, "must be an integer from -1 to 9223372036854775807, not -2"],
  ["linux.resources.memory.limit", "1g", 'must be an integer from -1 to 9223372036854775807, not "1g"'],
  ["linux.resources.memory.reservation", 1.5, "must be an integer from -1 to 9223372036854775807, not 1.5"],
  ["linux.resources.cpu.idle", 2, "must be an integer from 0 to 1, not 2"],
  ["linux.resources.cpu.shares", -1, "must be an integer from 0 to 18446744073709551615, not -1"],
  ["linux.resources.cpu.cpus", 5, "must be a string, not 5"],
  [
    "linux.resources.pids.limit",
    "5",
    'must be an integer from -9223372036854775808 to 9223372036854775807, not "5"',
  ],
  ["linux.resources.blockIO.weight", 9, "must be an integer from 10 to 1000, not 9"],
  ["linux.resources.blockIO.weightDevice.0.weight", 1001, "must be an integer from 10 to 1000, not 1001"],
  ["linux.resources.blockIO.throttleReadBpsDevice.0.rate", undefined, "is required"],
  [
    "linux.resources.hugepageLimits.0.pageSize",
    "64kB",
    'must be a size such as "64KB", "2MB" or "1GB", not "64kB"',
  ],
  ["linux.resources.network.classID", 4294967296, "must be an integer from 0 to 4294967295, not 4294967296"],
  [
    "linux.resources.rdma.mlx5_1.hcaHandles",
    "not a uint32",
    'must be an integer from 0 to 4294967295, not "not a uint32"',
  ],
  [
    ["linux", "resources", "unified", "io.max"],
    {},
    "must be a string, not an object",
    'linux.resources.unified["io.max"]',
  ],

  ["linux.seccomp.defaultAction", undefined, "is required"],
  ["linux.seccomp.syscalls.0.names", [], "must not be empty"],
  ["linux.seccomp.syscalls.0.names.1", "", "must not be empty"],
  ["linux.seccomp.syscalls.0.args.0.index", 6, "must be an integer from 0 to 5, not 6"],
  [
    "linux.seccomp.syscalls.0.args.0.op",
    "SCMP_CMP_X",
    'must be SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_LE, SCMP_CMP_LT, SCMP_CMP_MASKED_EQ or SCMP_CMP_NE, not "SCMP_CMP_X"',
  ],
];

function placeOf(at: At): string {
  const keys = typeof at === "string" ? at.split(".") : at;
  return keys
    .map((key) => (/^\d+$/.test(String(key)) ? `[${key}]` : `.${key}`))
    .join("")
    .slice(1);
}

describe("a field of the wrong type or value is refused at its place", () => {
  for (const [at, value, message, place = placeOf(at)] of rows) {
    test(`${place} = ${stringifyJson(value)}`, () => {
      expectRefused([[at, value]], place, message);
    });
  }

  test("a value that is long or has line breaks is shown short and on one line", () => {
    expectRefused(
      [["process.cwd", `a\n\u2028${"x".repeat(100)}`]],
      "process.cwd",
      `must be absolute, not "a\\n\\u2028${"x".repeat(66)}…"`,
    );
  });

  test("of several faults the first in the order of the schema is reported", () => {
    const faults: [At, Json][] = [
      ["linux.cgroupsPath", 5],
      ["process.cwd", "x"],
      ["root.path", ""],
    ];
    expectRefused(faults, "root.path", "must not be empty");
    expectRefused(faults.slice(0, 2), "process.cwd", 'must be absolute, not "x"');
  });
});
