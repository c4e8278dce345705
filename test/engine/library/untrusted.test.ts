/** examples/untrusted-code as it is run, from the built package: what hostile programs get out of it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { asRoot, needs } from "../../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

const root = resolve(import.meta.dirname, "../../..");

beforeAll(prepareEngines);
afterAll(forgetEngines);

interface Result {
  readonly stdout: string;
  /** Its own, without the line at its end. */
  readonly stderr: string;
  readonly exitCode: number;
  readonly ended: string;
}

/** Its shell reads the program. */
async function attack(t: TestEngine, program: string): Promise<Result> {
  expect(existsSync(join(root, "dist/lib/index.js")), "npm run build comes first").toBe(true);
  const example = join(root, "examples/untrusted-code/run-untrusted.mjs");
  const child = spawn(process.execPath, [example, "bb", "sh"], {
    env: { PATH: "/bin:/usr/bin", RUNT_DATA_ROOT: t.root, RUNT_ROOT: t.runRoot },
  });
  child.stdin.end(program);
  const [stdout, all] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  const end = all.trimEnd().lastIndexOf("\n") + 1;
  const result = { stdout, stderr: all.slice(0, end), ...JSON.parse(all.slice(end)) };
  expect(t.remains()).toEqual([]);
  expect(strangers()).toBe(0);
  return result;
}

/** Processes of users that are nobody else's. */
function strangers(): number {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return /^Uid:\t[12]\d{9}\t/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
    } catch {
      return false;
    }
  }).length;
}

describe("untrusted code", () => {
  asRoot("a program that means no harm gets its work done", async () => {
    await using t = await TestEngine.open();
    const result = await attack(t, "read x; echo $x; echo 1 > /tmp/f; cat /tmp/f; exit 3\nfor it to read\n");
    // The shell has read ahead.
    expect(result).toMatchObject({ exitCode: 3, stderr: "", ended: "exited" });
    expect(result.stdout).toMatch(/1\n$/);
  });

  asRoot("it is nobody, may nothing, and has nobody to talk to", async () => {
    await using t = await TestEngine.open();
    const { stdout } = await attack(
      t,
      `grep -E '^(Cap|NoNewPrivs|Seccomp:|Uid)' /proc/self/status
       touch /etc/x 2>/dev/null || echo no-root
       cat /bin/busybox > /tmp/b; busybox chmod +x /tmp/b; /tmp/b true 2>/dev/null || echo no-exec
       mount -t tmpfs none /tmp 2>/dev/null || echo no-mount
       busybox unshare -U true 2>/dev/null || echo no-namespace
       busybox wget -T 1 -O - http://127.0.0.1/ 2>/dev/null || echo no-loopback
       busybox ping -c 1 -W 1 192.0.2.1 2>/dev/null || echo no-ping
       ls /sys/class/net`,
    );
    expect(stdout).toMatch(/^Uid:\t[12]\d{9}\t/m);
    for (const set of ["Inh", "Prm", "Eff", "Bnd", "Amb"])
      expect(stdout).toContain(`Cap${set}:\t0000000000000000`);
    for (const line of ["NoNewPrivs:\t1", "Seccomp:\t2"]) expect(stdout).toContain(line);
    const walls = ["no-root", "no-exec", "no-mount", "no-namespace", "no-loopback", "no-ping"];
    for (const wall of walls) expect(stdout).toContain(`${wall}\n`);
    expect(stdout).toMatch(/\nlo\n$/);
  });

  asRoot("endless output ends at its limit, an endless loop in time", async () => {
    await using t = await TestEngine.open();
    const loud = await attack(t, "while :; do echo yes; done");
    expect([loud.ended, loud.stdout.length]).toEqual(["output limit", 64 * 1024]);
    expect(await attack(t, "trap '' TERM INT HUP; while :; do :; done")).toMatchObject({
      ended: "timeout",
      exitCode: 137,
    });
  });

  asRoot("a fork bomb comes to nothing, and all of it is gone", async () => {
    await using t = await TestEngine.open();
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, strangers());
    }, 50);
    const result = await attack(t, "b() { b | b & }; b; while :; do sleep 1; done");
    clearInterval(watch);
    expect(result.stderr).toMatch(/can't fork|Resource temporarily unavailable/);
    expect(most).toBeGreaterThan(2);
    expect(most).toBeLessThanOrEqual(32);
  });

  asRoot("who takes memory gets no more than there is for it", async () => {
    await using t = await TestEngine.open();
    const hog =
      "x=$(busybox head -c 300000000 /dev/zero | busybox tr '\\0' x); echo took $(echo $x | busybox wc -c)";
    expect((await attack(t, hog)).stdout).not.toContain("took 30000000");
    const disk = "busybox dd if=/dev/zero of=/tmp/f bs=1M count=64 2>/dev/null; busybox wc -c < /tmp/f";
    expect(Number((await attack(t, disk)).stdout)).toBeLessThanOrEqual(16 << 20);
  });

  needs("root", "memory controller")("with cgroup v2: all of its processes together", async () => {
    await using t = await TestEngine.open();
    // No process has too much, all of them together have.
    const part = "(x=$(busybox head -c 30000000 /dev/zero | busybox tr '\\0' x); sleep 3; echo kept) &";
    const { stdout } = await attack(t, `${Array.from({ length: 8 }, () => part).join("\n")}\nwait`);
    expect(stdout.split("kept").length - 1).toBeLessThan(5);
  });
});
