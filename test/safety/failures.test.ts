/** What can go wrong when a container is made: the right error, and nothing left behind. @see runtime-spec 1.3 runtime.md#errors */

import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hierarchy } from "../../src/runtime/cgroup/hierarchy.ts";
import {
  expectNothing,
  footprint,
  host,
  type Json,
  missing,
  nothing,
  runtime,
  Sandbox,
} from "./containers.ts";

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
});
afterEach(() => sandbox[Symbol.asyncDispose]());

const hook = (script: string, rest: object = {}): object => ({
  path: "/bin/sh",
  args: ["sh", "-c", script],
  ...rest,
});

/** A state directory that is a file system of its own. */
function withState(options: string): Disposable {
  mkdirSync(sandbox.root, { recursive: true });
  const mounted = host("mount", "-t", "tmpfs", "-o", options, "state", sandbox.root);
  if (mounted.status !== 0) throw new Error(mounted.stderr);
  return { [Symbol.dispose]: () => void host("umount", sandbox.root) };
}

const withoutMemory = missing ? false : !hierarchy().controllers.has("memory");

describe.skipIf(missing)("create", () => {
  test("a disk that is full", async () => {
    using _state = withState("size=64k");
    writeFileSync(join(sandbox.root, "ballast"), "");
    // A file that takes all that is left, then containers whose configuration does not fit.
    expect(() => writeFileSync(join(sandbox.root, "ballast"), Buffer.alloc(1 << 20))).toThrow(/ENOSPC/);
    expect(statfsSync(sandbox.root).bavail).toBe(0);
    expect(await sandbox.refusal()).toMatchObject({
      name: "RuntError",
      kind: "Unavailable",
      site: { code: "ENOSPC" },
    });
    expect(readdirSync(sandbox.root)).toEqual(["ballast"]);
    expect({ ...footprint(sandbox), state: [] }).toEqual(nothing);
  });

  test("a disk that is full by the time of the second file", async () => {
    using _state = withState("size=16k");
    sandbox.config.annotations = { long: "x".repeat(20_000) };
    expect(await sandbox.refusal()).toMatchObject({
      name: "RuntError",
      kind: "Unavailable",
      site: { code: "ENOSPC" },
    });
    await expectNothing(sandbox);
  });

  test("no inodes left, at every file that is made", async () => {
    const results = new Set<string>();
    for (let inodes = 1; inodes < 8; inodes++) {
      using _state = withState(`nr_inodes=${inodes}`);
      const error = await sandbox.refusal();
      results.add(error.name ?? "ran");
      if (error.name)
        expect(error, `${inodes} inodes`).toMatchObject({
          name: "RuntError",
          kind: "Unavailable",
          site: { code: "ENOSPC" },
        });
      await expectNothing(sandbox);
    }
    expect(results).toEqual(new Set(["RuntError", "ran"]));
  });

  test("a state directory that cannot be written", async () => {
    using _state = withState("ro");
    expect(await sandbox.refusal()).toMatchObject({
      name: "RuntError",
      kind: "Unavailable",
      site: { code: "EROFS" },
    });
    await expectNothing(sandbox);
  });

  test("a state directory that is a file", async () => {
    writeFileSync(sandbox.root, "");
    expect(await sandbox.refusal()).toMatchObject({
      name: "RuntError",
      kind: "Unavailable",
      site: { code: "ENOTDIR" },
    });
    rmSync(sandbox.root);
  });

  const wrong: Record<string, [() => void, object]> = {
    "a rootfs that is not there": [
      () => {
        sandbox.config.root.path = "nowhere";
      },
      { kind: "NotFound", site: { subject: "config.json: root.path", code: "ENOENT" } },
    ],
    "a rootfs that is a file": [
      () => {
        sandbox.config.root.path = "config.json";
      },
      { kind: "InvalidArgument", site: { subject: "config.json: root.path" } },
    ],
    "a bind mount of what is not there": [
      () =>
        void sandbox.config.mounts.push({
          destination: "/x",
          type: "bind",
          source: "/nowhere",
          options: ["bind"],
        }),
      { kind: "NotFound", site: { subject: "config.json: mounts[3].source", code: "ENOENT" } },
    ],
    "a file system that the kernel does not have": [
      () => void sandbox.config.mounts.push({ destination: "/x", type: "nosuchfs", source: "x" }),
      { site: { subject: "config.json: mounts[3]", syscall: "fsopen", code: "ENODEV" } },
    ],
    "a mount option that the file system does not have": [
      () =>
        void sandbox.config.mounts.push({
          destination: "/x",
          type: "tmpfs",
          source: "x",
          options: ["flavour=sour"],
        }),
      { site: { subject: "config.json: mounts[3]", syscall: "fsconfig", code: "EINVAL" } },
    ],
    "a namespace that is not there": [
      () => {
        sandbox.config.linux.namespaces[4] = { type: "network", path: "/proc/self/ns/nowhere" };
      },
      { kind: "NotFound", site: { subject: "config.json: linux.namespaces" } },
    ],
    "a namespace of another kind": [
      () => {
        sandbox.config.linux.namespaces[4] = { type: "network", path: "/proc/self/ns/uts" };
      },
      { site: { subject: "config.json: linux.namespaces[4]" } },
    ],
    "a program that is not there": [
      () => {
        sandbox.config.process.args = ["nowhere"];
      },
      { kind: "NotFound", site: { subject: "config.json: process.args" } },
    ],
    "a program that is none": [
      () => {
        sandbox.config.process.args = ["/etc"];
      },
      { site: { subject: "config.json: process.args" } },
    ],
    "a limit higher than the hard one": [
      () => {
        sandbox.config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 9, hard: 1 }];
      },
      { site: { subject: "config.json: process.rlimits[0].soft" } },
    ],
    "a hook that fails: createRuntime": [
      () => {
        sandbox.config.hooks = {
          createRuntime: [{ path: "/bin/true" }, hook("echo why >&2; exit 3")],
        };
      },
      {
        kind: "FailedPrecondition",
        message: expect.stringMatching(/createRuntime hook #1: .*3.*why/),
        site: { subject: "config.json: hooks.createRuntime[1]" },
      },
    ],
    "a hook that fails: createContainer": [
      () => {
        sandbox.config.hooks = { createContainer: [hook("echo why >&2; exit 3")] };
      },
      { message: expect.stringMatching(/createContainer hook #0.*why/) },
    ],
    "a hook that fails: startContainer": [
      () => {
        sandbox.config.hooks = { startContainer: [hook("echo why >&2; exit 3")] };
      },
      { message: expect.stringMatching(/startContainer hook.*why/) },
    ],
    "a hook that fails: poststart": [
      () => {
        sandbox.config.hooks = { poststart: [hook("exit 3")] };
      },
      { message: expect.stringMatching(/poststart hook #0/) },
    ],
    "a hook that is not there": [
      () => {
        sandbox.config.hooks = { createRuntime: [{ path: "/nowhere" }] };
      },
      { message: expect.stringMatching(/createRuntime hook #0: \/nowhere: no such file/) },
    ],
    "a hook that is not there, in the container": [
      () => {
        sandbox.config.hooks = { startContainer: [{ path: "/nowhere" }] };
      },
      { message: expect.stringMatching(/startContainer hook.*\/nowhere/) },
    ],
    "a hook that takes too long: createRuntime": [
      () => {
        sandbox.config.hooks = { createRuntime: [hook("exec sleep 30", { timeout: 1 })] };
      },
      { message: expect.stringMatching(/timed out/) },
    ],
    "a hook that takes too long: createContainer": [
      () => {
        sandbox.config.hooks = { createContainer: [hook("exec sleep 30", { timeout: 1 })] };
      },
      { message: expect.stringMatching(/timed out/) },
    ],
    "a hook that takes too long and does not read what is more than a pipe holds": [
      () => {
        sandbox.config.annotations = { long: "x".repeat(200_000) };
        sandbox.config.hooks = { createContainer: [hook("exec sleep 30", { timeout: 1 })] };
      },
      { message: expect.stringMatching(/timed out/) },
    ],
    "a console socket that nobody listens at": [
      () => {
        sandbox.config.process.terminal = true;
      },
      { kind: "NotFound", site: { syscall: "connect", code: "ENOENT" } },
    ],
  };
  for (const [name, [change, error]] of Object.entries(wrong)) {
    test(name, async () => {
      change();
      const options = name.startsWith("a console")
        ? { detach: true, consoleSocket: join(sandbox.directory, "nobody") }
        : {};
      expect(await sandbox.refusal(options)).toMatchObject({ name: "RuntError", ...error });
      await expectNothing(sandbox);
    });
  }

  test("a bundle that is not there, and one without a configuration", async () => {
    const id = sandbox.id();
    const bundles = [join(sandbox.directory, "nowhere"), sandbox.outside];
    for (const bundle of bundles) {
      await expect(runtime.create(sandbox.context, id, { bundle })).rejects.toMatchObject({
        name: "RuntError",
        kind: "NotFound",
      });
    }
    await expectNothing(sandbox);
  });

  test("an ID that is taken: the one who has it keeps everything", async () => {
    const { id, pid } = await sandbox.running();
    const before = footprint(sandbox);
    await expect(runtime.create(sandbox.context, id, { bundle: sandbox.bundle })).rejects.toMatchObject({
      kind: "AlreadyExists",
    });
    expect(footprint(sandbox)).toEqual(before);
    expect(runtime.state(sandbox.context, id)).toMatchObject({ status: "running", pid });
  });

  test("IDs that are paths", async () => {
    sandbox.write();
    for (const id of ["", ".", "..", "../x", "a/b", "/", "a\0b", "a\nb", "x".repeat(1025)]) {
      await expect(
        runtime.create(sandbox.context, id, { bundle: sandbox.bundle }),
        JSON.stringify(id),
      ).rejects.toMatchObject({ kind: "InvalidArgument" });
    }
    await expectNothing(sandbox);
  });

  test("a pid file that cannot be written: the container is gone again", async () => {
    const pidFile = join(sandbox.directory, "no/such/directory/pid");
    await expect(sandbox.create({ pidFile })).rejects.toMatchObject({
      name: "RuntError",
      site: { path: pidFile },
    });
    await expectNothing(sandbox);
  });

  test("a receiver of the terminal that hangs up", async () => {
    sandbox.config.process.terminal = true;
    const consoleSocket = join(sandbox.directory, "console");
    const server = createServer((socket) => socket.destroy()).listen(consoleSocket);
    await once(server, "listening");
    try {
      await sandbox.create({ consoleSocket }).catch((error: Json) => expect(error.name).toBe("RuntError"));
    } finally {
      server.close();
    }
  });

  test.skipIf(!withoutMemory)(
    "a limit whose controller is not there is named [needs a cgroup2 mount without the memory controller]",
    async () => {
      sandbox.config.linux.resources = { memory: { limit: 64 << 20 } };
      const error = await sandbox.refusal();
      expect(error).toMatchObject({
        name: "RuntError",
        site: { subject: expect.stringContaining("linux.resources.memory") },
      });
      expect(error.message).toMatch(/memory controller|controller.*memory/);
      await expectNothing(sandbox);
    },
  );

  test("delete of what never was", async () => {
    await expect(runtime.deleteContainer(sandbox.context, "never", { force: false })).rejects.toMatchObject({
      kind: "NotFound",
    });
    await runtime.deleteContainer(sandbox.context, "never", { force: true });
    expect(existsSync(sandbox.root)).toBe(false);
  });
});
