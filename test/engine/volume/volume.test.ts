/** Volumes: copy-up, lifetimes, sharing; binds and tmpfs. */
import { existsSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { MountRequest } from "../../../src/engine/request.ts";
import { asRoot } from "../../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

function volume(
  destination: string,
  name?: string,
  changes: { readonly readonly?: boolean; readonly copyUp?: boolean } = {},
): MountRequest {
  return {
    type: "volume",
    destination,
    name,
    readonly: false,
    copyUp: true,
    subpath: undefined,
    driverOptions: {},
    labels: {},
    ...changes,
  };
}

function bind(
  source: string,
  destination: string,
  changes: Partial<Extract<MountRequest, { type: "bind" }>> = {},
): MountRequest {
  return {
    type: "bind",
    source,
    destination,
    readonly: false,
    missing: "make",
    propagation: "rprivate",
    recursive: "enabled",
    options: [],
    ...changes,
  };
}

describe("named volumes", () => {
  asRoot("get what the image has there once, with owners and modes, and keep what is written", async () => {
    await using t = await TestEngine.open();
    const look =
      "cat /data/file /data/link; stat -c '%u:%g %a %n' /data /data/sub/deep; echo more >> /data/file";
    const first = await t.output(t.script(look, { mounts: [volume("/data", "store")] }));
    expect(first.stdout).toBe("from the image\ndeep\n12:34 2750 /data\n12:34 600 /data/sub/deep\n");
    const second = await t.output(t.script("cat /data/file", { mounts: [volume("/data", "store")] }));
    expect(second.stdout).toBe("from the image\nmore\n");
    expect((await t.engine.listVolumes()).map(({ Name }) => Name)).toEqual(["store"]);
    const { Mountpoint } = await t.engine.inspectVolume("store");
    expect(readFileSync(join(Mountpoint, "file"), "utf8")).toBe("from the image\nmore\n");
    // Somewhere else in another image: it is not empty any more.
    const third = await t.output(t.script("ls /etc", { mounts: [volume("/etc", "store")] }));
    expect(third.stdout).toContain("file");
  });

  asRoot("nocopy leaves it empty; read-only is read-only", async () => {
    await using t = await TestEngine.open();
    const { stdout } = await t.output(
      t.script("ls /data", { mounts: [volume("/data", "no", { copyUp: false })] }),
    );
    expect(stdout).toBe("");
    const ro = await t.output(
      t.script("touch /data/x", { mounts: [volume("/data", "no", { readonly: true })] }),
    );
    expect(ro.code).not.toBe(0);
    expect(ro.stderr).toContain("Read-only");
  });

  asRoot("cannot be removed while a container has it", async () => {
    await using t = await TestEngine.open();
    const { id } = await t.engine.create(t.script("true", { mounts: [volume("/data", "kept")] }));
    await expect(t.engine.removeVolume("kept")).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: expect.stringContaining(id),
    });
    expect(await t.engine.pruneVolumes({ all: true })).toMatchObject({ removed: [] });
    await t.engine.remove(id, { volumes: true });
    // With a name it stays.
    expect((await t.engine.listVolumes()).map(({ Name }) => Name)).toEqual(["kept"]);
    expect(await t.engine.pruneVolumes()).toMatchObject({ removed: [] });
    const { removed, bytes } = await t.engine.pruneVolumes({ all: true });
    expect(removed).toEqual(["kept"]);
    expect(bytes).toBeGreaterThan(0);
    await expect(t.engine.removeVolume("kept")).rejects.toMatchObject({ kind: "NotFound" });
  });
});

describe("anonymous volumes", () => {
  asRoot("stay after rm, go with rm -v and with --rm", async () => {
    await using t = await TestEngine.open();
    const { id } = await t.engine.create(t.script("true", { mounts: [volume("/data")] }));
    const [made] = await t.engine.listVolumes();
    expect(made).toMatchObject({
      Name: expect.stringMatching(/^[0-9a-f]{64}$/),
      Anonymous: true,
      Containers: [id],
    });
    await t.engine.remove(id);
    expect(await t.engine.listVolumes()).toHaveLength(1);
    expect((await t.engine.pruneVolumes()).removed).toEqual([made!.Name]);
    await t.output(t.script("true", { mounts: [volume("/data")], autoRemove: true }));
    expect(await t.engine.listVolumes()).toEqual([]);
    expect(existsSync(made!.Mountpoint)).toBe(false);
  });
});

describe("--volumes-from", () => {
  asRoot("the same volumes at the same places, read-only if asked", async () => {
    await using t = await TestEngine.open();
    const { id } = await t.engine.create(
      t.script("true", { mounts: [volume("/data"), volume("/n", "named")] }),
    );
    const { stdout } = await t.output(
      t.script("cat /data/file; touch /n/x && ls /n", { volumesFrom: [{ container: id, readonly: false }] }),
    );
    expect(stdout).toBe("from the image\nx\n");
    const ro = await t.output(t.script("touch /n/y", { volumesFrom: [{ container: id, readonly: true }] }));
    expect(ro.stderr).toContain("Read-only");
    await t.engine.remove(id, { volumes: true });
  });
});

describe("binds, tmpfs and read-only roots", () => {
  asRoot("a bind shows the host's file or directory; a missing one is made, or refused", async () => {
    await using t = await TestEngine.open();
    const source = join(t.directory, "shared");
    mkdirSync(source);
    writeFileSync(join(source, "a"), "hello\n");
    const { stdout } = await t.output(
      t.script("cat /mnt/a /one; echo back > /mnt/b", {
        mounts: [bind(source, "/mnt"), bind(join(source, "a"), "/one")],
      }),
    );
    expect(stdout).toBe("hello\nhello\n");
    expect(readFileSync(join(source, "b"), "utf8")).toBe("back\n");
    await t.output(t.script("true", { mounts: [bind(join(t.directory, "new/dir"), "/mnt")] }));
    expect(statSync(join(t.directory, "new/dir")).isDirectory()).toBe(true);
    const refused = t.output(
      t.script("true", { mounts: [bind(join(t.directory, "no"), "/mnt", { missing: "refuse" })] }),
    );
    await expect(refused).rejects.toMatchObject({ kind: "NotFound" });
    const ro = await t.output(
      t.script("touch /mnt/c", { mounts: [bind(source, "/mnt", { readonly: true })] }),
    );
    expect(ro.stderr).toContain("Read-only");
  });

  asRoot(
    "a tmpfs is noexec unless asked otherwise, and lies over what is mounted outside of it",
    async () => {
      await using t = await TestEngine.open();
      const mounts: MountRequest[] = [
        { type: "tmpfs", destination: "/data/sub", readonly: false, options: ["size=1m"] },
        volume("/data", "outer"),
      ];
      const { stdout } = await t.output(t.script("grep /data /proc/mounts; ls /data /data/sub", { mounts }));
      expect(stdout).toMatch(/tmpfs \/data\/sub tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k/);
      expect(stdout).toMatch(/file\nlink\nsub\n/);
    },
  );

  asRoot("--read-only: the root is, a tmpfs is not; /dev/shm has its size", async () => {
    await using t = await TestEngine.open();
    const { stdout, stderr } = await t.output(
      t.script("touch /x; touch /tmp/y && echo tmp; df -k /dev/shm | grep -o ' 2048 '", {
        readonlyRootfs: true,
        shmSize: 2 << 20,
        mounts: [{ type: "tmpfs", destination: "/tmp", readonly: false, options: [] }],
      }),
    );
    expect(stderr).toContain("/x: Read-only");
    expect(stdout).toContain("tmp\n");
  });

  asRoot("two mounts at one place are a mistake", async () => {
    await using t = await TestEngine.open();
    const twice = t.engine.create(
      t.script("true", { mounts: [volume("/data", "a1"), volume("/data/", "b1")] }),
    );
    await expect(twice).rejects.toMatchObject({
      kind: "InvalidArgument",
      message: expect.stringContaining("duplicate mount point"),
    });
    expect(await t.engine.listVolumes()).toEqual([]);
    expect(lstatSync(join(t.root, "volumes")).isDirectory()).toBe(true);
  });
});
