import { existsSync, readFileSync, readSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect } from "vitest";
import type { Fd } from "../../src/linux/fd.ts";
import { POLLIN, poll } from "../../src/linux/process.ts";
import { setWindowSize } from "../../src/linux/terminal.ts";
import * as runtime from "../../src/runtime/index.ts";
import { aBundle, freshName, type Json } from "../support/bundle.ts";
import { aContainer, aContext, patienceMs, refusal } from "../support/container.ts";
import { asRoot } from "../support/needs.ts";
import { parseReport, type Report } from "../support/probe.ts";
import { Receiver, windowSize } from "../support/sockets.ts";
import { withUserns } from "./userns.ts";

/** Reads from a terminal's master until `pattern` has come, or the other end is closed. */
async function readUntil(master: Fd, pattern: RegExp): Promise<string> {
  let text = "";
  const buffer = Buffer.alloc(65536);
  for (;;) {
    const revents = await poll(master.n, POLLIN, patienceMs);
    if ((revents & POLLIN) === 0) return text;
    try {
      text += buffer.toString("utf8", 0, readSync(master.n, buffer));
    } catch {
      return text; // EIO: the last process is gone
    }
    if (pattern.test(text)) return text;
  }
}

/** Creates a container with a terminal, and takes the master as conmon does. */
async function withTerminal(
  config: Json,
  run: (c: Awaited<ReturnType<typeof aContainer>>, master: Fd, name: string) => Promise<void>,
): Promise<void> {
  using socket = new Receiver();
  await using c = await aContainer({
    status: "created",
    config: { process: { terminal: true }, ...config },
    options: { consoleSocket: socket.path },
  });
  using received = await socket.receive();
  await run(c, received.fd!, received.text);
}

/** What the probe says of itself on a terminal. */
async function onTerminal(process: Json = {}, rest: Json = {}): Promise<Report> {
  let report: Report | undefined;
  const config = {
    ...rest,
    process: { terminal: true, args: ["/probe", "/dev/console", "/dev/tty"], ...process },
  };
  await withTerminal(config, async (c, master) => {
    await c.start();
    report = parseReport(await readUntil(master, /\}\r?\n$/));
  });
  return report!;
}

describe("process.terminal — runtime-spec config.md#process", () => {
  asRoot("stdin, stdout and stderr are one terminal of the container's devpts", async () => {
    const report = await onTerminal();
    expect(report.tty).toMatchObject({ stdin: 1, stdout: 1, stderr: 1 });
    expect(report.tty.name).toMatch(/^\/dev\/(pts\/0|console)$/);
  });

  asRoot("it is the controlling terminal, and the process leads its session", async () => {
    const report = await onTerminal();
    expect(report.tty.controlling).toBe(1);
    expect(report.tty.foreground).toBe(report.pgid);
    expect(report.sid).toBe(report.pid);
  });

  asRoot("it is /dev/console too", async () => {
    const report = await onTerminal();
    expect(report.paths["/dev/console"]).toMatchObject({ type: "c", major: 136, minor: 0, write: 0 });
    expect(
      report.mounts.some((mount) => mount.mountPoint === "/dev/console" && mount.fsType === "devpts"),
    ).toBe(true);
  });

  asRoot("consoleSize is its size from the beginning", async () => {
    const report = await onTerminal({ consoleSize: { height: 33, width: 99 } });
    expect(report.tty).toMatchObject({ rows: 33, columns: 99 });
  });

  asRoot("it belongs to the user", async () => {
    const report = await onTerminal({ user: { uid: 1000, gid: 1000 } });
    expect(report.paths["/dev/console"]).toMatchObject({ uid: 1000 });
  });

  asRoot("in a user namespace", async () => {
    const report = await onTerminal({}, withUserns());
    expect(report.tty).toMatchObject({ stdin: 1, controlling: 1 });
    expect(report.paths["/dev/console"]).toMatchObject({ type: "c", major: 136, uid: 0 });
  });

  asRoot("with --no-pivot", async () => {
    using socket = new Receiver();
    await using c = await aContainer({
      status: "created",
      config: { process: { terminal: true } },
      options: { consoleSocket: socket.path, noPivot: true },
    });
    using received = await socket.receive();
    expect(received.fd).toBeDefined();
    expect(c.status).toBe("created");
  });

  asRoot("consoleSize without a terminal means nothing", async () => {
    await using c = await aContainer({ config: { process: { consoleSize: { height: 3, width: 4 } } } });
    expect(c.status).toBe("running");
  });
});

describe("--console-socket — runc-create(8)", () => {
  asRoot("one message: the terminal's name and exactly one fd, its master", async () => {
    await withTerminal({}, async (_c, master, name) => {
      expect(name.length).toBeGreaterThan(0);
      expect(name.length).toBeLessThan(4096);
      expect(windowSize(master)).toEqual({ rows: 0, columns: 0 });
    });
  });

  asRoot("what is written to the master arrives, and echoes", async () => {
    await withTerminal(
      { process: { terminal: true, args: ["sh", "-c", "read line; echo got $line"] } },
      async (c, master) => {
        await c.start();
        writeSync(master.n, "hello\n");
        expect(await readUntil(master, /got hello/)).toMatch(/got hello/);
      },
    );
  });

  asRoot("a new size reaches the process as SIGWINCH", async () => {
    await withTerminal({ process: { terminal: true, args: ["/probe", "--size"] } }, async (c, master) => {
      await c.start();
      await readUntil(master, /ready/);
      // The probe says so a moment before it waits.
      await sleep(100);
      setWindowSize(master, 44, 111);
      expect(await readUntil(master, /44 111/)).toMatch(/44 111/);
    });
  });

  asRoot("^C interrupts the process in the foreground", async () => {
    await withTerminal(
      {
        process: {
          terminal: true,
          args: ["sh", "-c", "trap 'echo caught; exit 3' INT; echo up; while :; do sleep 1; done"],
        },
      },
      async (c, master) => {
        await c.start();
        await readUntil(master, /up/);
        writeSync(master.n, "\x03");
        expect(await readUntil(master, /caught/)).toMatch(/caught/);
      },
    );
  });

  asRoot("the end of the process hangs the terminal up", async () => {
    await withTerminal({ process: { terminal: true, args: ["echo", "bye"] } }, async (c, master) => {
      await c.start();
      expect(await readUntil(master, /never/)).toMatch(/bye/);
      await c.becomes("stopped");
    });
  });

  asRoot("the terminal comes before the pid file", async () => {
    using socket = new Receiver();
    await using bundle = await aBundle({ process: { terminal: true, args: ["/probe", "--pause"] } });
    const pidFile = `${bundle.directory}/pid`;
    await using c = await aContainer({
      bundle,
      status: "created",
      options: { consoleSocket: socket.path, pidFile },
    });
    using received = await socket.receive();
    expect(received.fd).toBeDefined();
    expect(readFileSync(pidFile, "latin1")).toBe(String(c.pid));
  });

  asRoot("exec --tty: a terminal of its own", async () => {
    await using c = await aContainer();
    using socket = new Receiver();
    const before = c.status;
    await runtime.exec(c.context, c.id, {
      args: ["/probe", "/dev/console"],
      tty: true,
      detach: true,
      consoleSocket: socket.path,
      stdio: c.fds,
    });
    using received = await socket.receive();
    const report = parseReport(await readUntil(received.fd!, /\}\r?\n$/));
    expect(before).toBe("running");
    expect(report.tty).toMatchObject({ stdin: 1, stdout: 1, stderr: 1, controlling: 1 });
    expect(report.tty.name).toBe("/dev/pts/0");
  });

  asRoot("that is not there: an error with its path, and nothing left behind", async () => {
    await using bundle = await aBundle({ process: { terminal: true } });
    const id = freshName();
    const consoleSocket = `${bundle.directory}/none`;
    const create = runtime.create(aContext(), id, { bundle: bundle.path, consoleSocket });
    await expect(create).rejects.toMatchObject({
      kind: "NotFound",
      message: expect.stringContaining(consoleSocket),
      site: { operation: "create", syscall: "connect" },
    });
    expect(existsSync(`${aContext().root}/${id}`)).toBe(false);
  });
});

describe("a terminal that nobody takes — runc's refusals", () => {
  asRoot("create with terminal and without console socket", async () => {
    await using bundle = await aBundle({ process: { terminal: true } });
    await expect(runtime.create(aContext(), freshName(), { bundle: bundle.path })).rejects.toMatchObject({
      kind: "InvalidArgument",
      message: expect.stringContaining(
        "cannot allocate tty if runc will detach without setting console socket",
      ),
      site: { operation: "create", subject: "config.json: process.terminal" },
    });
  });

  asRoot("run --detach with terminal and without console socket", async () => {
    const error = await refusal({ process: { terminal: true } }, { options: { detach: true } });
    expect(error).toMatchObject({ kind: "InvalidArgument" });
    expect(error.message).toContain("cannot allocate tty if runc will detach without setting console socket");
  });

  asRoot("create with console socket and without terminal", async () => {
    using socket = new Receiver();
    await using bundle = await aBundle();
    await expect(
      runtime.create(aContext(), freshName(), { bundle: bundle.path, consoleSocket: socket.path }),
    ).rejects.toMatchObject({
      kind: "InvalidArgument",
      message: expect.stringContaining("cannot use console socket if runc will not detach or allocate tty"),
    });
  });

  asRoot("run in the foreground with a console socket", async () => {
    const error = await refusal({ process: { terminal: true } }, { options: { consoleSocket: "/nowhere" } });
    expect(error).toMatchObject({ kind: "InvalidArgument" });
    expect(error.message).toContain("cannot use console socket if runc will not detach or allocate tty");
  });

  asRoot("exec with either alone", async () => {
    await using c = await aContainer();
    await expect(c.exec(["true"], { tty: true, detach: true })).rejects.toMatchObject({
      kind: "InvalidArgument",
      message: "cannot allocate tty if runc will detach without setting console socket",
    });
    await expect(c.exec(["true"], { detach: true, consoleSocket: "/nowhere" })).rejects.toMatchObject({
      kind: "InvalidArgument",
      message: "cannot use console socket if runc will not detach or allocate tty",
    });
  });
});
