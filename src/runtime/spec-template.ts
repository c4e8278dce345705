/** A config.json to start from: `sh` on a terminal, in a root file system that it may not write to. */
import { OCI_VERSION_MAX } from "../spec/runtime/versions.ts";

interface TemplateMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options?: readonly string[];
}

const capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
const quiet = ["nosuid", "noexec", "nodev"];

const sysfs: TemplateMount = {
  destination: "/sys",
  type: "sysfs",
  source: "sysfs",
  options: [...quiet, "ro"],
};

/** In an order in which each finds its mount point. */
const mounts: readonly TemplateMount[] = [
  { destination: "/proc", type: "proc", source: "proc" },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: [...quiet, "mode=1777", "size=65536k"],
  },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: quiet },
  sysfs,
  { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...quiet, "relatime", "ro"] },
];

/** What tells more of the host than a container should know, or lets it do harm. */
const maskedPaths = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/sys/firmware",
  "/proc/scsi",
  "/sys/devices/virtual/tpm",
];

const readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

const namespaces = (...types: string[]) => types.map((type) => ({ type }));

/** What both documents begin with, in the order in which runc writes it. */
function beginning() {
  return {
    ociVersion: OCI_VERSION_MAX,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "runt",
  };
}

/** For root: every device but the usual ones is out of reach. */
export function specTemplate() {
  return {
    ...beginning(),
    mounts,
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces: namespaces("pid", "network", "ipc", "uts", "mount", "cgroup"),
      maskedPaths,
      readonlyPaths,
    },
  };
}

/**
 * For a user who is not root, and who becomes root in a user namespace. What only root could do is left out: limits,
 * a network of its own (which would be empty), a new sysfs (which needs that network), other groups.
 */
export function rootlessSpecTemplate(user: { readonly uid: number; readonly gid: number }) {
  const mapping = (hostID: number) => [{ containerID: 0, hostID, size: 1 }];
  return {
    ...beginning(),
    mounts: mounts.map(rootlessMount),
    linux: {
      uidMappings: mapping(user.uid),
      gidMappings: mapping(user.gid),
      namespaces: namespaces("pid", "ipc", "uts", "mount", "cgroup", "user"),
      maskedPaths,
      readonlyPaths,
    },
  };
}

function rootlessMount(mount: TemplateMount): TemplateMount {
  if (mount === sysfs) {
    return { destination: "/sys", type: "none", source: "/sys", options: ["rbind", ...quiet, "ro"] };
  }
  const { options, ...rest } = mount;
  return options ? { ...rest, options: options.filter((word) => !/^[ug]id=/.test(word)) } : rest;
}
