import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { pidfd_send_signal } from "../../src/linux/process.ts";
import * as runtime from "../../src/runtime/index.ts";
import { aBundle, type Bundle, freshName } from "../support/bundle.ts";
import { aContainer, aContext, probeIn } from "../support/container.ts";
import { asRoot } from "../support/needs.ts";
import type { Report } from "../support/probe.ts";
import { Receiver } from "../support/sockets.ts";

/** Runs the probe from a process of its own, whose fds from 3 on are the given files. */
async function withInherited(files: readonly string[], options: object): Promise<Report> {
  const { spawnSync } = await import("node:child_process");
  const { join } = await import("node:path");
  await using bundle = await aBundle({ process: { args: ["/probe"] } });
  const paths = files.map((name) => join(bundle.directory, name));
  for (const path of paths) writeFileSync(path, "inherited");
  const fds = paths.map((path) => openSync(path, "r"));
  const script = `
    import { run } from ${JSON.stringify(join(import.meta.dirname, "../../src/runtime/index.ts"))};
    const context = { root: process.argv[1], cgroupManager: "cgroupfs", rootless: "auto", log() {} };
    await run(context, process.argv[2], { bundle: process.argv[3], ...JSON.parse(process.argv[4]) });
  `;
  const args = [
    "--input-type=module",
    "-e",
    script,
    aContext().root,
    freshName(),
    bundle.path,
    JSON.stringify(options),
  ];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    stdio: ["ignore", "pipe", "pipe", ...fds],
    encoding: "utf8",
  });
  for (const fd of fds) closeSync(fd);
  if (stdout === "") throw new Error(stderr);
  const { parseReport } = await import("../support/probe.ts");
  return parseReport(stdout);
}

describe("--preserve-fds, LISTEN_FDS — runc-run(8)", () => {
  asRoot("--preserve-fds 2: 3 and 4 are the caller's, and nothing else is", async () => {
    const report = await withInherited(["three", "four", "five"], { preserveFds: 2 });
    expect(Object.keys(report.fds)).toEqual(["0", "1", "2", "3", "4"]);
    expect(report.fds[3]).toMatch(/three$/);
    expect(report.fds[4]).toMatch(/four$/);
  });

  asRoot("without it, nothing of the caller's arrives", async () => {
    expect(Object.keys((await withInherited(["three"], {})).fds)).toEqual(["0", "1", "2"]);
  });

  asRoot("LISTEN_FDS 1: 3 is the caller's, and the environment says so", async () => {
    const report = await withInherited(["socket"], { listenFds: 1 });
    expect(report.fds[3]).toMatch(/socket$/);
    expect(report.env).toEqual(expect.arrayContaining(["LISTEN_FDS=1", "LISTEN_PID=1"]));
  });

  asRoot("--preserve-fds counts after LISTEN_FDS", async () => {
    const report = await withInherited(["socket", "other"], { listenFds: 1, preserveFds: 1 });
    expect(report.fds[3]).toMatch(/socket$/);
    expect(report.fds[4]).toMatch(/other$/);
  });

  asRoot("one that is not open: an error that says which", async () => {
    await using bundle = await aBundle();
    await expect(
      runtime.create(aContext(), freshName(), { bundle: bundle.path, preserveFds: 400 }),
    ).rejects.toMatchObject({
      kind: "InvalidArgument",
      message: expect.stringMatching(/^unable to stat preserved-fd \d+/),
    });
  });
});

describe("--pid-file — runc-create(8)", () => {
  asRoot("the pid in decimal, without a newline", async () => {
    await using bundle = await aBundle({ process: { args: ["/probe", "--pause"] } });
    const pidFile = `${bundle.directory}/pid`;
    await using c = await aContainer({ bundle, status: "created", options: { pidFile } });
    expect(readFileSync(pidFile, "latin1")).toBe(String(c.pid));
    expect(existsSync(`${bundle.directory}/.pid`)).toBe(false);
  });

  asRoot("exec: the pid of the new process", async () => {
    await using c = await aContainer();
    const pidFile = `${c.bundle.directory}/exec-pid`;
    await c.exec(["sleep", "100"], { detach: true, pidFile });
    const pid = Number(readFileSync(pidFile, "latin1"));
    expect(readFileSync(`/proc/${pid}/cmdline`, "latin1")).toBe("sleep\x00100\x00");
  });

  asRoot("in a directory that is not there: an error, and nothing left behind", async () => {
    await using bundle = await aBundle();
    const id = freshName();
    await expect(
      runtime.create(aContext(), id, { bundle: bundle.path, pidFile: "/no/such/directory/pid" }),
    ).rejects.toMatchObject({ name: "RuntError", site: { path: "/no/such/directory/pid" } });
    expect(existsSync(`${aContext().root}/${id}`)).toBe(false);
  });
});

describe("--pidfd-socket — runc-create(8)", () => {
  asRoot('create sends a pidfd of init, as "standard"', async () => {
    using socket = new Receiver();
    await using c = await aContainer({ status: "created", options: { pidfdSocket: socket.path } });
    using received = await socket.receive();
    expect(received.text).toBe("standard");
    expect(readFileSync(`/proc/self/fdinfo/${received.fd!.n}`, "latin1")).toMatch(
      new RegExp(`^Pid:\\t${c.pid}$`, "m"),
    );
    pidfd_send_signal(received.fd!, 9);
    await c.becomes("stopped");
  });

  asRoot('exec sends one of its process, as "setns"', async () => {
    using socket = new Receiver();
    await using c = await aContainer();
    await c.exec(["sleep", "100"], { detach: true, pidfdSocket: socket.path });
    using received = await socket.receive();
    expect(received.text).toBe("setns");
    const pid = /^Pid:\t(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${received.fd!.n}`, "latin1"))![1];
    expect(readFileSync(`/proc/${pid}/cmdline`, "latin1")).toBe("sleep\x00100\x00");
  });
});

describe("the session keyring — --no-new-keyring of runc-create(8)", () => {
  asRoot("each container has one of its own, named after it", async () => {
    const id = freshName();
    const report = await probeIn({}, [], { id });
    expect(report.keyring.description).toMatch(new RegExp(`;_ses\\.${id}$`));
  });

  asRoot("exec finds itself in the same", async () => {
    await using c = await aContainer();
    const [a, b] = [await c.probe(), await c.probe()];
    expect(a.keyring.serial).toBe(b.keyring.serial);
    expect(a.keyring.description).toMatch(new RegExp(`;_ses\\.${c.id}$`));
  });

  asRoot("--no-new-keyring leaves the caller's", async () => {
    const report = await probeIn({}, [], { options: { noNewKeyring: true } });
    expect(report.keyring.description).not.toMatch(/_ses\.runt-test/);
  });
});

describe("NOTIFY_SOCKET — sd_notify(3)", () => {
  /** Starts a container that notifies, with a service manager to listen. */
  async function notifying(
    text: string,
    listen: (manager: Receiver, pid: () => number) => Promise<void>,
  ): Promise<void> {
    using manager = new Receiver("datagram");
    await using bundle: Bundle = await aBundle({ process: { args: ["/probe", "--notify", text] } });
    await using c = await aContainer({ bundle, status: "created", options: { notifySocket: manager.path } });
    const started = c.start();
    await listen(manager, () => c.pid);
    await started;
  }

  asRoot("READY=1 is passed on with MAINPID, then a barrier is waited for", async () => {
    await notifying("READY=1\nSTATUS=fine\n", async (manager, pid) => {
      using ready = await manager.receive();
      expect(ready.text).toMatch(/^READY=1$/m);
      expect(ready.text).toMatch(new RegExp(`^MAINPID=${pid()}$`, "m"));
      expect(readFileSync(`/proc/${pid()}/environ`, "latin1")).toContain(
        "NOTIFY_SOCKET=/run/notify/notify.sock\0",
      );
      using barrier = await manager.receive();
      expect(barrier.text).toBe("BARRIER=1");
      expect(barrier.fd).toBeDefined();
    });
  });

  asRoot("the container sees its own end at /run/notify, and cannot write to the directory", async () => {
    using manager = new Receiver("datagram");
    await using c = await aContainer({ status: "created", options: { notifySocket: manager.path } });
    const report = await c.probe(["/run/notify"]);
    expect(report.paths["/run/notify"]).toMatchObject({ type: "d", write: -30 });
  });

  asRoot("a container that ends without a word ends the waiting", async () => {
    using manager = new Receiver("datagram");
    await using bundle = await aBundle({ process: { args: ["true"] } });
    await using c = await aContainer({ bundle, status: "created", options: { notifySocket: manager.path } });
    await c.start();
    await c.becomes("stopped");
  });
});
