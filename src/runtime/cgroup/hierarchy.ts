/**
 * Where cgroup v2 is on this machine. On a unified host it is mounted at /sys/fs/cgroup; on a hybrid one the
 * v1 controllers are there, and cgroup2 lies beside them with what v1 has left over.
 */
import { constants, fstatSync, openSync, readFileSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import { Fd } from "../../linux/fd.ts";
import { type MountInfo, parseMountInfo } from "../../linux/mountinfo.ts";
import { O_PATH } from "../../linux/openat2.ts";
import { CGROUP2_SUPER_MAGIC, fsMagic } from "../../linux/statfs.ts";
import { kernelRefusal } from "./errors.ts";

/** The cgroup2 file system as this process sees it. */
export interface Hierarchy {
  /** "/sys/fs/cgroup" on most machines. */
  readonly mountPoint: string;
  /** The cgroup of this process: a path from the mount point, "/" at least. */
  readonly own: string;
  /** Where the systemd manager of this user has its cgroups, if there is one. */
  readonly userManager: string;
  /** What can be enabled at the mount point: "memory", "pids", … Empty on a typical hybrid host. */
  readonly controllers: ReadonlySet<string>;
}

let found: Hierarchy | undefined;

/**
 * The hierarchy, measured once per process.
 * @throws {RuntError} Unavailable where no cgroup2 is mounted
 */
export function hierarchy(): Hierarchy {
  found ??= measure();
  return found;
}

function measure(): Hierarchy {
  const mount = chooseMount(cgroupMounts(readFileSync("/proc/self/mountinfo", "utf8")));
  if (!mount) {
    throw new RuntError("Unavailable", "no cgroup2 file system is mounted", {
      operation: "create",
      hint: "mount -t cgroup2 none /sys/fs/cgroup, or boot with systemd.unified_cgroup_hierarchy=1",
    });
  }
  const own = ownPath(readFileSync("/proc/self/cgroup", "utf8"), mount.root);
  return {
    mountPoint: mount.mountPoint,
    own,
    userManager: userManagerPath(own, process.getuid?.() ?? 0),
    controllers: words(readFileSync(`${mount.mountPoint}/cgroup.controllers`, "utf8")),
  };
}

/** The lines of mountinfo that `chooseMount` needs: of the hierarchy, and of what is mounted over it. */
function cgroupMounts(text: string): MountInfo[] {
  const lines = text.split("\n");
  const places = lines
    .filter((line) => line.includes(" - cgroup2 "))
    .map((line) => ` ${line.split(" ", 5).at(-1)} `);
  return parseMountInfo(lines.filter((line) => places.some((place) => line.includes(place))).join("\n"));
}

const usualPlaces = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/** The mount to use: one of the usual places before any other, the whole hierarchy before a part of it. */
export function chooseMount(mounts: readonly MountInfo[]): MountInfo | undefined {
  // Of two mounts on one directory only the later one can be reached.
  const visible = new Map(mounts.map((mount) => [mount.mountPoint, mount]));
  const candidates = [...visible.values()].filter((mount) => mount.fsType === "cgroup2");
  for (const place of usualPlaces) {
    const usual = candidates.find((mount) => mount.mountPoint === place);
    if (usual) return usual;
  }
  return candidates.find((mount) => mount.root === "/") ?? candidates[0];
}

/**
 * The cgroup of a process, counted from the mount.
 * @param text a /proc/PID/cgroup file
 * @param mountRoot what part of the hierarchy is mounted: the `root` of the mount
 */
export function ownPath(text: string, mountRoot: string): string {
  const line = text.split("\n").find((each) => each.startsWith("0::"));
  const path = line?.slice(3).replace(/ \(deleted\)$/, "") ?? "/";
  if (mountRoot === "/") return path;
  if (path === mountRoot) return "/";
  return path.startsWith(`${mountRoot}/`) ? path.slice(mountRoot.length) : "/";
}

/** Whoever runs below a user's manager has it in the path; for others it is where systemd puts it by default. */
export function userManagerPath(own: string, uid: number): string {
  const above = /^.*\/user@\d+\.service(?=\/|$)/.exec(own)?.[0];
  return above ?? `/user.slice/user-${uid}.slice/user@${uid}.service`;
}

/** The words of a kernel file such as cgroup.controllers. */
export function words(text: string): Set<string> {
  return new Set(text.split(/\s+/).filter((word) => word !== ""));
}

function openRoot(mountPoint: string): Fd {
  try {
    return new Fd(openSync(mountPoint, O_PATH | constants.O_DIRECTORY));
  } catch (error) {
    throw kernelRefusal(error, `cannot open ${mountPoint}`, { operation: "create", path: mountPoint });
  }
}

/** A mount point of cgroup2, held open. */
export interface HierarchyRoot {
  readonly fd: Fd;
  /** `st_dev` of everything in it. */
  readonly device: number;
}

const roots = new Map<string, HierarchyRoot>();

/**
 * The mount point itself, opened once per process and checked to be cgroup2: nothing of ours writes to a
 * cgroup that was not reached from it. Not the caller's to close.
 * @throws {RuntError} FailedPrecondition where something else is mounted there
 */
export function hierarchyRoot(mountPoint: string): HierarchyRoot {
  const known = roots.get(mountPoint);
  if (known) return known;
  const fd = openRoot(mountPoint);
  if (fsMagic(fd) !== CGROUP2_SUPER_MAGIC) {
    fd[Symbol.dispose]();
    throw new RuntError("FailedPrecondition", `${mountPoint} is not a cgroup2 file system`, {
      operation: "create",
      path: mountPoint,
    });
  }
  const root = { fd, device: fstatSync(fd.n).dev };
  roots.set(mountPoint, root);
  return root;
}
