import { describe, expect, test } from "vitest";
import { read, requestOf } from "./request.ts";

const bind = {
  type: "bind",
  destination: "/d",
  readonly: false,
  missing: "make",
  propagation: "rprivate",
  recursive: "enabled",
  options: [],
};
const volume = {
  type: "volume",
  destination: "/d",
  readonly: false,
  name: undefined,
  copyUp: true,
  subpath: undefined,
  driverOptions: {},
  labels: {},
};

describe("-v [source:]destination[:options]", () => {
  test.each([
    ["/a/b/:/d/", { ...bind, source: "/a/b" }],
    ["./data:/d", { ...bind, source: "/home/me/data" }],
    ["..:/d", { ...bind, source: "/home" }],
    [".:/d", { ...bind, source: "/home/me" }],
    ["/a:/d:ro", { ...bind, source: "/a", readonly: true }],
    ["/a:/d:rw,rshared", { ...bind, source: "/a", propagation: "rshared" }],
    ["/a:/d:bind,slave,z", { ...bind, source: "/a", propagation: "slave", recursive: "disabled" }],
    ["/a:/d:noexec,nosuid,nodev", { ...bind, source: "/a", options: ["noexec", "nodev", "nosuid"] }],
    ["data:/d", { ...volume, name: "data" }],
    ["data:/d:ro,nocopy", { ...volume, name: "data", readonly: true, copyUp: false }],
    ["/d", volume],
    ["/d/../d/", volume],
  ])("%s", async (text, mount) => {
    expect((await requestOf("-v", text)).mounts).toEqual([mount]);
  });

  test.each([
    ["a:b:c:d", "not [source:]destination[:options]"],
    ["", "not [source:]destination[:options]"],
    ["/a::ro", "not [source:]destination[:options]"],
    ["/a:d", 'the destination "d" is not absolute'],
    ["data", 'the destination "data" is not absolute'],
    ["/a:/", 'the destination cannot be "/"'],
    ["/a:/d/..", 'the destination cannot be "/"'],
    ["a/b:/d", '"a/b" is no name of a volume: a directory of the host begins with "/" or "./"'],
    ["a:/d", '"a" is no name of a volume: [a-zA-Z0-9][a-zA-Z0-9_.-]+'],
    ["/a:/d:rx", 'invalid option "rx"'],
    ["/a:/d:ro,rw", 'both "ro" and "rw"'],
    ["/a:/d:shared,slave", 'both "shared" and "slave"'],
    ["/a:/d:nocopy", '"nocopy" is for volumes'],
    ["data:/d:rshared", '"rshared" is for directories of the host'],
  ])("%j is refused", async (text, why) => {
    await expect(read(["-v", text])).rejects.toThrow(
      expect.objectContaining({
        kind: "InvalidArgument",
        message: `--volume ${JSON.stringify(text)}: ${why}`,
      }),
    );
  });

  const disk = [
    { containerID: 0, hostID: 1, size: 10 },
    { containerID: 10, hostID: 20, size: 1 },
  ];
  test.each([
    ["/a:/d:U", { ...bind, source: "/a", chown: true }],
    ["/a:/d:ro,idmap", { ...bind, source: "/a", readonly: true, idMaps: "container" }],
    [
      "/a:/d:idmap=uids=0-1-10#10-20-1;gids=0-1-10#10-20-1",
      { ...bind, source: "/a", idMaps: { uid: disk, gid: disk } },
    ],
    ["data:/d:U,idmap", { ...volume, name: "data", chown: true }],
  ])("%j: owners", async (text, mount) => {
    expect((await requestOf("-v", text)).mounts).toEqual([mount]);
  });

  test.each([
    "idmap=uids=0-1-10",
    "idmap=0-1-10",
    "idmap=uids=0-1;gids=0-1-1",
    "idmap=uids=0-1-0;gids=0-1-1",
  ])("%s is refused", async (word) => {
    await expect(read(["-v", `/a:/d:${word}`])).rejects.toMatchObject({ kind: "InvalidArgument" });
  });

  test.each(["O", "nocreate", "idmap=uids=@0-1-10;gids=@0-1-10"])(
    "%s of podman: not supported, and said so",
    async (word) => {
      await expect(read(["-v", `/a:/d:${word}`])).rejects.toThrow(
        expect.objectContaining({ kind: "Unimplemented" }),
      );
    },
  );
});

describe("--mount key=value,…", () => {
  const strict = { ...bind, missing: "refuse" };
  test.each([
    ["type=bind,src=/a,dst=/d", { ...strict, source: "/a" }],
    ["type=bind,source=./a,target=/d,ro", { ...strict, source: "/home/me/a", readonly: true }],
    ["type=bind,source=/a,destination=/d,readonly=false", { ...strict, source: "/a" }],
    ["TYPE=bind,SRC=/a,target=/d,rw=false", { ...strict, source: "/a", readonly: true }],
    ["type=bind,src=/a,dst=/d,bind-create-src", { ...bind, source: "/a" }],
    ["type=bind,src=/a,dst=/d,bind-propagation=rslave", { ...strict, source: "/a", propagation: "rslave" }],
    ["type=bind,src=/a,dst=/d,bind-nonrecursive", { ...strict, source: "/a", recursive: "disabled" }],
    [
      "type=bind,src=/a,dst=/d,ro,bind-recursive=writable",
      { ...strict, source: "/a", readonly: true, recursive: "writable" },
    ],
    [
      "type=bind,src=/a,dst=/d,ro,bind-propagation=rprivate,bind-recursive=readonly",
      { ...strict, source: "/a", readonly: true, recursive: "readonly" },
    ],
    ['type=bind,"src=/a,b",dst=/d', { ...strict, source: "/a,b" }],
    ["target=/d", volume],
    ["type=volume,target=/d,src=", volume],
    [
      "src=data,dst=/d,volume-nocopy,volume-subpath=x/y",
      { ...volume, name: "data", copyUp: false, subpath: "x/y" },
    ],
    [
      'src=data,dst=/d,volume-opt=type=tmpfs,"volume-opt=o=size=1m,uid=1",volume-label=a=b',
      { ...volume, name: "data", driverOptions: { type: "tmpfs", o: "size=1m,uid=1" }, labels: { a: "b" } },
    ],
    ["type=tmpfs,dst=/d", { type: "tmpfs", destination: "/d", readonly: false, options: ["mode=1777"] }],
    [
      "type=tmpfs,dst=/d,tmpfs-size=64m,tmpfs-mode=0700",
      { type: "tmpfs", destination: "/d", readonly: false, options: ["mode=700", "size=67108864"] },
    ],
    [
      "type=image,src=alpine,dst=/d,image-subpath=etc",
      { type: "image", destination: "/d", readonly: false, image: "alpine", subpath: "etc" },
    ],
  ])("%s", async (text, mount) => {
    expect((await requestOf("--mount", text)).mounts).toEqual([mount]);
  });

  test.each([
    ["type=nfs,dst=/d", "type must be one of bind, volume, tmpfs, image"],
    ["type=bind,src=/a", "target is required"],
    ["type=bind,dst=/d", "source is required: a path of the host"],
    ["type=bind,src=a,dst=/d", 'the source "a" is not absolute'],
    ["type=bind,src=/a,dst=/", 'the destination cannot be "/"'],
    ["type=bind,src=/a,dst=/d,volume-nocopy", '"volume-nocopy" is not for mounts of type bind'],
    ["type=tmpfs,src=/a,dst=/d", '"source" is not for mounts of type tmpfs'],
    ["type=bind,src=/a,dst=/d,colour=red", 'unexpected key "colour"'],
    ["type=bind,src,dst=/d", '"src" must be source=value'],
    ["type=bind,src=/a,dst=/d,ro=maybe", "readonly must be true or false"],
    ["type=bind,src=/a,dst=/d,bind-recursive=readonly", "bind-recursive=readonly requires readonly"],
    [
      "type=bind,src=/a,dst=/d,ro,bind-recursive=readonly",
      "bind-recursive=readonly requires bind-propagation=rprivate",
    ],
    [
      "type=bind,src=/a,dst=/d,bind-recursive=no",
      "bind-recursive must be one of enabled, disabled, writable, readonly",
    ],
    ["type=bind,src=/a,dst=/d,bind-propagation=x", /bind-propagation must be one of private,/],
    ["type=tmpfs,dst=/d,tmpfs-mode=9", "tmpfs-mode must be octal, as in 1777"],
    ["type=image,dst=/d", "source is required: the image"],
    ['type=bind,"src=/a,dst=/d', "a quote in the middle of a field, or none at its end"],
  ])("%j is refused", async (text, why) => {
    const message = why instanceof RegExp ? why : `--mount ${JSON.stringify(text)}: ${why}`;
    await expect(read(["--mount", text])).rejects.toThrow(message);
  });

  test("a wrong size names key and flag", async () => {
    await expect(read(["--mount", "type=tmpfs,dst=/d,tmpfs-size=1q"])).rejects.toThrow(
      '--mount tmpfs-size "1q": not a size',
    );
  });
});

describe("--tmpfs path[:options]", () => {
  test.each([
    ["/d", [], false],
    ["/d:size=64m,mode=1777,exec", ["size=64m", "mode=1777", "exec"], false],
    ["/d:ro,uid=1000,size=10%", ["uid=1000", "size=10%"], true],
  ])("%s", async (text, options, readonly) => {
    expect((await requestOf("--tmpfs", text)).mounts).toEqual([
      { type: "tmpfs", destination: "/d", options, readonly },
    ]);
  });

  test.each([
    ["/d:colour=red", 'invalid tmpfs option "colour=red"'],
    ["d", 'the destination "d" is not absolute'],
    ["/", 'the destination cannot be "/"'],
  ])("%j is refused", async (text, why) => {
    await expect(read(["--tmpfs", text])).rejects.toThrow(`--tmpfs ${JSON.stringify(text)}: ${why}`);
  });
});

describe("the rest of storage", () => {
  test("two mounts in one place are refused", async () => {
    await expect(read(["-v", "/a:/d", "--tmpfs", "/d"])).rejects.toThrow(
      "conflicting options: duplicate mount point: /d",
    );
  });

  test("--volumes-from", async () => {
    expect((await requestOf("--volumes-from", "a", "--volumes-from", "b:ro,z")).volumesFrom).toEqual([
      { container: "a", readonly: false },
      { container: "b", readonly: true },
    ]);
    await expect(read(["--volumes-from", "a:x"])).rejects.toThrow('--volumes-from "a:x": invalid option "x"');
  });

  test("--read-only and --shm-size", async () => {
    expect(await requestOf("--read-only", "--shm-size", "1g")).toMatchObject({
      readonlyRootfs: true,
      shmSize: 2 ** 30,
    });
    await expect(read(["--shm-size", "0"])).rejects.toThrow('--shm-size "0": must be greater than 0');
  });
});
