/** Moves processes into a cgroup, and finds the one that an `exec` is to join. */
import { readFileSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import { sleep } from "../../linux/sleep.ts";
import { hasCode } from "../../linux/system-error.ts";
import { Cgroup } from "./cgroup.ts";
import { kernelRefusal } from "./errors.ts";

const retries = 5;
const delayMs = 30;

/**
 * Moves process `pid` into the cgroup.
 * @throws {RuntError} FailedPrecondition where children of the cgroup have controllers (EBUSY); NotFound for
 *   a process or cgroup that is gone; PermissionDenied
 */
export function joinCgroup(cgroup: Cgroup, pid: number): void | Promise<void> {
  if (!tryJoin(cgroup, pid, "more tries")) return joinLater(cgroup, pid);
}

async function joinLater(cgroup: Cgroup, pid: number): Promise<void> {
  for (let left = retries; left > 0; left--) {
    await sleep(delayMs);
    if (tryJoin(cgroup, pid, left > 1 ? "more tries" : "last try")) return;
  }
}

function tryJoin(cgroup: Cgroup, pid: number, which: "more tries" | "last try"): boolean {
  try {
    writePid(cgroup, pid);
    return true;
  } catch (error) {
    // A process that is just being made cannot be moved yet, and the kernel calls that EINVAL.
    if (hasCode(error, "EINVAL") && which === "more tries") return false;
    const what = `cannot move process ${pid} into cgroup ${cgroup.path}`;
    throw kernelRefusal(error, what, { operation: "create", path: cgroup.dir });
  }
}

function writePid(cgroup: Cgroup, pid: number): void {
  try {
    cgroup.write("cgroup.procs", String(pid));
  } catch (error) {
    // A threaded cgroup takes threads only. A process before its first clone has just the one.
    if (!hasCode(error, "EOPNOTSUPP", "ENOTSUP")) throw error;
    cgroup.write("cgroup.threads", String(pid));
  }
}

/**
 * The cgroup `path` below a container's, for `exec --cgroup`.
 * @param path "/" is the container's own
 * @throws {RuntError} InvalidArgument for ".."
 */
export function subCgroup(cgroup: Cgroup, path: string): Cgroup {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) {
    throw new RuntError("InvalidArgument", `bad sub cgroup path: ${path}`, { operation: "exec", path });
  }
  return names.length === 0 ? cgroup : cgroup.child(names.join("/"));
}

/**
 * The cgroup that process `pid` is in. `exec` falls back on that of init, where the container's own refuses
 * processes: a container with cgroups of its own below cannot have any beside them.
 * @throws ENOENT where there is no such process
 */
export function cgroupOfProcess(mountPoint: string, pid: number): Cgroup | undefined {
  const text = readFileSync(`/proc/${pid}/cgroup`, "utf8");
  const path = text
    .split("\n")
    .find((line) => line.startsWith("0::"))
    ?.slice(3);
  return path === undefined || path.endsWith(" (deleted)") ? undefined : new Cgroup(mountPoint, path);
}
