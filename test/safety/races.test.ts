/**
 * Attacks that need the right moment, by a container that has the victim's files as a volume of its own, and swaps what
 * lies there against something else as fast as it can while victims are made and entered, for seconds.
 */
import {
  copyFileSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { patienceMs } from "../support/container.ts";
import { probePath } from "../support/probe.ts";
import { Receiver } from "../support/sockets.ts";
import { expectNothing, host, type Json, missing, runtime, Sandbox } from "./containers.ts";

/** Of each race. */
const raceMs = 3000;

let sandbox: Sandbox;
let attacker: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
  attacker = new Sandbox();
});
afterEach(async () => {
  await attacker[Symbol.asyncDispose]();
  await sandbox[Symbol.asyncDispose]();
});

/** Starts the container that exchanges `pairs` of paths, which count from the victim's rootfs. */
async function attack(pairs: readonly (readonly [string, string])[]): Promise<void> {
  const { config, rootfs } = attacker;
  copyFileSync(probePath(), join(rootfs, "probe"));
  mkdirSync(join(rootfs, "victim"));
  config.mounts.push({
    destination: "/victim",
    type: "bind",
    source: sandbox.rootfs,
    options: ["bind", "rw"],
  });
  config.process.args = ["/probe", "--exchange", ...pairs.flat().map((path) => join("/victim", path))];
  const { id } = await attacker.create();
  await runtime.start(attacker.context, id);
  attackerId = id;
}
let attackerId = "";

/**
 * Does `attempt` again and again, and counts how it went. What it throws but a RuntError is a finding.
 * @param wanted "refused": goes on until there was a refusal, for which a busy machine needs longer
 */
async function during(
  attempt: () => Promise<unknown>,
  wanted: "any" | "refused" = "any",
): Promise<{ ran: number; refused: number }> {
  const results = { ran: 0, refused: 0 };
  const wrong: unknown[] = [];
  const begin = performance.now();
  const isOver = (): boolean => {
    const ms = performance.now() - begin;
    if (wanted === "refused" && results.refused === 0 && ms < patienceMs) return false;
    return ms >= raceMs && results.ran + results.refused >= 5;
  };
  while (!isOver()) {
    try {
      await attempt();
      results.ran++;
    } catch (error) {
      if ((error as Error).name === "RuntError") results.refused++;
      else wrong.push(error);
    }
    hostUntouched();
  }
  expect(wrong).toEqual([]);
  expect(runtime.state(attacker.context, attackerId).status, "the attacker is at it to the end").toBe(
    "running",
  );
  return results;
}

/** Nothing was made, written or mounted outside. */
function hostUntouched(): void {
  const { outside } = sandbox;
  expect(readdirSync(outside).sort()).toEqual(["secret", "sys"]);
  expect(readFileSync(join(outside, "secret"), "utf8")).toBe("secret");
  expect(readFileSync(join(outside, "sys/kernel/msgmax"), "utf8")).toBe("fake\n");
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toMatch(sandbox.directory);
  const null_ = lstatSync("/dev/null");
  expect([null_.isCharacterDevice(), null_.rdev]).toEqual([true, 0x103]);
}

async function nothingLeft(): Promise<void> {
  await runtime.deleteContainer(attacker.context, attackerId, { force: true });
  for (const { id } of runtime.list(sandbox.context))
    await runtime.deleteContainer(sandbox.context, id, { force: true });
  await expectNothing(sandbox);
}

/** The victim has its rootfs's own /dev, on a disk that others can write to. */
function withoutDevMount(): void {
  sandbox.config.mounts = sandbox.config.mounts.filter((mount: Json) => mount.destination !== "/dev");
  mkdirSync(join(sandbox.rootfs, "dev/pts"));
}

beforeEach(() => {
  writeFileSync(join(sandbox.outside, "secret"), "secret");
  mkdirSync(join(sandbox.outside, "sys/kernel"), { recursive: true });
  writeFileSync(join(sandbox.outside, "sys/kernel/msgmax"), "fake\n");
});

describe.skipIf(missing)("create, while another container swaps what it works with", () => {
  test("/dev/null: masked paths stay masked, by the null device and nothing else (CVE-2025-31133)", async () => {
    withoutDevMount();
    const { config, rootfs, outside } = sandbox;
    host("mknod", "-m", "666", join(rootfs, "dev/null"), "c", "1", "3");
    symlinkSync(join(outside, "secret"), join(rootfs, "dev/evil"));
    mkdirSync(join(rootfs, "etc/secrets"));
    writeFileSync(join(rootfs, "etc/secrets/one"), "hidden");
    writeFileSync(join(rootfs, "etc/masked"), "hidden");
    config.linux.maskedPaths = ["/etc/masked", "/etc/secrets", "/proc/keys"];
    sandbox.script(
      "stat -c %t:%T /etc/masked /proc/keys; cat /etc/masked; ls /etc/secrets; cat /proc/mounts",
    );
    await attack([["dev/null", "dev/evil"]]);
    const results = await during(async () => {
      const { output } = await sandbox.run();
      expect(output.split("\n").slice(0, 2)).toEqual(["1:3", "1:3"]);
      expect(output).not.toMatch(/hidden|secret$|^one$/m);
    }, "refused");
    // A /dev/null that is a link is refused where it should be a device.
    expect(results.refused).toBeGreaterThan(0);
    await nothingLeft();
  });

  test("the masked path itself: what is covered is inside (CVE-2025-31133)", async () => {
    const { config, rootfs, outside } = sandbox;
    mkdirSync(join(rootfs, "etc/secrets"));
    symlinkSync(outside, join(rootfs, "etc/elsewhere"));
    config.linux.maskedPaths = ["/etc/secrets", "/etc/secrets/deep"];
    config.linux.readonlyPaths = ["/etc/secrets", "/etc/elsewhere"];
    sandbox.script("exit 0");
    await attack([["etc/secrets", "etc/elsewhere"]]);
    const results = await during(() => sandbox.run());
    expect(results.ran + results.refused).toBeGreaterThan(0);
    await nothingLeft();
  });

  test("/dev/pts and /dev/console: a terminal is one of the container's own devpts (CVE-2025-52565)", async () => {
    withoutDevMount();
    const { config, rootfs, outside } = sandbox;
    mkdirSync(join(rootfs, "dev/fake"));
    // What an attacker would like to be taken for a terminal: a file, and a link to one of the host's.
    writeFileSync(join(rootfs, "dev/fake/ptmx"), "");
    writeFileSync(join(rootfs, "dev/fake/0"), "");
    writeFileSync(join(rootfs, "dev/console"), "");
    symlinkSync(join(outside, "secret"), join(rootfs, "dev/evil"));
    config.process.terminal = true;
    config.process.args = ["/bin/true"];
    await attack([
      ["dev/pts", "dev/fake"],
      ["dev/console", "dev/evil"],
    ]);
    await during(async () => {
      using console = new Receiver();
      const receiving = console.receive().catch(() => undefined);
      const { id } = await sandbox.create({ consoleSocket: console.path });
      using received = await receiving;
      expect(kindOf(received?.fd?.n)).toBe("a pty's master");
      await runtime.deleteContainer(sandbox.context, id, { force: true });
    });
    await nothingLeft();
  });

  test("/dev, against a link out of the rootfs: no device and no link is made outside (CVE-2026-41579)", async () => {
    withoutDevMount();
    const { config, rootfs, outside } = sandbox;
    symlinkSync(outside, join(rootfs, "dev-link"));
    config.linux.devices = [{ path: "/dev/sub/device", type: "c", major: 1, minor: 5 }];
    sandbox.script("exit 0");
    await attack([["dev", "dev-link"]]);
    await during(() => sandbox.run());
    await nothingLeft();
  });

  test("/proc, against a link to a false one: sysctls are written to the kernel's (CVE-2019-19921, CVE-2025-52881)", async () => {
    const { config, rootfs, outside } = sandbox;
    symlinkSync(outside, join(rootfs, "proc-link"));
    config.linux.sysctl = { "kernel.msgmax": "4711" };
    sandbox.config.process.args = ["/bin/sleep", "60"];
    await attack([["proc", "proc-link"]]);
    const results = await during(async () => {
      const { id, pid } = await sandbox.create();
      // As the kernel has it for that namespace: what the container has at /proc may be gone again by now.
      expect(host("nsenter", "-t", String(pid), "--ipc", "cat", "/proc/sys/kernel/msgmax").stdout).toBe(
        "4711\n",
      );
      await runtime.deleteContainer(sandbox.context, id, { force: true });
    }, "refused");
    expect(results.refused).toBeGreaterThan(0);
    await nothingLeft();
  });

  test("a mount's target, against a link out of the rootfs: the mount is inside (CVE-2021-30465, CVE-2024-45310)", async () => {
    const { config, rootfs, outside } = sandbox;
    mkdirSync(join(rootfs, "race/a"), { recursive: true });
    symlinkSync(outside, join(rootfs, "link"));
    config.mounts.push(
      { destination: "/race/a/tmpfs", type: "tmpfs", source: "tmpfs" },
      { destination: "/race/new/file", type: "bind", source: "/bin/busybox", options: ["bind", "ro"] },
    );
    config.process.cwd = "/race/cwd";
    sandbox.script("exit 0");
    await attack([["race", "link"]]);
    const results = await during(() => sandbox.run(), "refused");
    // Without a refusal there was no race.
    expect(results.refused).toBeGreaterThan(0);
    await nothingLeft();
  });
});

describe.skipIf(missing)("exec, while another container swaps what it works with", () => {
  test("/dev/null and /dev/pts: the terminal is one of the container's own (CVE-2025-52565)", async () => {
    withoutDevMount();
    const { rootfs, outside } = sandbox;
    const { id } = await sandbox.running();
    mkdirSync(join(rootfs, "dev/fake"));
    writeFileSync(join(rootfs, "dev/fake/ptmx"), "");
    symlinkSync(join(outside, "secret"), join(rootfs, "dev/evil"));
    await attack([
      ["dev/null", "dev/evil"],
      ["dev/pts", "dev/fake"],
    ]);
    let terminal = false;
    await during(async () => {
      terminal = !terminal;
      if (!terminal) return void (await sandbox.exec(id, { args: ["/bin/true"] }));
      using console = new Receiver();
      const receiving = console.receive().catch(() => undefined);
      await sandbox.exec(id, { args: ["/bin/true"], tty: true, detach: true, consoleSocket: console.path });
      using received = await receiving;
      expect(kindOf(received?.fd?.n)).toBe("a pty's master");
    });
    await nothingLeft();
  });

  test("the cwd, against a link out of the rootfs: the process is inside", async () => {
    const { rootfs, outside } = sandbox;
    mkdirSync(join(rootfs, "work"));
    symlinkSync(`/proc/1/root${outside}`, join(rootfs, "link"));
    const { id } = await sandbox.running();
    await attack([["work", "link"]]);
    await during(async () => {
      const { output } = await sandbox.exec(id, {
        args: ["/bin/cat", "secret", "../../../../secret"],
        cwd: "/work",
      });
      expect(output).not.toMatch("secret\n");
      expect(output).not.toBe("secret");
    });
    await nothingLeft();
  });
});

describe.skipIf(missing)("a container that watches whoever comes into it", () => {
  test("cannot look into a process of exec before it executes, nor write to its program (CVE-2016-9962, CVE-2019-5736)", async () => {
    const { config, rootfs } = sandbox;
    const shim = readFileSync(shimPath());
    config.process.args = [
      "/bin/sh",
      "-c",
      `cd /proc; while true; do for p in [0-9]*; do
        [ $p -le 2 ] && continue
        for f in $p/fd/* $p/cwd $p/root $p/exe; do l=$(/bin/readlink $f) && echo "$f $l" >>/seen; done
        true >>$p/exe && echo "$p/exe WRITTEN" >>/seen
      done; done 2>/dev/null`,
    ];
    const { id } = await sandbox.create();
    await runtime.start(sandbox.context, id);
    const end = performance.now() + raceMs;
    for (let n = 0; performance.now() < end || n < 20; n++) await sandbox.exec(id, { args: ["/bin/true"] });
    await runtime.deleteContainer(sandbox.context, id, { force: true });
    const seen = safely(() => readFileSync(join(rootfs, "seen"), "utf8")) ?? "";
    // Its own children and the programs of exec it may see; of the runtime, nothing.
    expect(seen).not.toMatch(/memfd|runt-(shim|plan)|exec\.fifo|socket:|WRITTEN/);
    expect(seen).not.toContain(sandbox.root);
    expect(readFileSync(shimPath()).equals(shim)).toBe(true);
    rmSync(join(rootfs, "seen"), { force: true });
  });
});

function shimPath(): string {
  return join(import.meta.dirname, "../../dist/native/runt-shim");
}

function safely<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

/** By its device number: TTYAUX_MAJOR, 2 is what /dev/ptmx opens. */
function kindOf(fd: number | undefined): string {
  if (fd === undefined) return "nothing";
  const { rdev } = fstatSync(fd);
  return rdev === 0x502 ? "a pty's master" : `${readlinkSync(`/proc/self/fd/${fd}`)}`;
}
