/** Resources: what the kernel's files say after create and after update. These ask for version 2's controllers. */
import { type Case, subject } from "../case.ts";

const pause = { process: { args: ["/probe", "--pause"] } };

/** Creates a container with these resources and reads files of its cgroup, again after each update. */
function limits(
  name: string,
  controller: string,
  files: string,
  resources: object,
  updates: readonly string[] = [],
  more: Partial<Case> = {},
): Case {
  const read = `sh cd $CGROUP && for f in ${files}; do echo $f $(cat $f); done`;
  return {
    name,
    spec: "config-linux.md#control-groups",
    config: { ...pause, linux: { resources } },
    steps: ["create @", read, ...updates.flatMap((update) => [`update ${update} @`, read])],
    needs: [`${controller} controller`],
    ...more,
  };
}
const M = 1 << 20;

export const cgroups = subject("cgroups", [
  {
    name: "the path asked for",
    spec: "config-linux.md#cgroups-path",
    config: pause,
    steps: ["create @", "sh cat /proc/$PID/cgroup | grep ^0::"],
  },
  {
    name: "a path of several parts",
    spec: "config-linux.md#cgroups-path",
    config: { ...pause, linux: { cgroupsPath: "/@ID@/a/b" } },
    steps: [
      "create @",
      "sh cat /proc/$PID/cgroup | grep ^0::",
      "delete --force @",
      "sh ls -d $CGROUP $CGROUP/a; rmdir $CGROUP/a $CGROUP; true",
    ],
  },
  {
    name: "without a path",
    spec: "config-linux.md#cgroups-path",
    config: { ...pause, linux: { cgroupsPath: undefined } },
    steps: ["create @", "sh cat /proc/$PID/cgroup | grep ^0:: | sed s,.*/,,"],
  },
  {
    name: "a cgroup that has processes is refused",
    spec: "runc",
    config: pause,
    steps: ["sh mkdir $CGROUP; sleep 1000 >/dev/null 2>&1 & echo $! >$CGROUP/cgroup.procs", "create @"],
    fails: true,
    without: ["left"],
  },
  {
    name: "one that is there, empty, is used",
    spec: "config-linux.md#cgroups-path",
    config: pause,
    steps: ["sh mkdir $CGROUP", "create @", "delete @"],
  },
  {
    name: "a frozen one is refused",
    spec: "runc",
    config: pause,
    steps: ["sh mkdir $CGROUP; echo 1 > $CGROUP/cgroup.freeze", "create @"],
    fails: true,
    without: ["left"],
  },
  limits("memory: limit, reservation, swap", "memory", "memory.max memory.low memory.swap.max", {
    memory: { limit: 64 * M, reservation: 32 * M, swap: 96 * M },
  }),
  limits("memory: swap equal to the limit is none", "memory", "memory.max memory.swap.max", {
    memory: { limit: 64 * M, swap: 64 * M },
  }),
  limits("memory: unlimited", "memory", "memory.max memory.swap.max", { memory: { limit: -1 } }),
  limits("memory: unlimited swap", "memory", "memory.max memory.swap.max", {
    memory: { limit: 64 * M, swap: -1 },
  }),
  limits("memory: no limit is none", "memory", "memory.max", { memory: { limit: 0 } }),
  limits(
    "memory: swap without a limit is refused",
    "memory",
    "memory.max",
    { memory: { swap: 64 * M } },
    [],
    { steps: ["create @"], fails: true },
  ),
  limits(
    "memory: swap below the limit is refused",
    "memory",
    "memory.max",
    { memory: { limit: 64 * M, swap: 32 * M } },
    [],
    { steps: ["create @"], fails: true },
  ),
  limits(
    "memory: update of the limit and of swap",
    "memory",
    "memory.max memory.low memory.swap.max",
    { memory: { limit: 64 * M, swap: 96 * M } },
    ["--memory 32m --memory-swap 64m", "--memory-reservation 16m", "--memory -1"],
  ),
  limits("memory: update in bytes and with units", "memory", "memory.max", {}, [
    "--memory 33554432",
    "--memory 64M",
    "--memory 1g",
  ]),
  limits(
    "memory: an update that the kernel would kill for",
    "memory",
    "memory.max",
    { memory: { limit: 64 * M, checkBeforeUpdate: true } },
    ["--memory 4096"],
    { fails: true },
  ),
  limits("cpu: shares", "cpu", "cpu.weight", { cpu: { shares: 1024 } }, [
    "--cpu-share 512",
    "--cpu-share 2",
    "--cpu-share 262144",
  ]),
  limits("cpu: small shares", "cpu", "cpu.weight", { cpu: { shares: 100 } }),
  limits("cpu: quota and period", "cpu", "cpu.max", { cpu: { quota: 20000, period: 50000 } }, [
    "--cpu-quota 30000",
    "--cpu-period 60000",
    "--cpu-quota -1",
  ]),
  limits("cpu: quota only", "cpu", "cpu.max", { cpu: { quota: 20000 } }),
  limits(
    "cpu: burst",
    "cpu",
    "cpu.max cpu.max.burst",
    { cpu: { quota: 20000, period: 50000, burst: 10000 } },
    ["--cpu-burst 5000"],
  ),
  limits("cpu: idle", "cpu", "cpu.idle cpu.weight", { cpu: { idle: 1 } }, ["--cpu-idle 0"]),
  limits("cpu: a quota that the kernel refuses", "cpu", "cpu.max", { cpu: { quota: 5 } }, [], {
    steps: ["create @"],
    fails: true,
  }),
  limits("cpuset", "cpuset", "cpuset.cpus cpuset.mems", { cpu: { cpus: "0", mems: "0" } }, [
    "--cpuset-cpus 0",
  ]),
  limits("cpuset: a CPU that is not there", "cpuset", "cpuset.cpus", { cpu: { cpus: "4000" } }, [], {
    steps: ["create @"],
    fails: true,
  }),
  limits("pids", "pids", "pids.max", { pids: { limit: 20 } }, ["--pids-limit 30", "--pids-limit -1"]),
  limits("pids: unlimited", "pids", "pids.max", { pids: { limit: -1 } }),
  limits("pids: a limit of zero", "pids", "pids.max", { pids: { limit: 0 } }),
  limits("io: weight", "io", "io.weight", { blockIO: { weight: 500 } }, ["--blkio-weight 100"]),
  limits("hugetlb", "hugetlb", "hugetlb.2MB.max", { hugepageLimits: [{ pageSize: "2MB", limit: 4 * M }] }),
  limits(
    "hugetlb: a size that is not there",
    "hugetlb",
    "hugetlb.2MB.max",
    { hugepageLimits: [{ pageSize: "3MB", limit: 4 * M }] },
    [],
    { steps: ["create @"], fails: true },
  ),
  limits("unified", "memory", "memory.high pids.max", {
    unified: { "memory.high": "50000000", "pids.max": "77" },
  }),
  limits(
    "unified: a file that is not there",
    "memory",
    "memory.max",
    { unified: { "memory.nonsense": "1" } },
    [],
    { steps: ["create @"], fails: true },
  ),
  limits("unified: a name with a slash", "memory", "memory.max", { unified: { "../memory.max": "1" } }, [], {
    steps: ["create @"],
    fails: true,
  }),
  limits(
    "update --resources from a file",
    "memory",
    "memory.max pids.max cpu.weight",
    {},
    ["--resources @DIR@/resources.json"],
    {
      beside: {
        "resources.json": JSON.stringify({
          memory: { limit: 16 * M },
          pids: { limit: 9 },
          cpu: { shares: 2048 },
        }),
      },
    },
  ),
  limits("update of nothing", "memory", "memory.max pids.max", { memory: { limit: 64 * M } }, [""]),
  {
    name: "update with a value that is no number",
    spec: "runc-update(8)",
    config: pause,
    steps: ["create @", "update --memory nonsense @"],
    fails: true,
  },
  {
    name: "update of what does not exist",
    spec: "runc-update(8)",
    steps: ["update --memory 1g @"],
    fails: true,
    says: "container does not exist",
  },
  {
    name: "update with a file that is not there",
    spec: "runc-update(8)",
    config: pause,
    steps: ["create @", "update --resources @DIR@/missing @"],
    fails: true,
  },
  {
    name: "killed for memory: 137",
    spec: "runc-run(8)",
    config: {
      process: { args: ["/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"] },
      linux: { resources: { memory: { limit: 16 * M, swap: 16 * M } } },
    },
    needs: ["memory controller"],
    fails: true,
  },
  {
    name: "delete removes cgroups that were made inside",
    spec: "runtime.md#delete",
    config: pause,
    steps: ["create @", "sh mkdir -p $CGROUP/a/b", "delete @"],
  },
]);
