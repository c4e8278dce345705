/** `--userns`: containers whose ids are other ones on the host, seen from both sides and from the kernel's files. */
import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { copy } from "../../src/engine/copy/copy.ts";
import { LocalFiles } from "../../src/engine/copy/local.ts";
import { NetworkStore } from "../../src/engine/network/index.ts";
import { reconcileNetworks } from "../../src/engine/network/reconcile.ts";
import { networkContextOf } from "../../src/engine/network-modes.ts";
import type { IdMaps, MountRequest, UserNamespaceRequest } from "../../src/engine/request.ts";
import type { RequestChanges } from "../../src/engine/request-defaults.ts";
import { testPrefix } from "../support/bundle.ts";
import { eventually } from "../support/container.ts";
import { needs } from "../support/needs.ts";
import { archivePath, forgetEngines, prepareEngines, TestEngine } from "./an-engine.ts";

/** Layers can be idmapped since then. */
const idmapped = needs("root", "cgroup2", "kernel 5.19");
/** Room for two containers of 1024, and some. */
const pool = { first: 500_000, count: 2500 };
const ranges = () => [pool];
const map = (hostID: number, size = 4000): IdMaps => ({
  uid: [{ containerID: 0, hostID, size }],
  gid: [{ containerID: 0, hostID: hostID + 100_000, size }],
});
const open = () => TestEngine.open({ idRanges: ranges });
const within = (user: UserNamespaceRequest, changes: RequestChanges = {}): RequestChanges => ({
  ...changes,
  namespaces: { ...changes.namespaces, user },
});

let aside: string;

beforeAll(() => {
  prepareEngines();
  aside = mkdtempSync(join(tmpdir(), `${testPrefix}-userns-`));
});
afterAll(() => {
  forgetEngines();
  rmSync(aside, { recursive: true, force: true });
});

/** Of a container that runs: /proc/PID/uid_map or gid_map, as numbers. */
async function mapOf(engine: TestEngine, id: string, kind: "uid" | "gid"): Promise<number[][]> {
  const { State } = await engine.engine.inspect(id);
  return readFileSync(`/proc/${State.Pid}/${kind}_map`, "latin1")
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
}

describe("run --userns — podman-run(1)", () => {
  idmapped("maps: the container's ids are those of the host, in the kernel's words", async () => {
    await using engine = await open();
    const id = await engine.running(
      engine.request(within({ maps: map(300_000) }, { command: ["sleep", "60"] })),
    );
    expect(await mapOf(engine, id, "uid")).toEqual([[0, 300_000, 4000]]);
    expect(await mapOf(engine, id, "gid")).toEqual([[0, 400_000, 4000]]);
    const { State, HostConfig } = await engine.engine.inspect(id);
    expect(statSync(`/proc/${State.Pid}`)).toMatchObject({ uid: 300_000, gid: 400_000 });
    expect(HostConfig).toMatchObject({
      UsernsMode: "private",
      IDMappings: { UidMap: ["0:300000:4000"], GidMap: ["0:400000:4000"] },
    });
  });

  idmapped(
    "files of the image have the owners that they have without, and on disk nothing has moved",
    async () => {
      await using engine = await open();
      const script =
        "stat -c '%u:%g %n' /bin/busybox /data/file /data/sub/deep /etc/hosts /etc /dev /dev/shm; id -u";
      const { stdout, code } = await engine.output(engine.script(script, within({ maps: map(300_000) })));
      expect(stdout.split("\n")).toEqual([
        ...["0:0 /bin/busybox", "12:34 /data/file", "12:34 /data/sub/deep", "0:0 /etc/hosts"],
        ...["0:0 /etc", "0:0 /dev", "0:0 /dev/shm", "0", ""],
      ]);
      expect(code).toBe(0);
      const snapshots = await engine.engine.context.snapshots();
      const image = snapshots.list().map(({ chainID }) => snapshots.diff(chainID));
      expect(image.map((diff) => statSync(join(diff, "bin/busybox")).uid)).toEqual([0]);
      expect(image.map((diff) => statSync(join(diff, "data/file")).uid)).toEqual([12]);
    },
  );

  idmapped("what it writes has its own ids on disk, and so in diff, export, cp and commit", async () => {
    await using engine = await open();
    const script =
      `echo new > /mine; chown 7:8 /mine; echo more >> /data/file; rm /noexec; rm -r /data/sub; mkdir /data/sub
      touch /data/sub/other; mkdir /tmp/d`
        .replaceAll("\n", ";")
        .replaceAll(";;", ";");
    const { id } = await engine.engine.create(engine.script(script, within({ maps: map(300_000) })));
    const started = await engine.engine.start(id, { attend: true });
    expect(await started.finish()).toBe(0);
    const upper = join(engine.root, "containers", id, "upper");
    expect(lstatSync(join(upper, "mine"))).toMatchObject({ uid: 7, gid: 8 });
    expect(lstatSync(join(upper, "data/file"))).toMatchObject({ uid: 12, gid: 34 });
    expect(lstatSync(join(upper, "tmp/d"))).toMatchObject({ uid: 0, gid: 0 });
    const changes = (await engine.engine.diff(id)).map(({ kind, path }) => `${kind} ${path}`);
    expect(changes).toEqual([
      ...["C /data", "C /data/file", "C /data/sub", "D /data/sub/deep", "A /data/sub/other"],
      ...["A /mine", "D /noexec", "C /tmp", "A /tmp/d"],
    ]);
    await engine.engine.commit(id, { name: "changed" });
    const show =
      "stat -c '%u:%g %n' /mine /data/file /data/sub/other; ls /data/sub; test -e /noexec || echo gone";
    const seen = ["7:8 /mine", "12:34 /data/file", "0:34 /data/sub/other", "other", "gone", ""];
    // The same to a container of the host's ids, and to one of others.
    for (const user of ["host", { maps: map(340_000) }] as const) {
      const { stdout } = await engine.output(engine.script(show, within(user, { image: "changed" })));
      expect(stdout.split("\n")).toEqual(seen);
    }
  });

  idmapped("auto: no two containers have an id in common, and a removed one's are free again", async () => {
    await using engine = await open();
    using other = await engine.again({ idRanges: ranges });
    const request = engine.request(within("auto", { command: ["sleep", "60"] }));
    const made = await Promise.all([engine.engine.create(request), other.create(request)]);
    for (const { id } of made) (await engine.engine.start(id))[Symbol.dispose]();
    const maps = await Promise.all(made.map(({ id }) => mapOf(engine, id, "uid")));
    expect(maps.flat().sort()).toEqual([
      [0, 500_000, 1024],
      [0, 501_024, 1024],
    ]);
    await expect(engine.engine.create(request)).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: expect.stringMatching(/^--userns=auto: not enough unused ids in \/etc\/subuid/),
    });
    await engine.engine.remove(made[0]!.id, { force: true });
    const again = await engine.running(request);
    expect(await mapOf(engine, again, "uid")).toEqual(maps[0]);
    expect(await mapOf(engine, again, "gid")).toEqual(maps[0]);
  });

  idmapped(
    "auto: as many as the image's accounts need, or as are said; some of them where they are said to be",
    async () => {
      await using engine = await open();
      const lines = async (user: UserNamespaceRequest, changes: RequestChanges = {}) =>
        (
          await engine.output(
            engine.request(within(user, { ...changes, command: ["cat", "/proc/self/uid_map"] })),
          )
        ).stdout
          .trim()
          .split("\n")
          .map((line) => line.trim().split(/\s+/).map(Number));
      // alice is 1000, which 1024 are enough for.
      expect(await lines("auto")).toEqual([[0, 500_000, 1024]]);
      expect(await lines("auto", { user: "2000" })).toEqual([[0, 500_000, 2001]]);
      expect(await lines({ auto: { size: 5, uid: [], gid: [] } })).toEqual([[0, 500_000, 5]]);
      const said = [{ containerID: 2, hostID: 77, size: 1 }];
      expect(await lines({ auto: { size: 5, uid: said, gid: [] } })).toEqual([
        [0, 500_000, 2],
        [2, 77, 1],
        [3, 500_002, 2],
      ]);
    },
  );

  idmapped("auto without ranges, and modes that are for ordinary users, are refused in a line", async () => {
    await using engine = await TestEngine.open({ idRanges: () => [] });
    const refusal = async (user: UserNamespaceRequest, changes: RequestChanges = {}) =>
      engine.engine.create(engine.request(within(user, changes))).then(
        () => "made",
        (error) => error.message,
      );
    expect(await refusal("auto")).toBe('--userns=auto: no ranges found for user "containers" in /etc/subuid');
    expect(await refusal("nomap")).toMatch(/only supported in rootless mode$/);
    expect(await refusal({ keepId: { uid: 1, gid: undefined } })).toMatch(/only supported in rootless mode$/);
    expect(await refusal({ subordinate: { uid: "no-such-name", gid: "no-such-name" } })).toMatch(
      /no ranges found/,
    );
    expect(await refusal({ path: "/run/netns/x" })).toMatch(/ns:\/run\/netns\/x/);
    expect(await refusal({ maps: map(300_000) }, { security: { privileged: true } })).toMatch(
      /privileged mode/,
    );
    expect(await refusal({ maps: map(300_000) }, { runtime: "runc" })).toMatch(/--runtime runc$/);
    const id = await engine.running();
    const pid = { container: id };
    const both = engine.request({ namespaces: { user: { maps: map(300_000) }, pid } });
    await expect(engine.engine.create(both)).rejects.toThrow(
      /^processes of a container are for its own users/,
    );
    await engine.engine.remove(id, { force: true });
    expect(engine.remains()).toEqual([]);
  });

  idmapped("keep-id of root: a namespace of its own with the same ids", async () => {
    await using engine = await open();
    const { stdout } = await engine.output(
      engine.script("cat /proc/self/uid_map; stat -c %u:%g /data/file; touch /x", within("keep-id")),
    );
    expect(stdout.trim().split(/\s+/)).toEqual(["0", "0", "4294967295", "12:34"]);
  });

  idmapped(
    "container: its user namespace, and files as it has them; its end leaves no rights behind",
    async () => {
      await using engine = await open();
      const first = await engine.running(engine.request(within("auto", { command: ["sleep", "60"] })));
      const script =
        "cat /proc/self/uid_map; stat -c %u:%g /data/file; touch /x; chown 3:4 /x; mount -t tmpfs none /tmp && id -u";
      const changes = { security: { capAdd: ["SYS_ADMIN"], seccomp: "unconfined", apparmor: "unconfined" } };
      const second = engine.script(script, within({ container: first }, changes));
      const { stdout, stderr, code, id } = await engine.output(second);
      expect(stderr).toBe("");
      expect(stdout.trim().split(/\s+/)).toEqual(["0", "500000", "1024", "12:34", "0"]);
      expect(code).toBe(0);
      expect(engine.errors(id)).toBe("");
      expect(await engine.status(first)).toBe("running");
      // What ends by itself is cleaned up by the monitor.
      const detached = await engine.running(
        engine.script("sleep 0.2", within({ container: first }, { autoRemove: true })),
      );
      await engine.becomes(detached, "gone");
      await engine.engine.remove(first, { force: true });
      expect(engine.remains()).toEqual([]);
    },
  );
});

describe("maps that no kernel takes", () => {
  idmapped(
    "an id twice, on either side, is refused before there is a container, with a name and without",
    async () => {
      await using engine = await open();
      const one = (containerID: number, hostID: number) => ({ containerID, hostID, size: 1 });
      const refusal = (uid: ReturnType<typeof one>[], changes: RequestChanges = {}) =>
        engine.engine.create(engine.request(within({ maps: { uid, gid: [one(0, 1000)] } }, changes)));
      for (const name of [undefined, "named"]) {
        await expect(refusal([one(0, 1000), one(1, 1000)], { name })).rejects.toMatchObject({
          kind: "InvalidArgument",
          message: "--userns: uid map 1:1000:1: hostID: range overlaps that of entry 0",
        });
      }
      await expect(refusal([one(0, 1000), one(0, 1001)])).rejects.toThrow(/containerID: range overlaps/);
      const said = [one(0, 1000), one(1, 1000)];
      const auto = engine.request(within({ auto: { size: 5, uid: [], gid: said } }));
      await expect(engine.engine.create(auto)).rejects.toThrow(/^--userns: gid map 1:1000:1: hostID/);
      await expect(refusal([one(0, 1000), one(4_294_967_294, 1001)])).rejects.toThrow(
        /^--userns: uid map: leave id 4294967294/,
      );
      expect(engine.remains()).toEqual([]);
    },
  );

  idmapped("that the host's root is somebody in the container is not one of them", async () => {
    await using engine = await open();
    const maps = { ...map(300_000), gid: [{ containerID: 0, hostID: 0, size: 4000 }] };
    const script = "rm /noexec; touch /mine; stat -c %u:%g /mine /data/file";
    const { stdout, stderr } = await engine.output(engine.script(script, within({ maps })));
    expect([stdout, stderr]).toEqual(["0:0\n12:34\n", ""]);
  });
});

describe("who has joined another's user namespace", () => {
  idmapped("keeps its ids from others when the other one is removed", async () => {
    await using engine = await open();
    const sleep = { command: ["sleep", "60"] };
    const first = await engine.running(engine.request(within("auto", sleep)));
    const second = await engine.running(engine.request(within({ container: first }, sleep)));
    const { State } = await engine.engine.inspect(second);
    const third = await engine.running(
      engine.request(within({ path: `/proc/${State.Pid}/ns/user` }, { ...sleep, name: "third" })),
    );
    await engine.engine.remove(first, { force: true });
    await engine.engine.remove(second, { force: true });
    expect(await mapOf(engine, third, "uid")).toEqual([[0, 500_000, 1024]]);
    const fourth = await engine.running(engine.request(within("auto", sleep)));
    expect(await mapOf(engine, fourth, "uid")).toEqual([[0, 501_024, 1024]]);
    await engine.engine.remove(third, { force: true });
    await engine.engine.remove(fourth, { force: true });
    for (const kind of ["uid", "gid"] as const) {
      expect(engine.engine.context.store.idRanges.taken(kind)).toEqual([]);
    }
  });

  idmapped("by a process: is refused at a start when that has other ids by then, or is gone", async () => {
    await using engine = await open();
    const holder = await engine.running(engine.request(within("auto", { command: ["sleep", "60"] })));
    const { State } = await engine.engine.inspect(holder);
    const path = `/proc/${State.Pid}/ns/user`;
    const { id } = await engine.engine.create(
      engine.script("cat /proc/self/uid_map; stat -c %u:%g /data/file", within({ path })),
    );
    const { containers } = engine.engine.context.store;
    const { definition } = containers.get(id)!;
    const start = async () => (await engine.engine.start(id, { attend: true })).finish();
    expect(await start()).toBe(0);
    expect(engine.logged(id).trim().split(/\s+/)).toEqual(["0", "500000", "1024", "12:34"]);
    const gid = [{ containerID: 0, hostID: 300_000, size: 1024 }];
    containers.update(id, { definition: { ...definition, idMaps: { ...definition.idMaps!, gid } } });
    await expect(start()).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: `--userns=ns:${path}: has other ids than when the container was made`,
    });
    await engine.engine.remove(holder, { force: true });
    await expect(start()).rejects.toMatchObject({
      kind: "NotFound",
      message: `--userns=ns:${path}: no such namespace`,
    });
  });
});

describe("the other verbs with a user namespace", () => {
  idmapped("exec and --user: names and numbers are the container's", async () => {
    await using engine = await open();
    const request = engine.script(
      "id -u; echo to stderr > /dev/stderr; exec sleep 60",
      within("auto", { user: "alice" }),
    );
    const id = await engine.running(request);
    await engine.said(id, "to stderr");
    expect(engine.logged(id)).toMatch(/^1000\n/);
    const { State } = await engine.engine.inspect(id);
    expect(statSync(`/proc/${State.Pid}`).uid).toBe(501_000);
    const run = async (args: string[], user?: string) => (await exec(engine, id, args, user)).stdout;
    expect(await run(["sh", "-c", "id -u; echo out > /dev/stdout"])).toBe("1000\nout");
    expect(await run(["sh", "-c", "touch /made; stat -c %u:%g /made; echo out > /dev/stdout"], "root")).toBe(
      "0:0\nout",
    );
    expect(await run(["id", "-u"], "12:34")).toBe("12");
  });

  idmapped("a health check can open its own output", async () => {
    await using engine = await open();
    const times = {
      intervalMs: 3_600_000,
      timeoutMs: 20_000,
      retries: 1,
      startPeriodMs: 0,
      startIntervalMs: 0,
    };
    const health = { test: ["CMD-SHELL", "id -u; echo well > /dev/stdout"], ...times };
    const id = await engine.running(
      engine.request(within("auto", { user: "alice", health, command: ["sleep", "60"] })),
    );
    expect(await engine.engine.healthCheck(id)).toMatchObject({ healthy: true, output: "1000\nwell\n" });
  });

  idmapped("cp into one that runs and out of it, and of one that has stopped", async () => {
    await using engine = await open();
    const id = await engine.running(engine.request(within("auto", { command: ["sleep", "60"] })));
    const [source, target] = [join(aside, "source"), join(aside, "target")];
    mkdirSync(source);
    mkdirSync(target);
    writeFileSync(join(source, "file"), "content");
    chownSync(join(source, "file"), 5, 6);
    const upper = join(engine.root, "containers", id, "upper");
    const quiet = { followLink: false, owner: "archive", onWarning: () => {} } as const;
    const options = { ...quiet, signal: new AbortController().signal };
    const copyIn = async (to: string) => {
      await using files = await engine.engine.files(id);
      await copy(new LocalFiles(), source, files, to, options);
    };
    const copyOut = async (from: string, name: string) => {
      await using files = await engine.engine.files(id);
      await copy(files, from, new LocalFiles(), join(target, name), options);
      return lstatSync(join(target, name, "file"));
    };
    await copyIn("/in");
    expect(lstatSync(join(upper, "in/file"))).toMatchObject({ uid: 5, gid: 6 });
    const { stdout } = await exec(engine, id, ["stat", "-c", "%u:%g %n", "/in", "/in/file"]);
    expect(stdout).toBe("0:0 /in\n5:6 /in/file");
    expect(await copyOut("/in", "running")).toMatchObject({ uid: 5, gid: 6 });
    await engine.engine.stop(id, { timeoutSeconds: 0 });
    await copyIn("/in2");
    expect(lstatSync(join(upper, "in2/file"))).toMatchObject({ uid: 5, gid: 6 });
    expect(await copyOut("/in2", "stopped")).toMatchObject({ uid: 5, gid: 6 });
  });

  idmapped("export: owners as in the container", async () => {
    await using engine = await open();
    const id = await engine.running(
      engine.script("touch /mine; chown 7:8 /mine; echo ready; exec sleep 60", within("auto")),
    );
    await engine.said(id, "ready");
    const tar = spawn("tar", ["--numeric-owner", "-tv", "mine", "data/file"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    void pipeline(engine.engine.export(id), tar.stdin).catch(() => {});
    const listed = (await text(tar.stdout)).match(/\d+\/\d+/g);
    expect(listed?.sort()).toEqual(["12/34", "7/8"]);
  });

  idmapped("volumes: filled, written and kept with the container's ids, whoever else has them", async () => {
    await using engine = await open();
    const volume = {
      type: "volume",
      name: "shared",
      destination: "/data",
      readonly: false,
      copyUp: true,
      subpath: undefined,
      driverOptions: {},
      labels: {},
    } as const;
    const script =
      "stat -c %u:%g /data /data/file; touch /data/$0; chown 9:9 /data/$0; ls -n /data | grep -c ' 9 *9 '";
    const run = async (user: UserNamespaceRequest, name: string) => {
      const command = ["sh", "-c", script, name];
      return (await engine.output(engine.request(within(user, { command, mounts: [volume] })))).stdout.split(
        /\s+/,
      );
    };
    expect(await run({ maps: map(300_000) }, "one")).toEqual(["12:34", "12:34", "1", ""]);
    expect(await run({ maps: map(340_000) }, "two")).toEqual(["12:34", "12:34", "2", ""]);
    expect(await run("host", "three")).toEqual(["12:34", "12:34", "3", ""]);
    expect(statSync(join(engine.root, "volumes/shared/_data/one"))).toMatchObject({ uid: 9, gid: 9 });
  });

  idmapped(
    "bind mounts: as they are, with idmap as the container counts, with U given to its user",
    async () => {
      await using engine = await open();
      const source = join(aside, "bound");
      mkdirSync(source);
      writeFileSync(join(source, "file"), "");
      const bind = {
        ...{ type: "bind", source, destination: "/mnt", readonly: false, missing: "refuse" },
        ...{ propagation: "rprivate", recursive: "enabled", options: [] },
      } as const;
      const user = { maps: map(300_000) };
      const run = async (
        mount: object,
        command = "stat -c %u:%g /mnt/file; touch /mnt/made && stat -c %u:%g /mnt/made",
      ) => {
        const changes = { mounts: [{ ...bind, ...mount } as MountRequest], user: "5:6" };
        return (await engine.output(engine.script(command, within(user, changes)))).stdout.split("\n");
      };
      const nobody = "65534:65534";
      expect(await run({})).toEqual([nobody, ""]);
      chmodSync(source, 0o777);
      expect(await run({ idMaps: "container" })).toEqual(["0:0", "5:6", ""]);
      expect(statSync(join(source, "made"))).toMatchObject({ uid: 5, gid: 6 });
      rmSync(join(source, "made"));
      // What is 0 on disk is 300005 on the host, and so 5 in the container.
      const idMaps = {
        uid: [{ containerID: 0, hostID: 300_005, size: 1 }],
        gid: [{ containerID: 0, hostID: 400_006, size: 1 }],
      };
      expect(await run({ idMaps })).toEqual(["5:6", "5:6", ""]);
      expect(statSync(join(source, "made"))).toMatchObject({ uid: 0, gid: 0 });
      expect(await run({ chown: true })).toEqual(["5:6", "5:6", ""]);
      expect(statSync(join(source, "file"))).toMatchObject({ uid: 300_005, gid: 400_006 });
    },
  );

  idmapped("--pid host, --ipc host, --network host and a terminal", async () => {
    await using engine = await open();
    const shared = { pid: "host", ipc: "host", user: "auto" } as const;
    const { stdout, code } = await engine.output(
      engine.script("ls /proc | grep -c '^[0-9]'; ls /sys > /dev/null; cat /proc/self/uid_map", {
        namespaces: shared,
        network: { mode: "host" },
      }),
    );
    expect(code).toBe(0);
    const [processes, ...rest] = stdout.trim().split(/\s+/);
    expect(Number(processes)).toBeGreaterThan(3);
    expect(rest).toEqual(["0", "500000", "1024"]);
    const terminal = await engine.output(
      engine.script("stat -c %u:%g /dev/console; echo hi > /dev/tty", within("auto", { tty: true })),
    );
    expect(terminal.stdout).toMatch(/^0:5\r\nhi\r\n$/);
  });

  idmapped("--rootfs with idmap, and devices under another name", async () => {
    await using engine = await open();
    const rootfs = join(aside, "rootfs");
    mkdirSync(rootfs);
    execFileSync("tar", ["-xf", archivePath(), "-C", rootfs]);
    const devices = [{ host: "/dev/zero", container: "/dev/nothing", permissions: "r" }];
    const { stdout, code } = await engine.output(
      engine.script("stat -c %u:%g /data/file; touch /made; head -c 3 /dev/nothing | wc -c", {
        ...within("auto", { devices }),
        ...{ image: undefined, rootfs, rootfsOwners: "container" },
      }),
    );
    expect(stdout.split("\n")).toEqual(["12:34", "3", ""]);
    expect(code).toBe(0);
    expect(lstatSync(join(rootfs, "made")).uid).toBe(0);
  });

  idmapped("a bridge network and a published port", async () => {
    await using engine = await open();
    const context = await networkContextOf(engine.engine.context);
    await using _bridge = {
      async [Symbol.asyncDispose]() {
        for (const { id } of await engine.engine.list()) await engine.engine.remove(id, { force: true });
        await reconcileNetworks(context, { isAlive: () => false, idle: "remove" });
      },
    };
    await new NetworkStore(context).create({ name: "mapped", subnets: [{ subnet: "10.231.78.0/24" }] });
    const attached = { network: "mapped", aliases: [], ipv4: undefined, ipv6: undefined, mac: undefined };
    const port = {
      hostIp: "127.0.0.1",
      hostPort: 0,
      hostPortEnd: undefined,
      containerPort: 80,
      protocol: "tcp",
    };
    const network = { mode: "bridge", networks: [attached], ports: [port] } as const;
    const server = "while :; do echo answered | busybox nc -l -p 80; done";
    const id = await engine.running(engine.script(server, { ...within("auto"), network: network as never }));
    const { NetworkSettings } = await engine.engine.inspect(id);
    const [published] = NetworkSettings.Ports["80/tcp"]!;
    const ask = () => text(connect(Number(published!.HostPort), "127.0.0.1")).catch(() => "");
    expect(await eventually(async () => (await ask()) || undefined, "an answer")).toBe("answered\n");
    const { stdout } = await exec(engine, id, ["cat", "/etc/hosts"]);
    expect(stdout).toContain(NetworkSettings.Networks.mapped!.IPAddress);
  });
});

async function exec(engine: TestEngine, id: string, args: string[], user?: string) {
  await using process = await engine.engine.exec(id, { args, user });
  const stdout = (await text(process.stdout!)).trim();
  await process.wait();
  return { stdout };
}
