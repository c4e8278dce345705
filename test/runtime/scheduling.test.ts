import { describe, expect } from "vitest";
import { aContainer, probeIn, refusal, runBundle } from "../support/container.ts";
import { asRoot, needs } from "../support/needs.ts";

describe("process.scheduler — runtime-spec config.md#linux-process", () => {
  const policies = { SCHED_OTHER: 0, SCHED_FIFO: 1, SCHED_RR: 2, SCHED_BATCH: 3, SCHED_IDLE: 5 } as const;

  for (const policy of ["SCHED_OTHER", "SCHED_BATCH"] as const) {
    asRoot(`${policy} with a nice value`, async () => {
      const report = await probeIn({ process: { scheduler: { policy, nice: 7 } } });
      expect(report.scheduler).toMatchObject({ policy: policies[policy], nice: 7, priority: 0 });
    });
  }

  asRoot("SCHED_IDLE", async () => {
    expect((await probeIn({ process: { scheduler: { policy: "SCHED_IDLE" } } })).scheduler.policy).toBe(5);
  });

  for (const policy of ["SCHED_FIFO", "SCHED_RR"] as const) {
    asRoot(`${policy} with a priority`, async (context) => {
      const outcome = await probeIn({ process: { scheduler: { policy, priority: 3 } } }).catch(
        (error: unknown) => error,
      );
      // A kernel with RT_GROUP_SCHED gives a new cgroup no real-time at all.
      context.skip(
        outcome instanceof Error && /EPERM|not permitted/.test(outcome.message),
        "needs real-time scheduling in cgroups",
      );
      expect(outcome).toMatchObject({ scheduler: { policy: policies[policy], priority: 3 } });
    });
  }

  asRoot("flags", async () => {
    const scheduler = { policy: "SCHED_OTHER", nice: 1, flags: ["SCHED_FLAG_RESET_ON_FORK"] };
    expect((await probeIn({ process: { scheduler } })).scheduler.flags & 1).toBe(1);
  });

  asRoot("exec has it too", async () => {
    await using c = await aContainer({
      config: { process: { scheduler: { policy: "SCHED_BATCH", nice: 5 } } },
    });
    expect((await c.probe()).scheduler).toMatchObject({ policy: 3, nice: 5 });
  });

  asRoot("a policy that does not exist: InvalidArgument", async () => {
    const error = await refusal({ process: { scheduler: { policy: "SCHED_NONSENSE" } } });
    expect(error).toMatchObject({ kind: "InvalidArgument" });
    expect(error.message).toMatch(/process\.scheduler\.policy/);
  });

  asRoot("what the kernel does not take: an error that names it", async () => {
    const error = await refusal({
      process: { scheduler: { policy: "SCHED_DEADLINE", runtime: 10, deadline: 5, period: 1 } },
    });
    expect(error).toMatchObject({
      name: "RuntError",
      site: { subject: expect.stringMatching(/process\.scheduler/) },
    });
  });
});

describe("process.ioPriority — runtime-spec config.md#linux-process", () => {
  for (const [name, number] of [
    ["IOPRIO_CLASS_RT", 1],
    ["IOPRIO_CLASS_BE", 2],
    ["IOPRIO_CLASS_IDLE", 3],
  ] as const) {
    asRoot(name, async () => {
      const report = await probeIn({ process: { ioPriority: { class: name, priority: 5 } } });
      expect(report.ioprio).toBe((number << 13) | 5);
    });
  }

  asRoot("a class that does not exist, a priority above 7: InvalidArgument", async () => {
    expect(
      await refusal({ process: { ioPriority: { class: "IOPRIO_CLASS_X", priority: 1 } } }),
    ).toMatchObject({ kind: "InvalidArgument" });
    expect(
      await refusal({ process: { ioPriority: { class: "IOPRIO_CLASS_BE", priority: 8 } } }),
    ).toMatchObject({ kind: "InvalidArgument" });
  });
});

describe("process.execCPUAffinity — runtime-spec config.md#linux-process", () => {
  const several = needs("root", "cgroup2", "two CPUs");

  several("final is where a process of exec runs; init is not concerned", async () => {
    await using c = await aContainer({
      config: { process: { execCPUAffinity: { initial: "0-1", final: "1" } } },
    });
    expect((await c.probe()).cpus).toEqual([1]);
    expect(c.proc("status")).toMatch(/^Cpus_allowed_list:\t0-\d+$/m);
  });

  // Who enters a cgroup with a cpuset runs on all CPUs of that.
  needs(
    "root",
    "cgroup2",
    "two CPUs",
    "no cpuset controller",
  )("initial alone stays, unless a cpuset says otherwise", async () => {
    await using c = await aContainer({ config: { process: { execCPUAffinity: { initial: "0" } } } });
    expect((await c.probe()).cpus).toEqual([0]);
  });

  asRoot("what is no list of CPUs: InvalidArgument", async () => {
    const error = await refusal({ process: { execCPUAffinity: { initial: "one" } } });
    expect(error).toMatchObject({ kind: "InvalidArgument" });
    expect(error.message).toMatch(/execCPUAffinity/);
  });
});

describe("linux.memoryPolicy — runtime-spec config-linux.md#memory-policy", () => {
  const numa = needs("root", "cgroup2", "numa");
  const modes = { MPOL_PREFERRED: 1, MPOL_BIND: 2, MPOL_INTERLEAVE: 3 };

  for (const [mode, number] of Object.entries(modes)) {
    numa(`${mode} on node 0`, async () => {
      const report = await probeIn({ linux: { memoryPolicy: { mode, nodes: "0" } } });
      expect(report.mempolicy).toEqual({ mode: number, nodes: 1 });
    });
  }

  numa("flags go with the mode", async () => {
    const report = await probeIn({
      linux: { memoryPolicy: { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] } },
    });
    expect(report.mempolicy!.mode).toBe(2 | (1 << 15));
  });

  asRoot("a mode that does not exist: InvalidArgument", async () => {
    expect(await refusal({ linux: { memoryPolicy: { mode: "MPOL_NONSENSE", nodes: "0" } } })).toMatchObject({
      kind: "InvalidArgument",
    });
  });
});

describe("linux.personality — runtime-spec config-linux.md#personality", () => {
  asRoot("LINUX", async () => {
    expect((await probeIn({ linux: { personality: { domain: "LINUX" } } })).personality).toBe(0);
  });

  asRoot("LINUX32: uname(2) tells of a 32-bit machine", async () => {
    const report = await probeIn({ linux: { personality: { domain: "LINUX32" } } });
    expect(report.personality).toBe(8);
    expect(report.machine).toMatch(/^(i686|armv8l|armv7l)$/);
  });

  asRoot("another: InvalidArgument", async () => {
    expect(await refusal({ linux: { personality: { domain: "BSD" } } })).toMatchObject({
      kind: "InvalidArgument",
    });
  });
});

describe("linux.sysctl — runtime-spec config-linux.md#sysctl", () => {
  const read = async (sysctl: Record<string, string>, file: string): Promise<string> =>
    (await runBundle({ process: { args: ["cat", `/proc/sys/${file}`] }, linux: { sysctl } })).stdout.trim();

  for (const [key, value, file] of [
    ["net.ipv4.ip_forward", "1", "net/ipv4/ip_forward"],
    ["net/ipv4/ip_forward", "1", "net/ipv4/ip_forward"],
    ["net.ipv4.conf.lo.forwarding", "1", "net/ipv4/conf/lo/forwarding"],
    ["kernel.msgmax", "4096", "kernel/msgmax"],
    ["kernel.shmmni", "99", "kernel/shmmni"],
    ["fs.mqueue.msg_max", "20", "fs/mqueue/msg_max"],
    ["kernel.domainname", "example.com", "kernel/domainname"],
  ] as const) {
    asRoot(`${key} in the namespace that it belongs to`, async () => {
      expect(await read({ [key]: value }, file)).toBe(value);
    });
  }

  asRoot("the host's own stays as it was", async () => {
    const { readFileSync } = await import("node:fs");
    const before = readFileSync("/proc/sys/kernel/msgmax", "latin1");
    await read({ "kernel.msgmax": "4097" }, "kernel/msgmax");
    expect(readFileSync("/proc/sys/kernel/msgmax", "latin1")).toBe(before);
  });

  asRoot("is written although /proc/sys is read-only later", async () => {
    const report = await probeIn(
      { linux: { sysctl: { "net.ipv4.ip_forward": "1" }, readonlyPaths: ["/proc/sys"] } },
      ["/proc/sys/net/ipv4/ip_forward"],
    );
    expect(report.paths["/proc/sys/net/ipv4/ip_forward"]).toMatchObject({ content: "1\n", write: -30 });
  });

  for (const [key, without] of [
    ["net.ipv4.ip_forward", "network"],
    ["kernel.shmmax", "ipc"],
    ["fs.mqueue.msg_max", "ipc"],
    ["kernel.domainname", "uts"],
  ] as const) {
    asRoot(`${key} without a ${without} namespace of its own: InvalidArgument`, async () => {
      const { namespaces, usualNamespaces } = await import("../support/bundle.ts");
      const others = usualNamespaces.filter((type) => type !== without);
      const error = await refusal({
        hostname: undefined,
        linux: { namespaces: namespaces(...others), sysctl: { [key]: "1" } },
      });
      expect(error).toMatchObject({ kind: "InvalidArgument" });
      expect(error.message).toMatch(/sysctl/);
    });
  }

  for (const key of ["kernel.hostname", "kernel.panic", "vm.swappiness", "fs.file-max"]) {
    asRoot(`${key} belongs to no namespace, or has a field of its own: InvalidArgument`, async () => {
      expect(await refusal({ linux: { sysctl: { [key]: "1" } } })).toMatchObject({ kind: "InvalidArgument" });
    });
  }

  asRoot("a value that the kernel refuses: an error that names the key", async () => {
    const error = await refusal({ linux: { sysctl: { "net.ipv4.ip_forward": "nonsense" } } });
    expect(error).toMatchObject({ name: "RuntError" });
    expect(error.message).toMatch(/net[./]ipv4[./]ip_forward/);
  });

  asRoot("a key that the kernel has not: an error that names it", async () => {
    const error = await refusal({ linux: { sysctl: { "net.nonsense": "1" } } });
    expect(error).toMatchObject({ kind: "NotFound" });
    expect(error.message).toMatch(/net[./]nonsense/);
  });
});
