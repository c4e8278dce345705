/** Clients of a monitor: many at once, slow ones, dead ones, ones that leave; stdin; the terminal. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { MonitorEvent } from "../../../src/engine/monitor/attachment.ts";
import { MonitorClient } from "../../../src/engine/monitor/client.ts";
import { bindMonitor } from "../../../src/engine/monitor/socket.ts";
import { frameNames } from "../../../src/runtime/wire/monitor.ts";
import { Script } from "../../support/script.ts";
import { aMonitored, asRoot, collected, eventually } from "./monitored.ts";

describe("attach — output", () => {
  asRoot("who attaches before start misses nothing, and learns how it ended", async () => {
    await using c = await aMonitored({ script: "echo out; echo err >&2; exit 3" });
    const attached = await (await c.client()).attach({ stdout: true, stderr: true });
    const output = Promise.all([collected(attached.stdout), collected(attached.stderr)]);
    await c.start();
    expect((await output).map(String)).toEqual(["out\n", "err\n"]);
    expect((await attached.exited).status).toEqual({ exited: 3 });
  });

  asRoot("twenty clients get the same", async () => {
    await using c = await aMonitored({ script: "head -c 300000 /dev/zero | tr '\\0' y" });
    const all = await Promise.all(
      Array.from({ length: 20 }, async () => (await c.client()).attach({ stdout: true, whenSlow: "wait" })),
    );
    const outputs = all.map(({ stdout }) => collected(stdout));
    await c.start();
    for (const bytes of await Promise.all(outputs)) {
      expect(bytes.equals(Buffer.alloc(300_000, "y"))).toBe(true);
    }
    for (const { exited } of all) expect((await exited).status).toEqual({ exited: 0 });
  });

  asRoot("only what was asked for comes", async () => {
    await using c = await aMonitored({ script: "echo out; echo err >&2" });
    const attached = await (await c.client()).attach({ stderr: true });
    const output = collected(attached.stderr);
    await c.start();
    expect(String(await output)).toBe("err\n");
    expect(attached.stdout).toBe(null);
  });

  asRoot("a client that does not read holds nobody up, and is told what it has missed", async () => {
    await using c = await aMonitored({
      script: "head -c 5000000 /dev/zero | tr '\\0' z; read x < /fifo; echo last",
    });
    spawnSync("mkfifo", [join(c.bundle.rootfs, "fifo")]);
    const events: MonitorEvent[] = [];
    const slow = await (await c.client()).attach({ stdout: true, onEvent: (event) => events.push(event) });
    const fast = await (await c.client()).attach({ stdout: true, whenSlow: "wait" });
    const whole = collected(fast.stdout);
    await c.start();
    // All of it is in the log, while the slow one has not read a byte.
    await eventually(() => (c.logged("stdout").length === 5_000_000 ? true : undefined), "the log");
    const seen = collected(slow.stdout);
    await eventually(() => (events.length > 0 ? true : undefined), "the news of the loss");
    writeFileSync(join(c.bundle.rootfs, "fifo"), "\n");
    const got = await seen;
    expect((await whole).length).toBe(5_000_005);
    expect(got.toString("latin1").endsWith("last\n")).toBe(true);
    const lost = events.reduce((sum, event) => sum + (event.type === "lost" ? event.bytes : 0), 0);
    expect(lost).toBeGreaterThan(1_000_000);
    expect(got.length + lost).toBe(5_000_005);
    expect((await slow.exited).status).toEqual({ exited: 0 });
  });

  asRoot("a client that wants to be waited for stops the container, and loses nothing", async () => {
    await using c = await aMonitored({
      script: "head -c 3000000 /dev/zero | tr '\\0' z; touch /done",
    });
    const attached = await (await c.client()).attach({ stdout: true, whenSlow: "wait" });
    await c.start();
    const client = await c.client();
    await eventually(() => (c.logged("stdout").length > 100_000 ? true : undefined), "the first output");
    expect((await client.status()).phase).toBe("running");
    expect((await collected(attached.stdout)).length).toBe(3_000_000);
    expect((await attached.exited).status).toEqual({ exited: 0 });
  });

  asRoot("a client that reads only when all is over has the output, and learns how it ended", async () => {
    await using c = await aMonitored({ script: "head -c 150000 /dev/zero | tr '\\0' z; exit 6" });
    const attached = await (await c.client()).attach({ stdout: true, whenSlow: "wait" });
    await c.start();
    await c.gone();
    expect((await collected(attached.stdout)).length).toBe(150_000);
    expect((await attached.exited).status).toEqual({ exited: 6 });
  });

  asRoot("a client that is behind with its reading may ask, and loses nothing", async () => {
    await using c = await aMonitored({ script: "head -c 3000000 /dev/zero | tr '\\0' z" });
    const client = await c.client();
    const attached = await client.attach({ stdout: true, whenSlow: "wait" });
    await c.start();
    const other = await c.client();
    // Its socket is full: the log is as long as it was.
    const lengths: number[] = [];
    const grows = (): boolean =>
      lengths.push(c.logged("stdout").length) < 2 || lengths.at(-1) !== lengths.at(-2);
    await expect.poll(grows, { interval: 200 }).toBe(false);
    const answers = Promise.allSettled([client.status(), client.resize(1, 1), client.status()]);
    expect((await other.status()).phase).toBe("running");
    expect((await collected(attached.stdout)).length).toBe(3_000_000);
    const [status, resized, again] = await answers;
    expect(status).toMatchObject({ value: { init: c.init } });
    expect(resized).toMatchObject({ reason: { code: "ENOTTY" } });
    expect(again?.status).toBe("fulfilled");
  });

  asRoot("output is whole though the container has left its input unread", async () => {
    await using c = await aMonitored({
      script: "head -c 150000 /dev/zero | tr '\\0' z",
      monitor: { input: "once" },
    });
    const { stdin, stdout, exited } = await (await c.client()).attach({
      stdin: true,
      stdout: true,
      whenSlow: "wait",
    });
    stdin!.on("error", () => {});
    await c.start();
    await c.gone();
    // Nobody is there to take it any more.
    stdin!.end(Buffer.alloc(3_000_000));
    await eventually(() => stdin!.destroyed || undefined, "the input to be given up");
    expect((await collected(stdout)).length).toBe(150_000);
    expect((await exited).status).toEqual({ exited: 0 });
  });

  asRoot("a client that is killed while it is waited for is waited for no longer", async () => {
    await using c = await aMonitored({ script: "head -c 3000000 /dev/zero | tr '\\0' z" });
    using program = new Script(`
      import { MonitorClient } from "./src/engine/monitor/client.ts";
      const client = await MonitorClient.connect(process.argv[2]);
      await client.attach({ stdout: true, whenSlow: "wait" });
      console.log("attached");
      setInterval(() => {}, 1000);`);
    const child = spawn(process.execPath, [program.path, c.directory], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGSTOP");
    await c.start();
    await eventually(() => (c.logged("stdout").length > 100_000 ? true : undefined), "the first output");
    expect((await (await c.client()).status()).phase).toBe("running");
    child.kill("SIGKILL");
    await once(child, "exit");
    expect((await c.exit()).status).toEqual({ exited: 0 });
    expect(c.logged("stdout").length).toBe(3_000_000);
  });

  asRoot("a client that leaves leaves the others and the container alone", async () => {
    await using c = await aMonitored({ script: "read x < /fifo; echo on; exit 5" });
    spawnSync("mkfifo", [join(c.bundle.rootfs, "fifo")]);
    const leaving = await c.client();
    await leaving.attach({ stdout: true, stdin: true });
    const staying = await (await c.client()).attach({ stdout: true });
    await c.start();
    leaving[Symbol.dispose]();
    writeFileSync(join(c.bundle.rootfs, "fifo"), "\n");
    expect(String(await collected(staying.stdout))).toBe("on\n");
    expect((await c.exit()).status).toEqual({ exited: 5 });
  });

  asRoot("more clients than there is room for are turned away; those that are there stay", async () => {
    await using c = await aMonitored({ script: "exec sleep 1000" });
    await c.start();
    const clients: MonitorClient[] = [];
    let refused = 0;
    for (let i = 0; i < 80; i++) {
      const client = await c.client();
      await client.status().then(
        () => clients.push(client),
        () => refused++,
      );
    }
    expect(clients.length).toBeGreaterThanOrEqual(60);
    expect(refused).toBeGreaterThan(0);
    clients.pop()![Symbol.dispose]();
    await eventually(() => true, "");
    await clients[0]!.status();
    await expect
      .poll(async () => (await (await c.client()).status().catch(() => undefined))?.init)
      .toBe(c.init);
  });
});

describe("attach — nonsense", () => {
  const words: Record<string, Buffer> = {
    "an empty frame of a kind that has numbers": frame(frameNames.indexOf("attach"), Buffer.alloc(0)),
    "a frame that only the monitor sends": frame(frameNames.indexOf("exited"), Buffer.alloc(8)),
    "a frame of four gigabytes": Buffer.from([1, 1, 1, 1, 255, 255, 255, 255]),
    "input from one who is not attached": frame(frameNames.indexOf("input"), Buffer.from("hello")),
    "half a frame": Buffer.from([0, 0, 0]),
    noise: Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 31) & 0xff)),
  };
  function frame(type: number, payload: Buffer): Buffer {
    const header = Buffer.alloc(8);
    header.writeUInt32LE(type, 0);
    header.writeUInt32LE(payload.length, 4);
    return Buffer.concat([header, payload]);
  }

  for (const [name, bytes] of Object.entries(words)) {
    asRoot(`${name}: the others notice nothing`, async () => {
      await using c = await aMonitored({ script: "exec cat", monitor: { input: "open" } });
      await c.start();
      const socket = connect({ path: join(c.directory, "monitor.sock") });
      socket.on("error", () => {});
      await once(socket, "connect");
      socket.write(bytes);
      await (await c.client()).status();
      socket.destroy();
      const { init, phase } = await (await c.client()).status();
      expect([init, phase]).toEqual([c.init, "running"]);
      expect(readFileSync(c.logPath, "utf8")).toBe("");
    });
  }

  asRoot("a frame from the future is answered with ENOSYS", async () => {
    await using c = await aMonitored({ script: "exec sleep 1000" });
    await c.start();
    const socket = connect({ path: join(c.directory, "monitor.sock") });
    socket.write(frame(1000, Buffer.alloc(16)));
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.readUInt32LE(0)).toBe(frameNames.indexOf("done"));
    expect(answer.readBigInt64LE(8)).toBe(38n);
    socket.destroy();
  });

  test("a directory whose path is longer than a socket's address may be", async () => {
    const { mkdtempSync, mkdirSync, rmSync } = await import("node:fs");
    const base = mkdtempSync("/tmp/runt-test-long-");
    const directory = join(base, "d".repeat(120));
    mkdirSync(directory);
    using _socket = bindMonitor(directory);
    await expect(MonitorClient.connect(directory)).rejects.toMatchObject({ kind: "NotFound" });
    rmSync(base, { recursive: true });
  });
});

describe("attach — stdin", () => {
  asRoot("what is written arrives, however much it is", async () => {
    await using c = await aMonitored({ script: "exec md5sum", monitor: { input: "once" } });
    // busybox's md5sum is the reader: a sum says that every byte came, in order.
    const { symlinkSync } = await import("node:fs");
    symlinkSync("busybox", join(c.bundle.rootfs, "bin/md5sum"));
    const { createHash, randomBytes } = await import("node:crypto");
    const data = randomBytes(3_000_000);
    const { stdin, stdout } = await (await c.client()).attach({ stdin: true, stdout: true });
    const output = collected(stdout);
    await c.start();
    stdin!.end(data);
    expect(String(await output).split(" ")[0]).toBe(createHash("md5").update(data).digest("hex"));
  });

  asRoot("without -i there is nothing to read", async () => {
    await using c = await aMonitored({ script: "cat; echo end" });
    await c.start();
    expect((await c.exit()).status).toEqual({ exited: 0 });
    expect(c.logged("stdout").toString()).toBe("end\n");
  });

  asRoot("once: it is closed when the first client with input says so", async () => {
    await using c = await aMonitored({ script: "cat; echo end", monitor: { input: "once" } });
    const { stdin } = await (await c.client()).attach({ stdin: true });
    await c.start();
    stdin!.end("text\n");
    await c.exit();
    expect(c.logged("stdout").toString()).toBe("text\nend\n");
  });

  asRoot("once: it is closed when the first client with input leaves, with what it had written", async () => {
    await using c = await aMonitored({ script: "cat; echo end", monitor: { input: "once" } });
    const client = await c.client();
    const { stdin } = await client.attach({ stdin: true });
    await c.start();
    await new Promise<void>((resolve) => stdin!.write("text\n", () => resolve()));
    client[Symbol.dispose]();
    await c.exit();
    expect(c.logged("stdout").toString()).toBe("text\nend\n");
  });

  asRoot("open: it outlives its clients", async () => {
    await using c = await aMonitored({ script: "exec cat", monitor: { input: "open" } });
    await c.start();
    for (const text of ["one\n", "two\n"]) {
      const client = await c.client();
      const { stdin } = await client.attach({ stdin: true });
      stdin!.end(text);
      await eventually(() => (c.logged("stdout").includes(text) ? true : undefined), text);
      client[Symbol.dispose]();
    }
    expect((await (await c.client()).status()).phase).toBe("running");
  });

  asRoot("a container that does not read holds up its input, and nothing else", async () => {
    await using c = await aMonitored({ script: "echo ready; exec sleep 1000", monitor: { input: "open" } });
    const { stdin } = await (await c.client()).attach({ stdin: true });
    await c.start();
    stdin!.write(Buffer.alloc(1_000_000));
    await eventually(() => (c.logged("stdout").length > 0 ? true : undefined), "output");
    const client = await c.client();
    for (let i = 0; i < 20; i++) expect((await client.status()).phase).toBe("running");
  });
});

describe("attach — stdin of a container that does not read", () => {
  asRoot("clients that have left with input in the pipe do not keep others out", async () => {
    await using c = await aMonitored({ script: "exec sleep 1000", monitor: { input: "open" } });
    await c.start();
    for (let i = 0; i < 100; i++) {
      const client = await c.client();
      const { stdin } = await client.attach({ stdin: true });
      stdin!.on("error", () => {});
      stdin!.write(Buffer.alloc(20_000));
      await new Promise((resolve) => setImmediate(resolve));
      client[Symbol.dispose]();
    }
    expect((await (await c.client()).status()).init).toBe(c.init);
  });
});

describe("attach — a terminal", () => {
  const terminal = { process: { terminal: true, consoleSize: { height: 10, width: 20 } } };

  asRoot("output and input are one stream, and the end is not cut off", async () => {
    await using c = await aMonitored({
      script: "read x; echo got $x; i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done",
      config: terminal,
    });
    const { stdin, stdout, exited } = await (await c.client()).attach({
      stdin: true,
      stdout: true,
      whenSlow: "wait",
    });
    const output = collected(stdout);
    await c.start();
    stdin!.write("word\n");
    const text = (await output).toString();
    expect(text.startsWith("word\r\ngot word\r\nline 0\r\n")).toBe(true);
    expect(text.endsWith("line 2999\r\n")).toBe(true);
    expect((await exited).status).toEqual({ exited: 0 });
    expect(c.logged("stdout").toString()).toBe(text);
  });

  asRoot("a new size is seen inside", async () => {
    await using c = await aMonitored({
      config: { process: { ...terminal.process, args: ["/probe", "--size"] } },
    });
    const client = await c.client();
    const { stdout } = await client.attach({ stdout: true });
    let text = "";
    stdout!.on("data", (bytes: Buffer) => {
      text += bytes.toString();
    });
    await c.start();
    await eventually(() => (text.includes("ready") ? true : undefined), "the probe");
    await client.resize(33, 77);
    await eventually(() => (text.includes("33 77") ? true : undefined), "the new size");
  });

  asRoot("a program may close the terminal and open it again", async () => {
    await using c = await aMonitored({
      script: "exec <&- >&- 2>&-; sleep 0.2; exec >/dev/console; echo back; exec sleep 1000",
      config: terminal,
    });
    await c.start();
    await eventually(() => (c.logged("stdout").includes("back\r\n") ? true : undefined), "output");
  });

  asRoot("without one there is no size to set", async () => {
    await using c = await aMonitored({ script: "exec sleep 1000" });
    await expect((await c.client()).resize(1, 1)).rejects.toMatchObject({ code: "ENOTTY" });
  });
});
