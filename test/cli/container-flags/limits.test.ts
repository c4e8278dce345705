import { describe, expect, test } from "vitest";
import { read, requestOf } from "./request.ts";

describe("sizes", () => {
  test.each([
    ["6291456", 6291456],
    ["512m", 512 * 2 ** 20],
    ["512M", 512 * 2 ** 20],
    ["512mb", 512 * 2 ** 20],
    ["512MiB", 512 * 2 ** 20],
    ["1.5g", 1.5 * 2 ** 30],
    ["1 g", 2 ** 30],
    ["100k", 102_400],
    ["10000000b", 10_000_000],
  ])("--memory %s", async (text, memory) => {
    expect((await requestOf("-m", text)).resources.memory).toBe(memory);
  });

  test.each(["", "m", "1q", "-1", "1e9", "0x10", "1mm", "99999999999t"])(
    "--memory %j is refused",
    async (text) => {
      await expect(read([`--memory=${text}`])).rejects.toThrow(
        expect.objectContaining({ kind: "InvalidArgument", message: expect.stringMatching(/^--memory "/) }),
      );
    },
  );

  test("0 says nothing, as in docker", async () => {
    expect((await requestOf("-m", "0", "--cpus", "0", "--cpu-shares", "0")).resources).toMatchObject({
      memory: undefined,
      cpus: undefined,
      cpuShares: undefined,
    });
  });
});

describe("resources", () => {
  test("each flag has its place", async () => {
    const { resources } = await requestOf(
      ...["--memory-swap", "-1", "--memory-reservation", "100m", "--cpus", "1.5", "-c", "512"],
      ...["--cpuset-cpus", "0-2,4", "--cpuset-mems", "0", "--blkio-weight", "300", "--oom-score-adj", "-5"],
      ...["--cgroup-parent", "/mine", "--cgroup-conf", "memory.high=1000000"],
      ...["--device-read-bps", "/dev/sda:1m", "--device-write-iops", "/dev/sda:100"],
    );
    expect(resources).toMatchObject({
      memorySwap: -1,
      memoryReservation: 100 * 2 ** 20,
      cpus: 1.5,
      cpuShares: 512,
      cpusetCpus: "0-2,4",
      cpusetMems: "0",
      blkioWeight: 300,
      oomScoreAdj: -5,
      cgroupParent: "/mine",
      unified: { "memory.high": "1000000" },
      blkio: [
        { path: "/dev/sda", rate: 2 ** 20, kind: "readBps" },
        { path: "/dev/sda", rate: 100, kind: "writeIops" },
      ],
    });
  });

  test.each([
    ["0", -1],
    ["-1", -1],
    ["100", 100],
  ])("--pids-limit %s is %d", async (text, pids) => {
    expect((await requestOf("--pids-limit", text)).resources.pids).toBe(pids);
  });

  test.each([
    [["--cpus", "x"], '--cpus "x": not a number of processors'],
    [["--cpus", "0.001"], '--cpus "0.001": less than 0.01'],
    [["--cpu-period", "10"], '--cpu-period "10": less than 1000'],
    [["--cpu-period", "2000000"], '--cpu-period "2000000": not between 0 and 1000000'],
    [["--cpu-quota", "500"], '--cpu-quota "500": less than 1000'],
    [["--cpuset-cpus", "0-"], '--cpuset-cpus "0-": not a list like "0-3,5"'],
    [["--pids-limit", "-2"], '--pids-limit "-2": less than -1'],
    [["--blkio-weight", "5"], '--blkio-weight "5": less than 10'],
    [["--oom-score-adj", "1001"], '--oom-score-adj "1001": not between -1000 and 1000'],
    [["--device-read-bps", "sda:1m"], '--device-read-bps "sda:1m": not <device below /dev>:<rate>'],
    [["--cgroup-conf", "x"], '--cgroup-conf "x": not <file>=<value>'],
    [["--cgroup-conf", "../x.y=1"], '--cgroup-conf "../x.y=1": not <file>=<value>'],
  ])("%j is refused", async (args, message) => {
    await expect(read(args)).rejects.toThrow(message);
  });
});

describe("--ulimit name=soft[:hard]", () => {
  test.each([
    ["nofile=1024:4096", { nofile: { soft: 1024, hard: 4096 } }],
    ["nofile=1024", { nofile: { soft: 1024, hard: 1024 } }],
    ["core=-1", { core: { soft: -1, hard: -1 } }],
    ["memlock=0:unlimited", { memlock: { soft: 0, hard: -1 } }],
    ["RLIMIT_NPROC=5", { nproc: { soft: 5, hard: 5 } }],
  ])("%s", async (text, ulimits) => {
    expect((await requestOf("--ulimit", text)).ulimits).toEqual(ulimits);
  });

  test.each([
    ["files=1", 'no limit is called "files"'],
    ["nofile", "not name=soft[:hard]"],
    ["nofile=a", "not name=soft[:hard]"],
    ["nofile=5:4", "the soft limit is above the hard one"],
    ["nofile=-1:4", "the soft limit is above the hard one"],
  ])("%j is refused", async (text, why) => {
    await expect(read(["--ulimit", text])).rejects.toThrow(`--ulimit ${JSON.stringify(text)}: ${why}`);
  });
});

describe("--sysctl name=value: what a namespace has a copy of", () => {
  test("net.*, kernel.shm*, fs.mqueue.*, and with slashes", async () => {
    const args = ["net.ipv4.ip_forward=1", "kernel.shmmax=5", "fs.mqueue.msg_max=9", "net/core/somaxconn=7"];
    expect((await requestOf(...args.flatMap((text) => ["--sysctl", text]))).sysctls).toEqual({
      "net.ipv4.ip_forward": "1",
      "kernel.shmmax": "5",
      "fs.mqueue.msg_max": "9",
      "net.core.somaxconn": "7",
    });
  });

  test.each([
    [["--sysctl", "kernel.panic=1"], "kernel.panic is not allowed: it is the whole machine's"],
    [["--sysctl", "net.x"], '--sysctl "net.x": not name=value'],
    [["--network", "host", "--sysctl", "net.x=1"], "net.x is not allowed in the host's network namespace"],
    [
      ["--ipc", "host", "--sysctl", "kernel.shmmax=1"],
      "kernel.shmmax is not allowed in the host's ipc namespace",
    ],
  ])("%j is refused", async (args, message) => {
    await expect(read(args)).rejects.toThrow(message);
  });
});
