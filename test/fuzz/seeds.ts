/** Configurations that mutations start from: each of them runs. */
import type { Json } from "./shape.ts";

const types = (...names: string[]): Json[] => names.map((type) => ({ type }));
const proc = { destination: "/proc", type: "proc", source: "proc" };
const dev = {
  destination: "/dev",
  type: "tmpfs",
  source: "tmpfs",
  options: ["nosuid", "mode=755", "size=64k"],
};
const pts = {
  destination: "/dev/pts",
  type: "devpts",
  source: "devpts",
  options: ["newinstance", "ptmxmode=0666"],
};
const ids = [{ containerID: 0, hostID: 100_000, size: 65_536 }];

/** @param directory see `isolated` */
export function seeds(directory: string): Json[] {
  const usual = {
    ociVersion: "1.2.0",
    root: { path: "rootfs" },
    hostname: "inside",
    process: { args: ["/bin/true"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } },
    mounts: [proc, dev, pts],
    linux: { namespaces: types("pid", "mount", "ipc", "uts", "network", "cgroup") },
  };
  const sleeping = { ...usual.process, args: ["/bin/sleep", "1000"] };
  return [
    usual,
    {
      ...usual,
      process: {
        ...sleeping,
        user: { uid: 1000, gid: 1000, umask: 0o22, additionalGids: [5] },
        noNewPrivileges: true,
        oomScoreAdj: 100,
        rlimits: [{ type: "RLIMIT_NOFILE", soft: 64, hard: 64 }],
        capabilities: { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] },
      },
      linux: {
        ...usual.linux,
        namespaces: types("pid", "mount", "ipc", "uts", "network", "cgroup", "user"),
        uidMappings: ids,
        gidMappings: ids,
      },
    },
    {
      ...usual,
      mounts: [
        proc,
        dev,
        pts,
        { destination: "/data", type: "bind", source: `${directory}/tree`, options: ["rbind", "ro"] },
        { destination: "/tmp/file", type: "bind", source: `${directory}/file`, options: ["bind"] },
        { destination: "/sys", type: "sysfs", source: "sysfs", options: ["ro"] },
      ],
      root: { path: "rootfs", readonly: true },
      linux: {
        ...usual.linux,
        maskedPaths: ["/proc/kcore", "/etc"],
        readonlyPaths: ["/proc/sys"],
        devices: [{ path: "/dev/thing", type: "c", major: 1, minor: 3, fileMode: 0o666 }],
        rootfsPropagation: "private",
        sysctl: { "kernel.msgmax": "8192" },
      },
    },
    {
      ...usual,
      process: sleeping,
      hooks: {
        createRuntime: [{ path: "/bin/true", args: ["true"], timeout: 1 }],
        createContainer: [{ path: "/bin/true" }],
        startContainer: [{ path: "/bin/true" }],
        poststart: [{ path: "/bin/true" }],
        poststop: [{ path: "/bin/cat" }],
      },
      linux: {
        ...usual.linux,
        seccomp: {
          defaultAction: "SCMP_ACT_ALLOW",
          architectures: ["SCMP_ARCH_X86_64"],
          syscalls: [
            {
              names: ["mkdir"],
              action: "SCMP_ACT_ERRNO",
              errnoRet: 1,
              args: [{ index: 1, value: 1, op: "SCMP_CMP_EQ" }],
            },
          ],
        },
        resources: { devices: [{ allow: false, access: "rwm" }] },
      },
      annotations: { a: "b" },
    },
  ];
}
