import { describe, expect, test } from "vitest";
import { read, requestOf } from "./request.ts";

const twoRanges = [
  { containerID: 0, hostID: 100_000, size: 10 },
  { containerID: 10, hostID: 5, size: 1 },
];

describe("namespaces", () => {
  test.each([
    [["--pid", "host"], { pid: "host" }],
    [["--pid", "container:web"], { pid: { container: "web" } }],
    [["--pid", "ns:/proc/1/ns/pid"], { pid: { path: "/proc/1/ns/pid" } }],
    [["--pid", ""], { pid: "private" }],
    [["--ipc", "shareable"], { ipc: "shareable" }],
    [["--ipc", "none"], { ipc: "none" }],
    [["--ipc", "container:a"], { ipc: { container: "a" } }],
    [["--uts", "host"], { uts: "host" }],
    [["--cgroupns", "host"], { cgroup: "host" }],
    [["--userns", "auto"], { user: "auto" }],
    [["--userns", "auto:size=1024"], { user: { auto: { size: 1024, uid: [], gid: [] } } }],
    [
      ["--userns", "auto:uidmapping=0:5:1,size=9,gidmapping=1:2:3,uidmapping=4:7"],
      {
        user: {
          auto: {
            size: 9,
            uid: [
              { containerID: 0, hostID: 5, size: 1 },
              { containerID: 4, hostID: 7, size: 1 },
            ],
            gid: [{ containerID: 1, hostID: 2, size: 3 }],
          },
        },
      },
    ],
    [["--userns", "keep-id"], { user: "keep-id" }],
    [["--userns", "keep-id:uid=200"], { user: { keepId: { uid: 200, gid: undefined } } }],
    [["--userns", "nomap"], { user: "nomap" }],
    [["--userns", ""], { user: "host" }],
    [["--userns", "ns:/proc/1/ns/user"], { user: { path: "/proc/1/ns/user" } }],
    [["--uidmap", "0:100000:10", "--uidmap", "10:5"], { user: { maps: { uid: twoRanges, gid: twoRanges } } }],
    [
      ["--gidmap", "0:7:1", "--uidmap", "0:8:1", "--userns", "private"],
      {
        user: {
          maps: {
            uid: [{ containerID: 0, hostID: 8, size: 1 }],
            gid: [{ containerID: 0, hostID: 7, size: 1 }],
          },
        },
      },
    ],
    [["--subuidname", "me"], { user: { subordinate: { uid: "me", gid: "me" } } }],
    [["--subuidname", "me", "--subgidname", "us"], { user: { subordinate: { uid: "me", gid: "us" } } }],
    [["--userns", "host"], { user: "host" }],
    [["--userns", "container:a"], { user: { container: "a" } }],
  ])("%j", async (args, namespaces) => {
    expect((await requestOf(...args)).namespaces).toMatchObject(namespaces);
  });

  test.each([
    [["--pid", "shared"], '--pid "shared": no such mode'],
    [["--pid", "container:"], '--pid "container:": no container'],
    [["--uts", "container:a"], '--uts "container:a": no such mode'],
    [["--userns", "auto:size=0"], '--userns "auto:size=0": size must be more than 0'],
    [["--userns", "auto:siz=1"], '--userns "auto:siz=1": unknown option "siz": size, uidmapping, gidmapping'],
    [["--userns", "keep-id:uid=me"], '--userns "keep-id:uid=me": uid must be a number'],
    [["--userns", "private"], '--userns "private": must provide at least one UID or GID mapping'],
    [["--userns", "bogus"], '--userns "bogus": no such mode'],
    [["--userns", "auto", "--uidmap", "0:1:1"], '--userns "auto": and --uidmap, --gidmap'],
    [["--uidmap", "0:x:1"], '--uidmap "0:x:1": not container:host:size in numbers'],
    [["--uidmap", "0:4294967295:1"], '--uidmap "0:4294967295:1": there are no such ids'],
    [["--uidmap", "0:1:1", "--subuidname", "me"], '--subuidname "me": and --uidmap, --gidmap exclude'],
  ])("%j is refused", async (args, message) => {
    await expect(read(args)).rejects.toThrow(message);
  });
});

describe("security", () => {
  test("capabilities in any case, with or without CAP_", async () => {
    const { security } = await requestOf(
      "--cap-add",
      "net_admin",
      "--cap-add",
      "ALL",
      "--cap-drop",
      "CAP_CHOWN",
    );
    expect(security).toMatchObject({ capAdd: ["CAP_NET_ADMIN", "ALL"], capDrop: ["CAP_CHOWN"] });
    await expect(read(["--cap-add", "net-admin"])).rejects.toThrow(
      '--cap-add "net-admin": no name of a capability',
    );
  });

  test.each([
    ["no-new-privileges", { noNewPrivileges: true }],
    ["no-new-privileges=true", { noNewPrivileges: true }],
    ["no-new-privileges:false", { noNewPrivileges: false }],
    ["seccomp=unconfined", { seccomp: "unconfined" }],
    ["seccomp=./profile.json", { seccomp: "/home/me/profile.json" }],
    ["seccomp=builtin", { seccomp: "default" }],
    ["apparmor=unconfined", { apparmor: "unconfined" }],
    ["label=disable", { labels: ["disable"] }],
    ["label=type:spc_t", { labels: ["type:spc_t"] }],
    ["systempaths=unconfined", { systemPaths: "unconfined" }],
    ["unmask=ALL", { systemPaths: "unconfined" }],
  ])("--security-opt %s", async (text, security) => {
    expect((await requestOf("--security-opt", text)).security).toMatchObject(security);
  });

  test.each([
    "",
    "colour=red",
    "seccomp=",
    "label=x",
    "systempaths=x",
    "no-new-privileges=maybe",
    "unmask=/proc/acpi",
  ])("--security-opt %j is refused", async (text) => {
    await expect(read(["--security-opt", text])).rejects.toThrow(/^--security-opt "/);
  });

  test("--privileged", async () => {
    expect((await requestOf("--privileged")).security.privileged).toBe(true);
  });
});

describe("devices", () => {
  const fuse = { host: "/dev/fuse", container: "/dev/fuse", permissions: "rwm" };
  test.each([
    ["/dev/fuse", fuse],
    ["/dev/fuse:/dev/f", { ...fuse, container: "/dev/f" }],
    ["/dev/fuse:/dev/f:r", { ...fuse, container: "/dev/f", permissions: "r" }],
    ["/dev/fuse:rw", { ...fuse, permissions: "rw" }],
    [
      "vendor.com/class=one",
      { host: "vendor.com/class=one", container: "vendor.com/class=one", permissions: "rwm" },
    ],
  ])("--device %s", async (text, device) => {
    expect((await requestOf("--device", text)).devices).toEqual([device]);
  });

  test.each([
    ["fuse", '"fuse" is not absolute'],
    ["/dev/a:/dev/b:x", 'invalid permissions "x"'],
    ["/dev/a:/dev/b:rr", 'invalid permissions "rr"'],
    ["/dev/a::", "not host[:container[:rwm]]"],
  ])("--device %j is refused", async (text, why) => {
    await expect(read(["--device", text])).rejects.toThrow(`--device ${JSON.stringify(text)}: ${why}`);
  });

  test.each([
    ["all", ["all"]],
    ["2", ["0", "1"]],
    ["device=0", ["0"]],
    ['"device=0,GPU-3a"', ["0", "GPU-3a"]],
    ["device=0,1", ["0", "1"]],
    ["count=1,capabilities=utility", ["0"]],
    ['driver=nvidia,"capabilities=compute,utility"', ["all"]],
  ])("--gpus %s: what the vendor describes by CDI", async (text, names) => {
    const { devices } = await requestOf("--gpus", text);
    expect(devices.map(({ host }) => host)).toEqual(names.map((name) => `nvidia.com/gpu=${name}`));
  });

  test("--device-cgroup-rule", async () => {
    expect((await requestOf("--device-cgroup-rule", "c 42:* rmw")).deviceCgroupRules).toEqual(["c 42:* rmw"]);
    await expect(read(["--device-cgroup-rule", "x 1:1 r"])).rejects.toThrow(
      '--device-cgroup-rule "x 1:1 r": not like "c 42:* rmw"',
    );
  });
});
