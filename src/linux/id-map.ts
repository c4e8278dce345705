/** The id maps of user namespaces, as the kernel shows them. @see user_namespaces(7) */
import { readFileSync } from "node:fs";
import type { LinuxIDMapping } from "../spec/runtime/id-mapping.ts";

/**
 * The lines of /proc/PID/uid_map or gid_map; `hostID` is as in the namespace of who reads it, or in the one outside where that
 * is the same. @throws as `fs.readFileSync` does
 */
export function readIdMap(pid: number | string, kind: "uid" | "gid"): LinuxIDMapping[] {
  return readFileSync(`/proc/${pid}/${kind}_map`, "latin1")
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([containerID, hostID, size]) => ({ containerID: containerID!, hostID: hostID!, size: size! }));
}

/** Whether we are in the first user namespace, which maps every id onto itself. */
export function inFirstUserNamespace(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync("/proc/self/uid_map", "latin1"));
}
