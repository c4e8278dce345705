/** Rules about mounts. @see runtime-spec 1.3 config.md#mounts */
import { posix } from "node:path";
import type { Config } from "../config.ts";
import { show } from "../document-error.ts";
import { isBind } from "../mount-kind.ts";
import { isMountOption, subdirWord } from "../mount-options.ts";
import type { Checks } from "../validate.ts";

/**
 * What may be mounted inside /proc: files that lxcfs emulates. Anything else could hide from the runtime
 * that it writes to something that is no procfs (CVE-2019-16884, CVE-2019-19921).
 */
const allowedInProc: ReadonlySet<string> = new Set([
  "/proc/cpuinfo",
  "/proc/diskstats",
  "/proc/loadavg",
  "/proc/meminfo",
  "/proc/slabinfo",
  "/proc/stat",
  "/proc/swaps",
  "/proc/sys/crypto/fips_enabled",
  "/proc/sys/kernel/ns_last_pid",
  "/proc/uptime",
]);

/** Filesystems with one instance for a namespace or the system; the kernel refuses to stack one on itself. */
const singletons: ReadonlySet<string> = new Set(["proc", "sysfs", "mqueue", "cgroup", "cgroup2"]);

/** `path` without "." and ".." and doubled slashes, going by its text alone. */
function lexical(path: string): string {
  return /\/(?:\.|\/|$)/.test(path) ? posix.resolve("/", path) : path;
}

export const mountChecks: Checks<Config> = {
  /** What the path says; where it leads is checked again on the open directory when the mount is made. */
  procKeptClear(config, refuse) {
    for (const [i, mount] of config.mounts.entries()) {
      const destination = lexical(mount.destination);
      if (destination === "/proc" && mount.type !== "proc" && !isBind(mount)) {
        refuse(["mounts", i, "destination"], "only proc can be mounted on /proc");
      }
      if (destination.startsWith("/proc/") && !allowedInProc.has(destination)) {
        refuse(
          ["mounts", i, "destination"],
          `nothing can be mounted on ${show(destination)}, which is inside /proc`,
        );
      }
    }
  },

  /** Binding gives another view of a filesystem that is there: its data cannot be set again. */
  bindWithoutData(config, refuse) {
    for (const [i, mount] of config.mounts.entries()) {
      if (!isBind(mount)) continue;
      const j = mount.options.findIndex((word) => !isMountOption(word));
      if (j >= 0) {
        refuse(
          ["mounts", i, "options", j],
          `${show(mount.options[j]!)} is for a filesystem, and a bind mount makes none`,
        );
      }
    }
  },

  /** Of a file system that is only made now there is no part yet. */
  onlyBindHasSubdir(config, refuse) {
    for (const [i, mount] of config.mounts.entries()) {
      const j = mount.options.findIndex((word) => word.startsWith(subdirWord));
      if (j >= 0 && !isBind(mount)) refuse(["mounts", i, "options", j], "is for a bind mount");
    }
  },

  /** Below which directory the part is looked up must be known before; and in the part's own path links are followed. */
  subdirOfFollowed(config, refuse) {
    for (const [i, mount] of config.mounts.entries()) {
      const j = mount.options.indexOf("src-nofollow");
      if (j >= 0 && mount.options.some((word) => word.startsWith(subdirWord))) {
        refuse(["mounts", i, "options", j], `"src-nofollow" and ${show(subdirWord)} exclude each other`);
      }
    }
  },

  bindHasSource(config, refuse) {
    for (const [i, mount] of config.mounts.entries()) {
      const isNew = !mount.options.includes("remount");
      if (isNew && isBind(mount) && mount.source === undefined)
        refuse(["mounts", i, "source"], "is required for a bind mount");
    }
  },

  singletonsNotStacked(config, refuse) {
    const topmost = new Map<string, number>();
    for (const [i, mount] of config.mounts.entries()) {
      if (mount.options.includes("remount")) continue;
      const destination = lexical(mount.destination);
      const type = isBind(mount) ? "bind" : (mount.type ?? "");
      const below = topmost.get(destination);
      if (
        singletons.has(type) &&
        below !== undefined &&
        config.mounts[below]!.type === type &&
        !isBind(config.mounts[below]!)
      ) {
        refuse(
          ["mounts", i, "destination"],
          `${type} is already mounted on ${show(destination)} by mounts[${below}]`,
        );
      }
      topmost.set(destination, i);
    }
  },
};
