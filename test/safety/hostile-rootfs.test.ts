/** Root file systems and mounts that lead out of the container: they lead nowhere, and the host stays as it was. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { patienceMs } from "../support/container.ts";
import { expectNothing, host, type Json, missing, Sandbox } from "./containers.ts";

const ffi = fileURLToPath(new URL("../../src/linux/ffi.ts", import.meta.url));

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
});
afterEach(() => sandbox[Symbol.asyncDispose]());

/** Ways for a symlink at `path` in the rootfs to point at a place outside of it. */
function waysOut(path: string): Record<string, string> {
  const from = join(sandbox.rootfs, path, "..");
  return {
    "an absolute link": sandbox.outside,
    "a relative link": relative(from, sandbox.outside),
    "a link with more .. than there are directories": `${"../".repeat(40)}${sandbox.outside.slice(1)}`,
    "a dangling link": join(sandbox.outside, "missing"),
    "a link through /proc": `/proc/1/root${sandbox.outside}`,
  };
}
const ways = [
  "an absolute link",
  "a relative link",
  "a link with more .. than there are directories",
  "a dangling link",
  "a link through /proc",
];

/** Nothing was made outside, and no mount of the container's is the host's. */
function hostUntouched(): void {
  expect(readdirSync(sandbox.outside)).toEqual([]);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toMatch(sandbox.directory);
}

function link(path: string, target: string): void {
  const at = join(sandbox.rootfs, path);
  rmSync(at, { recursive: true, force: true });
  symlinkSync(target, at);
}

describe.skipIf(missing)(
  "a rootfs with symlinks where the runtime works (CVE-2019-19921, CVE-2026-41579)",
  () => {
    for (const path of ["dev", "proc", "sys", "etc", "dev/pts", "dev/null", "dev/console", "dev/shm"]) {
      for (const way of ways) {
        test(`/${path} is ${way}`, async () => {
          const { config } = sandbox;
          config.mounts.push({ destination: "/sys", type: "sysfs", source: "sysfs" });
          config.mounts.push({ destination: "/etc/conf", type: "tmpfs", source: "tmpfs" });
          // With the rootfs's own /dev, which is where its links count.
          if (path.startsWith("dev/"))
            config.mounts = config.mounts.filter((mount: Json) => mount.destination !== "/dev");
          config.linux.devices = [{ path: "/dev/sub/fifo", type: "p", fileMode: 0o600 }];
          sandbox.script("exit 0");
          link(path, waysOut(path)[way]!);
          const error = await sandbox.refusal();
          // proc and sysfs go onto directories only.
          if (path === "proc" || path === "sys")
            expect(error).toMatchObject({
              name: "RuntError",
              site: { subject: expect.stringMatching(/mounts\[\d\]/) },
            });
          hostUntouched();
          await expectNothing(sandbox);
        });
      }
    }

    test("a rootfs that is a symlink itself is refused", async () => {
      renameSync(sandbox.rootfs, join(sandbox.directory, "real"));
      symlinkSync("../real", sandbox.rootfs);
      expect(await sandbox.refusal()).toMatchObject({
        kind: "InvalidArgument",
        site: { subject: "config.json: root.path" },
      });
      await expectNothing(sandbox);
    });
  },
);

describe.skipIf(missing)("a mount on a symlink (CVE-2021-30465, CVE-2024-45310)", () => {
  for (const way of ways) {
    for (const destination of ["/link", "/link/deep/er"]) {
      for (const kind of ["tmpfs", "directory", "file"]) {
        test(`${kind} on ${destination}, where /link is ${way}`, async () => {
          const source = join(sandbox.directory, kind);
          if (kind === "directory") mkdirSync(source);
          if (kind === "file") writeFileSync(source, "");
          link("link", waysOut("link")[way]!);
          sandbox.config.mounts.push(
            kind === "tmpfs"
              ? { destination, type: "tmpfs", source: "tmpfs" }
              : { destination, type: "bind", source, options: ["bind"] },
          );
          sandbox.script(`grep -c ' ${sandbox.outside}' /proc/self/mountinfo; exit 0`);
          await sandbox.refusal();
          hostUntouched();
          await expectNothing(sandbox);
        });
      }
    }
  }

  test("a cwd behind one is made inside", async () => {
    link("link", sandbox.outside);
    sandbox.config.process.cwd = "/link/a/b";
    sandbox.config.process.args = ["/bin/readlink", "/proc/self/cwd"];
    expect(await sandbox.refusal()).toEqual({ message: `ran: ${sandbox.outside}/a/b\n` });
    hostUntouched();
    expect(existsSync(join(sandbox.rootfs, sandbox.outside, "a/b"))).toBe(true);
  });
});

describe.skipIf(missing)(
  "a rootfs that another process changes meanwhile (CVE-2021-30465, CVE-2024-45310)",
  () => {
    let racer: ChildProcess | undefined;
    afterEach(async () => {
      if (!racer || racer.exitCode !== null) return;
      racer.kill("SIGKILL");
      await once(racer, "exit");
    });

    test("a directory that turns into a link out of it, and back: for seconds, and nothing gets out", {
      timeout: 120_000,
    }, async () => {
      const { rootfs, outside, config } = sandbox;
      mkdirSync(join(rootfs, "race/a"), { recursive: true });
      symlinkSync(outside, join(rootfs, "link"));
      // renameat2(2) RENAME_EXCHANGE: there is always one of the two.
      const program = `
      import { I32, syscall, Text, U32 } from ${JSON.stringify(ffi)};
      const types = [I32, Text, I32, Text, U32];
      const values = [-100, ${JSON.stringify(join(rootfs, "race"))}, -100, ${JSON.stringify(join(rootfs, "link"))}, 2];
      while (syscall(${process.arch === "arm64" ? 276 : 316}, types, values) === 0);`;
      racer = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "ignore" });
      config.mounts.push(
        { destination: "/race/a/tmpfs", type: "tmpfs", source: "tmpfs" },
        { destination: "/race/b", type: "bind", source: "/bin/busybox", options: ["bind", "ro"] },
        {
          destination: "/race/a",
          type: "bind",
          source: join(sandbox.directory, "bundle"),
          options: ["bind"],
        },
      );
      config.linux.devices = [{ path: "/race/device", type: "c", major: 1, minor: 3 }];
      config.linux.maskedPaths = ["/race/a", "/race"];
      config.linux.readonlyPaths = ["/race"];
      config.process.cwd = "/race/cwd";
      const results = { ran: 0, refused: 0 };
      const begin = performance.now();
      // On a busy machine it takes longer until there is one.
      const isOver = (ms = performance.now() - begin) => ms > (results.refused > 0 ? 5000 : patienceMs);
      while (!isOver()) {
        const error = await sandbox.refusal();
        if (error.name === "RuntError") results.refused++;
        else results.ran++;
        hostUntouched();
      }
      expect(racer.exitCode).toBeNull();
      // Without a refusal there was no race.
      expect(results.refused).toBeGreaterThan(0);
      await expectNothing(sandbox);
    });
  },
);

describe.skipIf(missing)("a procfs that is none (CVE-2019-16884, CVE-2025-52881)", () => {
  test("on /proc: sysctls go to the kernel's all the same", async () => {
    const fake = join(sandbox.directory, "fake");
    mkdirSync(join(fake, "sys/net/ipv4"), { recursive: true });
    mkdirSync(join(fake, "self/attr"), { recursive: true });
    writeFileSync(join(fake, "sys/net/ipv4/ip_forward"), "fake\n");
    const { config } = sandbox;
    config.mounts[0] = { destination: "/proc", type: "bind", source: fake, options: ["rbind"] };
    config.linux.sysctl = { "net.ipv4.ip_forward": "1" };
    config.process.oomScoreAdj = 321;
    const { pid } = await sandbox.create();
    expect(readFileSync(join(fake, "sys/net/ipv4/ip_forward"), "utf8")).toBe("fake\n");
    expect(host("nsenter", "-t", String(pid), "-n", "cat", "/proc/sys/net/ipv4/ip_forward").stdout).toBe(
      "1\n",
    );
    expect(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8")).toBe("321\n");
  });

  test("below /proc nothing can be mounted", async () => {
    for (const destination of ["/proc/self", "/proc/sys/kernel", "/proc/../proc/self/attr", "/proc//1"]) {
      sandbox.config.mounts[3] = { destination, type: "tmpfs", source: "tmpfs" };
      expect(await sandbox.refusal(), destination).toMatchObject({
        kind: "InvalidArgument",
        site: { subject: "config.json: mounts[3].destination" },
      });
    }
  });

  test("a sysctl's name cannot leave /proc/sys", async () => {
    for (const key of [
      "net/../kernel/core_pattern",
      "net.ipv4/../../kernel.core_pattern",
      "/net/ipv4/ip_forward",
      "net//x",
      "kernel.core_pattern",
    ]) {
      sandbox.config.linux.sysctl = { [key]: "|/bin/evil" };
      expect(await sandbox.refusal(), key).toMatchObject({
        kind: "InvalidArgument",
        site: { subject: expect.stringContaining("sysctl") },
      });
    }
  });
});

describe.skipIf(missing)("devices of the image's making", () => {
  const evil = "not the null device\n";

  test("a masked path is covered by the host's null device, whatever the container's is (CVE-2025-31133)", async () => {
    const dev = join(sandbox.directory, "dev");
    mkdirSync(join(dev, "pts"), { recursive: true });
    writeFileSync(join(dev, "null"), evil);
    writeFileSync(join(sandbox.rootfs, "etc/secret"), "secret");
    mkdirSync(join(sandbox.rootfs, "etc/secrets"));
    writeFileSync(join(sandbox.rootfs, "etc/secrets/one"), "secret");
    sandbox.config.mounts[1] = { destination: "/dev", type: "bind", source: dev, options: ["bind"] };
    sandbox.config.linux.maskedPaths = ["/etc/secret", "/etc/secrets"];
    sandbox.script("cat /etc/secret; stat -c '%t:%T %F' /etc/secret; ls -A /etc/secrets; cat /dev/null");
    expect((await sandbox.run()).output).toBe(`1:3 character special file\n${evil}`);
  });

  test("a file where a device belongs is not taken for it", async () => {
    sandbox.config.mounts = sandbox.config.mounts.filter((mount: Json) => mount.destination === "/proc");
    for (const make of [
      (path: string) => writeFileSync(path, evil),
      (path: string) => symlinkSync(join(sandbox.outside, "null"), path),
      (path: string) => host("mknod", path, "c", "1", "5"),
      (path: string) => host("mknod", path, "b", "1", "3"),
      (path: string) => mkdirSync(path),
    ]) {
      const path = join(sandbox.rootfs, "dev/null");
      make(path);
      const before = lstatSync(path);
      expect(await sandbox.refusal()).toMatchObject({
        name: "RuntError",
        site: { syscall: "mknodat", code: "EEXIST" },
      });
      const after = lstatSync(path);
      expect([after.ino, after.mode, after.uid, after.size]).toEqual([
        before.ino,
        before.mode,
        before.uid,
        before.size,
      ]);
      rmSync(path, { recursive: true });
    }
    hostUntouched();
  });

  test("with a user namespace, the host's node is bound only if it is the device that was asked for", async () => {
    const { config } = sandbox;
    config.linux.namespaces.push({ type: "user" });
    config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    config.linux.devices = [{ path: "/dev/zero", type: "c", major: 1, minor: 3 }];
    expect(await sandbox.refusal()).toMatchObject({
      name: "RuntError",
      site: { subject: "config.json: linux.devices[0]", code: "ENODEV" },
    });
  });

  test("a terminal comes from a devpts only (CVE-2025-52565)", async () => {
    const { config } = sandbox;
    mkdirSync(join(sandbox.directory, "pts"));
    writeFileSync(join(sandbox.directory, "pts/ptmx"), "");
    config.mounts[2] = {
      destination: "/dev/pts",
      type: "bind",
      source: join(sandbox.directory, "pts"),
      options: ["bind"],
    };
    config.process.terminal = true;
    const consoleSocket = join(sandbox.directory, "console");
    const server = createServer((socket) => socket.on("error", () => {})).listen(consoleSocket);
    await once(server, "listening");
    try {
      await expect(sandbox.create({ consoleSocket })).rejects.toMatchObject({
        site: { subject: "config.json: process.terminal", code: "ENODEV" },
      });
    } finally {
      server.close();
    }
    await expectNothing(sandbox);
  });

  test("a /dev/console that is a link gets no terminal behind it", async () => {
    const { config } = sandbox;
    writeFileSync(join(sandbox.rootfs, "etc/victim"), "as it was");
    config.mounts = config.mounts.filter((mount: Json) => mount.destination !== "/dev");
    mkdirSync(join(sandbox.rootfs, "dev/pts"));
    symlinkSync("/etc/victim", join(sandbox.rootfs, "dev/console"));
    config.process.terminal = true;
    const consoleSocket = join(sandbox.directory, "console");
    const server = createServer((socket) => socket.on("error", () => {})).listen(consoleSocket);
    await once(server, "listening");
    try {
      await expect(sandbox.create({ consoleSocket })).rejects.toMatchObject({
        site: { subject: "config.json: process.terminal", code: "ELOOP" },
      });
    } finally {
      server.close();
    }
  });
});

describe.skipIf(missing)("an /etc/passwd of the image's making", () => {
  const passwd = (): string => join(sandbox.rootfs, "etc/passwd");
  beforeEach(() => {
    sandbox.config.process.env = ["PATH=/bin"];
    sandbox.script("echo $HOME");
  });

  const hostile: Record<string, () => void> = {
    "a fifo": () => void host("mkfifo", passwd()),
    "a device without end": () => void host("mknod", passwd(), "c", "1", "5"),
    "a directory": () => mkdirSync(passwd()),
    "a link to the host's": () => symlinkSync("../../../../../../../../etc/passwd", passwd()),
    "a link to a file of the host": () => {
      writeFileSync(join(sandbox.directory, "passwd"), "x:x:0:0::/stolen:/bin/sh\n");
      symlinkSync(join(sandbox.directory, "passwd"), passwd());
    },
    "a link to itself": () => symlinkSync("passwd", passwd()),
    "larger than memory": () => {
      writeFileSync(passwd(), "");
      truncateSync(passwd(), 1 << 30);
    },
    "of one long line": () => writeFileSync(passwd(), ":".repeat(1 << 20)),
  };
  for (const [name, make] of Object.entries(hostile)) {
    test(`is ${name}: HOME is /`, async () => {
      make();
      expect((await sandbox.run()).output).toBe("/\n");
    });
  }

  test("is read where it is a file", async () => {
    writeFileSync(passwd(), "root:x:0:0:root:/root:/bin/sh\n");
    expect((await sandbox.run()).output).toBe("/root\n");
  });
});
