/** Hands a cgroup over to the user who runs in it. */
import { chownSync, readFileSync } from "node:fs";
import { hasCode } from "../../linux/system-error.ts";
import type { Config } from "../../spec/runtime/config.ts";
import type { Cgroup } from "./cgroup.ts";
import { kernelRefusal } from "./errors.ts";

/** Before Linux 4.15 there was no list. */
const usualFiles = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads";

let delegated: readonly string[] | undefined;

/** The files that a delegated cgroup's owner may write. */
function delegatedFiles(): readonly string[] {
  if (!delegated) {
    let text = usualFiles;
    try {
      text = readFileSync("/sys/kernel/cgroup/delegate", "utf8");
    } catch {}
    delegated = text.split("\n").filter((name) => name !== "" && !name.includes("/"));
  }
  return delegated;
}

/**
 * Makes `uid` the owner of the directory and of the files that the kernel lists for delegation. The group stays.
 * @param uid as the host counts
 * @throws {RuntError} PermissionDenied
 * @see runtime-spec 1.3 config-linux.md#cgroup-ownership
 */
export function delegateCgroup(cgroup: Cgroup, uid: number): void {
  const own = `/proc/self/fd/${cgroup.fd.n}`;
  for (const file of [".", ...delegatedFiles()]) {
    try {
      chownSync(`${own}/${file}`, uid, -1);
    } catch (error) {
      if (file !== "." && hasCode(error, "ENOENT")) continue;
      const what = `cannot give cgroup ${cgroup.path} to user ${uid}`;
      throw kernelRefusal(error, what, { operation: "create", path: `${cgroup.dir}/${file}` });
    }
  }
}

/**
 * Should the container's user own its cgroup? Where it has a cgroup namespace of its own, and a writable
 * cgroup file system at the usual place to see it through.
 */
export function wantsDelegation({ linux, mounts }: Config): boolean {
  const isolated = linux.namespaces.some((each) => each.type === "cgroup" && !each.path);
  const mount = mounts.findLast((each) => each.destination.replace(/\/+$/, "") === "/sys/fs/cgroup");
  if (!isolated || !mount || !["cgroup", "cgroup2"].includes(mount.type ?? "")) return false;
  return mount.options.findLast((option) => option === "ro" || option === "rw") !== "ro";
}
