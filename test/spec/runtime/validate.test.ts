import { describe, expect, test } from "vitest";
import { parseResources, readConfig } from "../../../src/spec/runtime/config.ts";
import { checkResources, configChecks } from "../../../src/spec/runtime/validate.ts";
import { type At, configValue, expectRefused, type Json, refusalOf, withMember } from "./support.ts";

type Change = readonly [at: At, value: Json | undefined];
type Row = readonly [rule: string, changes: readonly Change[], place: string, message: string];

const namespaces = (configValue("full") as { linux: { namespaces: { type: string }[] } }).linux.namespaces;
/** The namespaces of the full configuration but one. */
function without(type: string): Change {
  return ["linux.namespaces", namespaces.filter((namespace) => namespace.type !== type)];
}
/** A full configuration without what needs a user namespace. */
const noUserNamespace: readonly Change[] = [
  without("user"),
  ["linux.uidMappings", []],
  ["linux.gidMappings", []],
  [["linux", "sysctl"], {}],
];
const scheduler = (value: Json): readonly Change[] => [["process.scheduler", value]];
const memory = (value: Json): readonly Change[] => [["linux.resources.memory", value]];
const sysctl = (key: string): readonly Change[] => [["linux.sysctl", { [key]: "1" }]];
const map = (...ranges: readonly (readonly [number, number, number])[]): Json =>
  ranges.map(([containerID, hostID, size]) => ({ containerID, hostID, size }));
const ranges = (n: number) => map(...Array.from({ length: n }, (_, i) => [i, i + 1000, 1] as const));

/** Each rule of configChecks with a configuration that breaks it. */
const rows: readonly Row[] = [
  ["argsPresent", [["process.args", []]], "process.args", "must not be empty"],
  [
    "rlimitsUnique",
    [["process.rlimits.1.type", "RLIMIT_CORE"]],
    "process.rlimits[1].type",
    "RLIMIT_CORE is listed twice",
  ],
  [
    "rlimitsOrdered",
    [["process.rlimits.1.soft", 5000]],
    "process.rlimits[1].soft",
    "must not be above the hard limit of 4096, is 5000",
  ],
  [
    "schedulerNice",
    scheduler({ policy: "SCHED_OTHER", nice: 20 }),
    "process.scheduler.nice",
    "must be from -20 to 19 for SCHED_OTHER, is 20",
  ],
  [
    "schedulerNice",
    scheduler({ policy: "SCHED_BATCH", nice: -21 }),
    "process.scheduler.nice",
    "must be from -20 to 19 for SCHED_BATCH, is -21",
  ],
  [
    "schedulerPriority",
    scheduler({ policy: "SCHED_FIFO" }),
    "process.scheduler.priority",
    "must be from 1 to 99 for SCHED_FIFO, is 0",
  ],
  [
    "schedulerPriority",
    scheduler({ policy: "SCHED_RR", priority: 100 }),
    "process.scheduler.priority",
    "must be from 1 to 99 for SCHED_RR, is 100",
  ],
  [
    "schedulerPriority",
    scheduler({ policy: "SCHED_IDLE", priority: 1 }),
    "process.scheduler.priority",
    "is for SCHED_FIFO and SCHED_RR only, not for SCHED_IDLE",
  ],
  [
    "schedulerDeadline",
    scheduler({ policy: "SCHED_OTHER", period: 1 }),
    "process.scheduler.period",
    "is for SCHED_DEADLINE only, not for SCHED_OTHER",
  ],
  [
    "schedulerDeadline",
    scheduler({ policy: "SCHED_DEADLINE" }),
    "process.scheduler.runtime",
    "must be above 0 for SCHED_DEADLINE",
  ],
  [
    "schedulerDeadline",
    scheduler({ policy: "SCHED_DEADLINE", runtime: 5, deadline: 4 }),
    "process.scheduler.deadline",
    "must not be below the runtime of 5, is 4",
  ],
  [
    "schedulerDeadline",
    scheduler({ policy: "SCHED_DEADLINE", runtime: 5, deadline: 6, period: 5 }),
    "process.scheduler.period",
    "must not be below the deadline of 6, is 5",
  ],

  [
    "namespacesUnique",
    [["linux.namespaces.8", { type: "pid", path: "/proc/1/ns/pid" }]],
    "linux.namespaces[8].type",
    'namespace "pid" is listed twice',
  ],
  ["utsNames", [without("uts")], "hostname", "needs a uts namespace in linux.namespaces"],
  ["utsNames", [without("uts"), ["hostname", ""]], "domainname", "needs a uts namespace in linux.namespaces"],
  ["utsNames", [["hostname", "é".repeat(33)]], "hostname", "must be at most 64 bytes, is 66"],
  [
    "timeOffsetsInOwnNamespace",
    [without("time")],
    "linux.timeOffsets",
    "needs a time namespace in linux.namespaces",
  ],
  [
    "timeOffsetsInOwnNamespace",
    [["linux.namespaces.7.path", "/run/ns/time"]],
    "linux.timeOffsets",
    "cannot be set in the existing time namespace /run/ns/time",
  ],
  [
    "restrictedPathsInMountNamespace",
    [without("mount")],
    "linux.maskedPaths",
    "needs a mount namespace in linux.namespaces",
  ],

  [
    "userNamespaceHasMaps",
    [
      ["linux.uidMappings", []],
      ["linux.gidMappings", []],
    ],
    "linux.uidMappings",
    "a new user namespace needs at least one mapping",
  ],
  [
    "userNamespaceHasMaps",
    [["linux.gidMappings", null]],
    "linux.gidMappings",
    "a new user namespace needs at least one mapping",
  ],
  [
    "mapsHaveUserNamespace",
    [without("user")],
    "linux.uidMappings",
    "needs a user namespace in linux.namespaces",
  ],
  [
    "mapsAcceptable",
    [["linux.uidMappings", map([0, 1000, 10], [9, 2000, 1])]],
    "linux.uidMappings[1].containerID",
    "range overlaps that of entry 0",
  ],
  [
    "mapsAcceptable",
    [["linux.gidMappings", map([10, 1000, 10], [0, 1009, 10])]],
    "linux.gidMappings[1].hostID",
    "range overlaps that of entry 0",
  ],
  [
    "mapsAcceptable",
    [["linux.uidMappings", map([0, 4294967290, 6])]],
    "linux.uidMappings[0].size",
    "reaches past the last id, from hostID 4294967290",
  ],
  [
    "mapsAcceptable",
    [["linux.uidMappings", ranges(341)]],
    "linux.uidMappings",
    "must have at most 340 ranges, has 341",
  ],
  ["userMapped", [["process.user.uid", 65536]], "process.user.uid", "65536 is not in linux.uidMappings"],
  ["userMapped", [["process.user.gid", 65536]], "process.user.gid", "65536 is not in linux.gidMappings"],
  [
    "userMapped",
    [["process.user.additionalGids.1", 70000]],
    "process.user.additionalGids[1]",
    "70000 is not in linux.gidMappings",
  ],
  [
    "mountMapsPaired",
    [["mounts.7.gidMappings", []]],
    "mounts[7].gidMappings",
    "uidMappings and gidMappings come together",
  ],
  [
    "mountMapsPaired",
    [["mounts.7.uidMappings", null]],
    "mounts[7].uidMappings",
    "uidMappings and gidMappings come together",
  ],
  [
    "mountMapsPaired",
    [["mounts.7.uidMappings", map([0, 1, 5], [4, 9, 5])]],
    "mounts[7].uidMappings[1].containerID",
    "range overlaps that of entry 0",
  ],
  [
    "idMappedMountHasMap",
    [...noUserNamespace, ["mounts.7.uidMappings", []], ["mounts.7.gidMappings", []]],
    "mounts[7].options[3]",
    '"idmap" needs uidMappings and gidMappings, or a user namespace',
  ],

  [
    "procKeptClear",
    [["mounts.9.destination", "/proc"]],
    "mounts[9].destination",
    "only proc can be mounted on /proc",
  ],
  [
    "procKeptClear",
    [["mounts.9.destination", "/proc/self/attr"]],
    "mounts[9].destination",
    'nothing can be mounted on "/proc/self/attr", which is inside /proc',
  ],
  [
    "procKeptClear",
    [["mounts.9.destination", "/tmp/../proc//sys/./kernel/"]],
    "mounts[9].destination",
    'nothing can be mounted on "/proc/sys/kernel", which is inside /proc',
  ],
  [
    "bindWithoutData",
    [["mounts.7.options.1", "size=5"]],
    "mounts[7].options[1]",
    '"size=5" is for a filesystem, and a bind mount makes none',
  ],
  [
    "onlyBindHasSubdir",
    [["mounts.0.options.0", "X-mount.subdir=a"]],
    "mounts[0].options[0]",
    "is for a bind mount",
  ],
  [
    "subdirOfFollowed",
    [["mounts.7.options", ["bind", "X-mount.subdir=a", "src-nofollow"]]],
    "mounts[7].options[2]",
    '"src-nofollow" and "X-mount.subdir=" exclude each other',
  ],
  ["bindHasSource", [["mounts.7.source", ""]], "mounts[7].source", "is required for a bind mount"],
  [
    "singletonsNotStacked",
    [["mounts.9", { destination: "/proc/", type: "proc", source: "proc" }]],
    "mounts[9].destination",
    'proc is already mounted on "/proc" by mounts[0]',
  ],
  [
    "singletonsNotStacked",
    [["mounts.9", { destination: "/dev/mqueue", type: "mqueue" }]],
    "mounts[9].destination",
    'mqueue is already mounted on "/dev/mqueue" by mounts[5]',
  ],

  [
    "sysctlsNamespaced",
    sysctl("kernel.panic"),
    'linux.sysctl["kernel.panic"]',
    "is a sysctl of the whole host, not of a namespace",
  ],
  [
    "sysctlsNamespaced",
    sysctl("kernel/core_pattern"),
    'linux.sysctl["kernel/core_pattern"]',
    "is a sysctl of the whole host, not of a namespace",
  ],
  [
    "sysctlsNamespaced",
    sysctl("vm.swappiness"),
    'linux.sysctl["vm.swappiness"]',
    "is a sysctl of the whole host, not of a namespace",
  ],
  [
    "sysctlsNamespaced",
    sysctl("kernel.hostname"),
    'linux.sysctl["kernel.hostname"]',
    "is set by the hostname field",
  ],
  [
    "sysctlsNamespaced",
    sysctl("net.//.kernel.core_pattern"),
    'linux.sysctl["net.//.kernel.core_pattern"]',
    "is not the name of a sysctl",
  ],
  [
    "sysctlsNamespaced",
    sysctl("net/../kernel/core_pattern"),
    'linux.sysctl["net/../kernel/core_pattern"]',
    "is not the name of a sysctl",
  ],
  ["sysctlsNamespaced", sysctl("net"), "linux.sysctl.net", "is not the name of a sysctl"],
  [
    "sysctlsNamespaced",
    [without("ipc"), ...sysctl("kernel.shmmax")],
    'linux.sysctl["kernel.shmmax"]',
    'needs a namespace of its own: "ipc" in linux.namespaces',
  ],
  [
    "sysctlsNamespaced",
    [without("ipc"), ...sysctl("fs.mqueue.msg_max")],
    'linux.sysctl["fs.mqueue.msg_max"]',
    'needs a namespace of its own: "ipc" in linux.namespaces',
  ],
  [
    "sysctlsNamespaced",
    [without("network"), ...sysctl("net.ipv4.ip_forward")],
    'linux.sysctl["net.ipv4.ip_forward"]',
    'needs a namespace of its own: "network" in linux.namespaces',
  ],
  [
    "sysctlsNamespaced",
    [...noUserNamespace, ...sysctl("user.max_user_namespaces")],
    'linux.sysctl["user.max_user_namespaces"]',
    'needs a namespace of its own: "user" in linux.namespaces',
  ],
  [
    "sysctlsNamespaced",
    [without("uts"), ["hostname", ""], ["domainname", ""], ...sysctl("kernel.domainname")],
    'linux.sysctl["kernel.domainname"]',
    'needs a namespace of its own: "uts" in linux.namespaces',
  ],

  [
    "netDevicesInOwnNamespace",
    [without("network"), ["linux.sysctl", {}]],
    "linux.netDevices",
    "needs a network namespace in linux.namespaces",
  ],
  ...["", ".", "..", "a/b", "a:b", "a b", "a\tb", "sixteen-bytes-xx", "é".repeat(8)].map(
    (name): Row => [
      "netDeviceNames",
      [["linux.netDevices", { [name]: {} }]],
      `linux.netDevices${name === "" || !/^[A-Za-z_][\w-]*$/.test(name) ? `[${JSON.stringify(name)}]` : `.${name}`}`,
      `${JSON.stringify(name)} is not the name of a network device`,
    ],
  ),
  [
    "netDeviceNames",
    [["linux.netDevices.eth1.name", "a/b"]],
    "linux.netDevices.eth1.name",
    '"a/b" is not the name of a network device',
  ],
  [
    "netDeviceNames",
    [["linux.netDevices.eth1.name", "ens4"]],
    "linux.netDevices.ens4.name",
    '"ens4" is also the name for "eth1"',
  ],

  [
    "weightDevicesHaveWeight",
    [["linux.resources.blockIO.weightDevice.1.weight", null]],
    "linux.resources.blockIO.weightDevice[1]",
    "needs a weight or a leafWeight",
  ],
  [
    "rdmaHasLimit",
    [["linux.resources.rdma.rxe3", {}]],
    "linux.resources.rdma.rxe3",
    "needs hcaHandles or hcaObjects",
  ],
  ...["../memory.max", "", ".", ".."].map(
    (key): Row => [
      "unifiedKeysAreFiles",
      [["linux.resources.unified", { [key]: "1" }]],
      `linux.resources.unified[${JSON.stringify(key)}]`,
      'must be the name of a file, without "/"',
    ],
  ),
  ["swapAboveMemory", memory({ swap: 1024 }), "linux.resources.memory.swap", "needs a memory limit"],
  [
    "swapAboveMemory",
    memory({ limit: -1, swap: 1024 }),
    "linux.resources.memory.swap",
    "needs a memory limit",
  ],
  [
    "swapAboveMemory",
    memory({ limit: 2048, swap: 1024 }),
    "linux.resources.memory.swap",
    "is memory plus swap, and must not be below the memory limit of 2048, is 1024",
  ],
  [
    "burstWithinQuota",
    [["linux.resources.cpu.burst", 1000001]],
    "linux.resources.cpu.burst",
    "must not be above the quota of 1000000, is 1000001",
  ],

  [
    "memoryPolicyNodes",
    [["linux.memoryPolicy.nodes", ""]],
    "linux.memoryPolicy.nodes",
    "is required for MPOL_INTERLEAVE",
  ],
  [
    "memoryPolicyNodes",
    [["linux.memoryPolicy.mode", "MPOL_LOCAL"]],
    "linux.memoryPolicy.nodes",
    "must be absent for MPOL_LOCAL",
  ],
  [
    "memoryPolicyFlags",
    [["linux.memoryPolicy.flags.1", "MPOL_F_RELATIVE_NODES"]],
    "linux.memoryPolicy.flags",
    "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other",
  ],

  [
    "errnoFitsAction",
    [["linux.seccomp.defaultErrnoRet", 1]],
    "linux.seccomp.defaultErrnoRet",
    "is for SCMP_ACT_ERRNO and SCMP_ACT_TRACE only, not for SCMP_ACT_NOTIFY",
  ],
  [
    "errnoFitsAction",
    [["linux.seccomp.syscalls.0.action", "SCMP_ACT_KILL"]],
    "linux.seccomp.syscalls[0].errnoRet",
    "is for SCMP_ACT_ERRNO and SCMP_ACT_TRACE only, not for SCMP_ACT_KILL",
  ],
  [
    "metadataHasListener",
    [["linux.seccomp.listenerPath", ""]],
    "linux.seccomp.listenerMetadata",
    "needs listenerPath",
  ],
];

describe("sections that do not fit together are refused", () => {
  test.each(rows)("%s: %j", (_rule, changes, place, message) => {
    expectRefused(changes, place, message);
  });

  test("every rule has a configuration that breaks it", () => {
    expect([...new Set(rows.map(([rule]) => rule))].sort()).toEqual(Object.keys(configChecks).sort());
  });
});

describe("sections that do fit together are taken", () => {
  const accepted: readonly (readonly [string, readonly Change[]])[] = [
    ["a hostname in a joined uts namespace", [["linux.namespaces.3.path", "/run/ns/uts"]]],
    [
      "a joined user namespace without mappings",
      [
        ["linux.namespaces.5.path", "/run/ns/user"],
        ["linux.uidMappings", []],
        ["linux.gidMappings", []],
      ],
    ],
    [
      "a joined user namespace with the mappings it has, as containerd writes them",
      [["linux.namespaces.5.path", "/run/ns/user"]],
    ],
    [
      "a joined time namespace without offsets",
      [
        ["linux.namespaces.7.path", "/run/ns/time"],
        ["linux.timeOffsets", {}],
      ],
    ],
    ["unlimited swap without a memory limit", memory({ swap: -1 })],
    ["swap equal to the memory limit", memory({ limit: 1024, swap: 1024 })],
    ["a swap limit beyond 2^53", memory({ limit: 9223372036854771711n, swap: 9223372036854771712n })],
    ["a full deadline", scheduler({ policy: "SCHED_DEADLINE", runtime: 10, deadline: 20, period: 30 })],
    ["a deadline without period", scheduler({ policy: "SCHED_DEADLINE", runtime: 10, deadline: 10 })],
    ["MPOL_PREFERRED with and without nodes", [["linux.memoryPolicy", { mode: "MPOL_PREFERRED" }]]],
    [
      "a bind mount on /proc",
      [["mounts.0", { destination: "/proc", type: "bind", source: "/proc", options: ["rbind"] }]],
    ],
    [
      "proc mounted over something else on /proc",
      [
        ["mounts.9", { destination: "/proc", type: "bind", source: "/proc", options: ["rbind"] }],
        ["mounts.10", { destination: "/proc", type: "proc" }],
      ],
    ],
    ["a remount of proc", [["mounts.9", { destination: "/proc", type: "proc", options: ["remount", "ro"] }]]],
    [
      "idmap with the mappings of the user namespace",
      [
        ["mounts.7.uidMappings", []],
        ["mounts.7.gidMappings", []],
      ],
    ],
    [
      "an idmapped mount of something other than a directory tree",
      [["mounts.9", { destination: "/t", type: "tmpfs", options: ["idmap"] }]],
    ],
    ["a sysctl of a device with a dot in its name", sysctl("net.ipv4.conf.eth0/100.rp_filter")],
    ["a range up to the last id", [["linux.uidMappings", map([0, 1, 4294967294])]]],
    ["340 ranges", [["linux.uidMappings", ranges(340)]]],
  ];
  test.each(accepted)("%s", (_what, changes) => {
    const value = changes.reduce(
      (config, [at, replacement]) => withMember(config, at, replacement),
      configValue("full"),
    );
    expect(readConfig(value, "config.json").root.path).toBe("rootfs");
  });
});

describe("checkResources", () => {
  test("says after a merge what parseResources could not", () => {
    const resources = parseResources('{"memory":{"swap":1024}}', "-");
    const error = refusalOf(() => checkResources(resources, { where: "resources", operation: "update" }));
    expect(error).toMatchObject({
      kind: "InvalidArgument",
      site: { operation: "update", subject: "resources: memory.swap" },
    });
  });
});
