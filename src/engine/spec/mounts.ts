/** `mounts` of config.json: what every container has, then what was asked for. Pure. */

import type { SnapshotMount } from "../../image/snapshot/overlay.ts";
import { subdirWord } from "../../spec/runtime/mount-options.ts";
import type { ResolvedMount } from "../record.ts";
import type { ContainerRequest } from "../request.ts";

/** One entry of `mounts`. */
export type SpecMount = SnapshotMount;

export interface MountFacts {
  /** The overlay at "/". */
  readonly root: readonly SpecMount[];
  /** Files of the engine that are mounted over the image's: destination and source. */
  readonly files: readonly { readonly destination: string; readonly source: string }[];
  /** Whether /sys is the host's, read-only: a new one is for who owns the network namespace. */
  readonly hostSys: boolean;
  /** A directory of the host that /dev/shm is to be; undefined: a tmpfs of its own. */
  readonly sharedMemory: string | undefined;
  /** Where that part of a volume is which is mounted, by destination, for a runtime that cannot look it up itself. */
  readonly volumes: ReadonlyMap<string, string>;
  /** Mounts of images: by destination. */
  readonly images: ReadonlyMap<string, readonly SpecMount[]>;
}

const quiet = ["nosuid", "noexec", "nodev"];

/** In the order in which they are mounted. */
export function mountsOf(
  request: ContainerRequest,
  mounts: readonly ResolvedMount[],
  facts: MountFacts,
): SpecMount[] {
  const asked = new Set(mounts.map(({ destination }) => destination));
  const usual = [...usualMounts(request, facts), ...facts.files.map(fileMount)];
  return [
    ...facts.root,
    ...usual.filter(({ destination }) => !asked.has(destination)),
    ...mounts.flatMap((mount) => askedMount(mount, facts)),
  ];
}

function usualMounts({ security, namespaces, shmSize }: ContainerRequest, facts: MountFacts): SpecMount[] {
  const access = security.privileged ? "rw" : "ro";
  const { ipc } = namespaces;
  return [
    { destination: "/proc", type: "proc", source: "proc", options: quiet },
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
    facts.hostSys
      ? bindMount("/sys", "/sys", [...quiet, "ro"])
      : { destination: "/sys", type: "sysfs", source: "sysfs", options: [...quiet, access] },
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: [...quiet, "relatime", access],
    },
    // There is one for each IPC namespace, however often it is mounted.
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: quiet },
    ...(ipc === "none"
      ? []
      : [
          facts.sharedMemory !== undefined
            ? bindMount("/dev/shm", facts.sharedMemory, quiet)
            : {
                destination: "/dev/shm",
                type: "tmpfs",
                source: "shm",
                options: [...quiet, "mode=1777", `size=${shmSize}`],
              },
        ]),
  ];
}

function bindMount(destination: string, source: string, options: readonly string[]): SpecMount {
  return { destination, type: "bind", source, options: ["rbind", ...options] };
}

function fileMount({ destination, source }: MountFacts["files"][number]): SpecMount {
  return { destination, type: "bind", source, options: ["rbind", "rprivate"] };
}

function askedMount(mount: ResolvedMount, facts: MountFacts): readonly SpecMount[] {
  const { destination } = mount;
  const access = mount.readonly ? ["ro"] : ["rw"];
  switch (mount.type) {
    case "tmpfs":
      return [
        { destination, type: "tmpfs", source: "tmpfs", options: [...tmpfsOptions(mount.options), ...access] },
      ];
    case "volume": {
      const part = facts.volumes.get(destination);
      // Looked up as it is mounted: another container may change what lies in the volume at any moment.
      const subdir =
        mount.subpath !== undefined && part === undefined ? [`${subdirWord}${mount.subpath}`] : [];
      const options = ["rbind", "rprivate", ...access, ...subdir];
      return [{ destination, type: "bind", source: part ?? mount.source, options }];
    }
    case "image":
      return facts.images.get(destination) ?? [];
    case "bind": {
      const bind = mount.recursive === "disabled" ? "bind" : "rbind";
      // Since Docker 25 what is mounted below a read-only source is read-only too.
      const deep =
        mount.readonly && (mount.recursive === "readonly" || mount.recursive === "enabled") ? ["rro"] : [];
      const options = [bind, mount.propagation, ...access, ...deep, ...mount.options];
      return [{ destination, type: "bind", source: mount.source, options }];
    }
  }
}

/** docker's defaults, unless the opposite is asked for. */
function tmpfsOptions(options: readonly string[]): string[] {
  const opposite: Record<string, string> = { noexec: "exec", nosuid: "suid", nodev: "dev" };
  const usual = Object.entries(opposite).flatMap(([word, other]) => (options.includes(other) ? [] : [word]));
  return [...usual.filter((word) => !options.includes(word)), ...options];
}

/** `rootfsPropagation` that the mounts ask for: a mount can only share with a parent that does. */
export function rootfsPropagationOf(mounts: readonly ResolvedMount[]): string | undefined {
  const wanted = mounts.flatMap((mount) => (mount.type === "bind" ? [mount.propagation] : []));
  if (wanted.some((word) => /^r?shared$/.test(word))) return "shared";
  if (wanted.some((word) => /^r?slave$/.test(word))) return "rslave";
  return undefined;
}
