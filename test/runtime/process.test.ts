import { execFileSync } from "node:child_process";
import { describe, expect } from "vitest";
import type { Json } from "../support/bundle.ts";
import { aContainer, probeIn, refusal, runBundle } from "../support/container.ts";
import { asRoot, needs } from "../support/needs.ts";

describe("process.args — runtime-spec config.md#process", () => {
  asRoot("reach the program as they are", async () => {
    const args = ["", "two words", 'quotes " and \\', "ünïcode", "$HOME"];
    expect((await probeIn({}, args)).args).toEqual(["/probe", ...args]);
  });

  asRoot("a name without a slash is looked for in the container's PATH", async () => {
    const { stdout } = await runBundle({ process: { args: ["echo", "found"], env: ["PATH=/none:/bin"] } });
    expect(stdout).toBe("found\n");
  });

  asRoot("argv[0] stays what the config says", async () => {
    const { stdout } = await runBundle({ process: { args: ["cat", "/proc/self/cmdline"] } });
    expect(stdout).toBe("cat\0/proc/self/cmdline\0");
  });

  asRoot("a relative path is read from cwd", async () => {
    const { stdout } = await runBundle({ process: { args: ["./echo", "here"], cwd: "/bin" } });
    expect(stdout).toBe("here\n");
  });

  asRoot("the exit status is the program's", async () => {
    expect((await runBundle({ process: { args: ["/probe", "--exit", "37"] } })).status).toEqual({
      exited: 37,
    });
  });

  asRoot("a signal's name tells of a death by one", async () => {
    const { status } = await runBundle({ process: { args: ["sh", "-c", "sh -c 'kill -9 $$'; exit $?"] } });
    expect(status).toEqual({ exited: 137 });
    const c = await aContainer();
    await using _c = c;
    await c.kill(9);
    await c.becomes("stopped");
  });

  asRoot("a name that is nowhere in PATH: create fails with runc's words", async () => {
    const error = await refusal({ process: { args: ["no-such-program"], env: ["PATH=/bin:/usr/bin"] } });
    expect(error).toMatchObject({
      kind: "NotFound",
      site: { subject: "config.json: process.args", code: "ENOENT" },
    });
    expect(error.message).toBe(
      'unable to start container process: exec: "no-such-program": executable file not found in $PATH',
    );
  });

  asRoot("without PATH nothing is found", async () => {
    const error = await refusal({ process: { args: ["echo"], env: [] } });
    expect(error.message).toMatch(/exec: "echo": executable file not found in \$PATH/);
  });

  asRoot("a path that is not there", async () => {
    const error = await refusal({ process: { args: ["/x"] } });
    expect(error).toMatchObject({ kind: "NotFound", site: { code: "ENOENT" } });
    expect(error.message).toMatch(/exec:? "?\/x"?: (stat \/x: )?no such file or directory/);
  });

  asRoot("a file that is not executable", async () => {
    const error = await refusal({ process: { args: ["/etc/plain"] } }, { files: { "etc/plain": "text" } });
    expect(error).toMatchObject({ kind: "PermissionDenied", site: { code: "EACCES" } });
    expect(error.message).toMatch(/permission denied/);
  });

  asRoot("a directory", async () => {
    const error = await refusal({ process: { args: ["/etc"] } });
    expect(error).toMatchObject({
      kind: "InvalidArgument",
      site: { subject: "config.json: process.args", code: "EISDIR" },
    });
    expect(error.message).toMatch(/is a directory/);
  });

  asRoot("a file that is no program: start says so", async () => {
    const error = await refusal(
      { process: { args: ["/etc/garbage"] } },
      {
        files: { "etc/garbage": "\0\0\0garbage" },
        prepare: (b) => void execFileSync("chmod", ["755", `${b.rootfs}/etc/garbage`]),
      },
    );
    expect(error).toMatchObject({ name: "RuntError", site: { syscall: "execve", code: "ENOEXEC" } });
    expect(error.message).toMatch(/exec format error/);
  });

  asRoot("none at all: InvalidArgument", async () => {
    expect(await refusal({ process: { args: [] } })).toMatchObject({ kind: "InvalidArgument" });
  });
});

describe("process.env — runtime-spec config.md#process", () => {
  asRoot("is the whole environment", async () => {
    const report = await probeIn({
      process: { env: ["PATH=/bin", "HOME=/h", "EMPTY=", "WITH=a=b", "LONG WORD=x"] },
    });
    expect(report.env).toEqual(["PATH=/bin", "HOME=/h", "EMPTY=", "WITH=a=b", "LONG WORD=x"]);
  });

  asRoot("a name that comes twice: the last one counts", async () => {
    const report = await probeIn({ process: { env: ["PATH=/bin", "HOME=/h", "A=1", "B=2", "A=3"] } });
    expect(report.env.filter((entry) => entry.startsWith("A="))).toEqual(["A=3"]);
  });

  const passwd = "root:x:0:0::/root-home:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n";
  for (const [uid, home] of [
    [0, "/root-home"],
    [1000, "/home/user"],
    [4711, "/"],
  ] as const) {
    asRoot(`without HOME, user ${uid} gets ${home}`, async () => {
      const report = await probeIn({ process: { user: { uid, gid: uid } } }, [], {
        files: { "etc/passwd": passwd },
      });
      expect(report.env).toContain(`HOME=${home}`);
    });
  }

  asRoot("a passwd that is a link out of the rootfs is not followed", async () => {
    const report = await probeIn({ process: { user: { uid: 0, gid: 0 } } }, [], {
      links: { "etc/passwd": "/../../../../../etc/passwd" },
    });
    expect(report.env).toContain("HOME=/");
  });
});

describe("process.cwd — runtime-spec config.md#process", () => {
  asRoot("is where the program begins", async () => {
    expect((await probeIn({ process: { cwd: "/tmp" } })).cwd).toBe("/tmp");
  });

  asRoot("is made where it is missing, as root's, 0755", async () => {
    const report = await probeIn(
      { process: { cwd: "/srv/app", user: { uid: 1000, gid: 1000, umask: 0o077 } } },
      ["/srv/app", "/srv"],
    );
    expect(report.cwd).toBe("/srv/app");
    expect(report.paths["/srv/app"]).toMatchObject({ type: "d", mode: 0o755, uid: 0 });
  });

  asRoot("through a link", async () => {
    expect((await probeIn({ process: { cwd: "/link" } }, [], { links: { link: "tmp" } })).cwd).toBe("/tmp");
  });

  asRoot("that only its user may enter", async () => {
    const report = await probeIn({ process: { cwd: "/home/me", user: { uid: 1000, gid: 1000 } } }, [], {
      files: { "home/me/": "" },
      prepare: (b) =>
        void execFileSync("sh", [
          "-c",
          `chown 1000:1000 '${b.rootfs}/home/me' && chmod 700 '${b.rootfs}/home/me'`,
        ]),
    });
    expect(report.cwd).toBe("/home/me");
  });

  asRoot("that its user may not enter: root has entered it for him, as runc's does", async () => {
    const report = await probeIn(
      { process: { cwd: "/home/other", user: { uid: 1000, gid: 1000 } } },
      ["/home/other"],
      {
        files: { "home/other/": "" },
        prepare: (b) => void execFileSync("chmod", ["700", `${b.rootfs}/home/other`]),
      },
    );
    expect(report.cwd).toBe("/home/other");
    expect(report.paths["/home/other"]!.read).toBe(-13);
  });

  asRoot("that is a file: refused", async () => {
    const error = await refusal({ process: { cwd: "/etc/file" } }, { files: { "etc/file": "" } });
    expect(error).toMatchObject({
      name: "RuntError",
      site: { subject: "config.json: process.cwd", code: "ENOTDIR" },
    });
  });

  asRoot("through an fd of the runtime: never outside of the container (CVE-2024-21626)", async () => {
    for (let fd = 3; fd < 16; fd++) {
      const outcome = await probeIn({ process: { cwd: `/proc/self/fd/${fd}` } }).catch(
        (error: Error) => error,
      );
      // One that is of the container itself may be gone to, but its path must say so.
      if (outcome instanceof Error)
        expect(outcome).toMatchObject({ name: "RuntError", site: { subject: "config.json: process.cwd" } });
      else expect(outcome.cwd).toMatch(/^\//);
    }
  });

  asRoot("a relative one: InvalidArgument", async () => {
    expect(await refusal({ process: { cwd: "tmp" } })).toMatchObject({ kind: "InvalidArgument" });
  });
});

describe("process.user — runtime-spec config.md#posix-platform-user", () => {
  asRoot("uid and gid, real, effective and saved", async () => {
    const report = await probeIn({ process: { user: { uid: 1000, gid: 1001 } } });
    expect(report).toMatchObject({ uid: 1000, euid: 1000, suid: 1000, gid: 1001, egid: 1001, sgid: 1001 });
  });

  asRoot("additionalGids are all groups that it has", async () => {
    const report = await probeIn({
      process: { user: { uid: 1000, gid: 1001, additionalGids: [5, 50, 500] } },
    });
    expect(report.groups).toEqual([5, 50, 500]);
  });

  asRoot("without additionalGids it has none", async () => {
    expect((await probeIn()).groups).toEqual([]);
  });

  asRoot("umask", async () => {
    expect((await probeIn({ process: { user: { uid: 0, gid: 0, umask: 0o027 } } })).umask).toBe(0o027);
  });

  asRoot("umask is 0022 unless said", async () => {
    expect((await probeIn()).umask).toBe(0o022);
  });

  asRoot("a uid that the user namespace does not map: refused", async () => {
    const { withUserns } = await import("./userns.ts");
    const error = await refusal({ ...withUserns(), process: { user: { uid: 70000, gid: 0 } } });
    expect(error).toMatchObject({ name: "RuntError" });
    expect((error as Error & { site: { subject?: string } }).site.subject).toMatch(/process\.user/);
  });
});

describe("process.rlimits — runtime-spec config.md#posix-process", () => {
  const all = [
    ["RLIMIT_AS", 2 ** 36, 2 ** 37],
    ["RLIMIT_CORE", 1024, 2048],
    ["RLIMIT_CPU", 100, 200],
    ["RLIMIT_DATA", 2 ** 33, 2 ** 34],
    ["RLIMIT_FSIZE", 2 ** 20, 2 ** 21],
    ["RLIMIT_LOCKS", 10, 20],
    ["RLIMIT_MEMLOCK", 4096, 8192],
    ["RLIMIT_MSGQUEUE", 4096, 8192],
    ["RLIMIT_NICE", 0, 0],
    ["RLIMIT_NOFILE", 64, 128],
    ["RLIMIT_NPROC", 1000, 2000],
    ["RLIMIT_RSS", 2 ** 30, 2 ** 31],
    ["RLIMIT_RTPRIO", 0, 0],
    ["RLIMIT_RTTIME", 1000000, 2000000],
    ["RLIMIT_SIGPENDING", 100, 200],
    ["RLIMIT_STACK", 2 ** 20, 2 ** 21],
  ] as const;

  asRoot("every kind there is", async () => {
    const rlimits = all.map(([type, soft, hard]) => ({ type, soft, hard }));
    const report = await probeIn({ process: { rlimits } });
    expect(report.rlimits).toEqual(
      Object.fromEntries(all.map(([type, soft, hard]) => [type, { soft, hard }])),
    );
  });

  asRoot("2^64−1 is infinity", async () => {
    const { stdout } = await runBundle(
      {},
      {
        prepare: async (bundle) => {
          // JSON.stringify cannot write such a number.
          const { writeFileSync } = await import("node:fs");
          const limit = '{"type":"RLIMIT_CORE","soft":18446744073709551615,"hard":18446744073709551615}';
          bundle.config.process.rlimits = "HERE";
          writeFileSync(
            `${bundle.path}/config.json`,
            JSON.stringify(bundle.config).replace('"HERE"', `[${limit}]`),
          );
        },
      },
    );
    expect(JSON.parse(stdout).rlimits.RLIMIT_CORE).toEqual({ soft: -1, hard: -1 });
  });

  asRoot("exec has them too", async () => {
    await using c = await aContainer({
      config: { process: { rlimits: [{ type: "RLIMIT_NOFILE", soft: 70, hard: 80 }] } },
    });
    expect((await c.probe()).rlimits.RLIMIT_NOFILE).toEqual({ soft: 70, hard: 80 });
  });

  for (const [what, rlimits] of [
    ["an unknown kind", [{ type: "RLIMIT_NONSENSE", soft: 1, hard: 1 }]],
    [
      "the same kind twice",
      [
        { type: "RLIMIT_CORE", soft: 1, hard: 1 },
        { type: "RLIMIT_CORE", soft: 2, hard: 2 },
      ],
    ],
  ] as [string, Json][]) {
    asRoot(`${what}: InvalidArgument`, async () => {
      const error = await refusal({ process: { rlimits } });
      expect(error).toMatchObject({ kind: "InvalidArgument" });
      expect(error.message).toMatch(/process\.rlimits/);
    });
  }

  needs(
    "root",
    "cgroup2",
    "no CAP_SYS_RESOURCE",
  )("raising a hard limit without the right to: PermissionDenied", async () => {
    const error = await refusal({
      process: { rlimits: [{ type: "RLIMIT_NOFILE", soft: 1024, hard: 1_000_000 }] },
    });
    expect(error).toMatchObject({
      kind: "PermissionDenied",
      site: { subject: "config.json: process.rlimits[0]", syscall: "prlimit", code: "EPERM" },
    });
  });

  needs(
    "root",
    "cgroup2",
    "CAP_SYS_RESOURCE",
  )("raising a hard limit with the right to", async () => {
    const report = await probeIn({
      process: { rlimits: [{ type: "RLIMIT_MEMLOCK", soft: 2 ** 40, hard: 2 ** 41 }] },
    });
    expect(report.rlimits.RLIMIT_MEMLOCK).toEqual({ soft: 2 ** 40, hard: 2 ** 41 });
  });
});

describe("process.noNewPrivileges, oomScoreAdj — runtime-spec config.md#linux-process", () => {
  for (const noNewPrivileges of [true, false]) {
    asRoot(`noNewPrivileges ${noNewPrivileges}`, async () => {
      const report = await probeIn({ process: { noNewPrivileges } });
      expect(report.noNewPrivs).toBe(noNewPrivileges ? 1 : 0);
      expect(report.status.NoNewPrivs).toBe(noNewPrivileges ? "1" : "0");
    });
  }

  asRoot("oomScoreAdj", async () => {
    expect((await probeIn({ process: { oomScoreAdj: 300 } })).oomScoreAdj).toEqual(["300"]);
  });

  asRoot("without oomScoreAdj it is inherited", async () => {
    const { readFileSync } = await import("node:fs");
    expect((await probeIn()).oomScoreAdj).toEqual([
      readFileSync("/proc/self/oom_score_adj", "latin1").trim(),
    ]);
  });

  asRoot("in a user namespace too", async () => {
    const { withUserns } = await import("./userns.ts");
    expect((await probeIn({ ...withUserns(), process: { oomScoreAdj: 123 } })).oomScoreAdj).toEqual(["123"]);
  });

  needs(
    "root",
    "cgroup2",
    "no CAP_SYS_RESOURCE",
  )("lowering it without the right to: PermissionDenied", async () => {
    const error = await refusal({ process: { oomScoreAdj: -500 } });
    expect(error).toMatchObject({
      kind: "PermissionDenied",
      site: { subject: "config.json: process.oomScoreAdj", code: "EACCES" },
    });
  });

  needs(
    "root",
    "cgroup2",
    "CAP_SYS_RESOURCE",
  )("lowering it with the right to", async () => {
    expect((await probeIn({ process: { oomScoreAdj: -500 } })).oomScoreAdj).toEqual(["-500"]);
  });

  asRoot("out of range: InvalidArgument", async () => {
    expect(await refusal({ process: { oomScoreAdj: 1001 } })).toMatchObject({ kind: "InvalidArgument" });
  });
});

describe("what the process does not inherit", () => {
  asRoot("fds above stdio", async () => {
    const report = await probeIn();
    expect(Object.keys(report.fds)).toEqual(["0", "1", "2"]);
  });

  asRoot("blocked or ignored signals, a death signal, undumpability", async () => {
    const report = await probeIn();
    expect(report).toMatchObject({ blockedSignals: [], ignoredSignals: [], deathSignal: 0, dumpable: 1 });
  });

  asRoot("the runtime's environment", async () => {
    process.env.RUNT_TEST_SECRET = "secret";
    try {
      expect((await probeIn()).env.join("\n")).not.toMatch(/secret/);
    } finally {
      delete process.env.RUNT_TEST_SECRET;
    }
  });
});

describe("security modules that the host has not", () => {
  needs("no apparmor")("a profile of AppArmor: refused, by that name", async () => {
    const error = await refusal({ process: { apparmorProfile: "runt-test" } });
    expect(error).toMatchObject({
      kind: expect.any(String),
      site: { subject: "config.json: process.apparmorProfile" },
    });
    expect(error.message).toMatch(/apparmor/i);
  });

  needs(
    "no apparmor",
    "root",
    "cgroup2",
  )('the profile "unconfined" asks for nothing', async () => {
    expect((await probeIn({ process: { apparmorProfile: "unconfined" } })).pid).toBe(1);
  });

  needs("no selinux")("a label of SELinux: refused, by that name", async () => {
    const error = await refusal({ process: { selinuxLabel: "system_u:system_r:container_t:s0" } });
    expect(error).toMatchObject({ site: { subject: "config.json: process.selinuxLabel" } });
    expect(error.message).toMatch(
      /selinux label is specified in config, but selinux is disabled or not supported/,
    );
  });

  needs(
    "root",
    "cgroup2",
    "apparmor",
  )("with AppArmor, a profile that is not loaded: refused", async () => {
    const error = await refusal({ process: { apparmorProfile: "runt-test-no-such-profile" } });
    expect(error).toMatchObject({
      name: "RuntError",
      site: { subject: "config.json: process.apparmorProfile", code: "ENOENT" },
    });
  });

  needs(
    "root",
    "cgroup2",
    "apparmor",
    "program:apparmor_parser",
  )("with AppArmor, the process is confined by its profile", async () => {
    const profile =
      "profile runt-test-profile flags=(attach_disconnected) { file, capability, mount, signal, ptrace, deny /tmp/denied w, }";
    execFileSync("apparmor_parser", ["-r"], { input: profile });
    try {
      const report = await probeIn({ process: { apparmorProfile: "runt-test-profile" } });
      expect(report.label[0]).toMatch(/^runt-test-profile/);
    } finally {
      execFileSync("apparmor_parser", ["-R"], { input: profile });
    }
  });
});
