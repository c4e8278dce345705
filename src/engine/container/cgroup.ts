/** The cgroup of a container that runs, whichever runtime has made it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Cgroup } from "../../runtime/cgroup/cgroup.ts";
import { hierarchy } from "../../runtime/cgroup/hierarchy.ts";
import type { EngineContext } from "../context.ts";

/** Whether a container that runs is another runtime's: ours keeps its state right there. */
export function isForeign({ layout }: EngineContext, id: string): boolean {
  return !existsSync(join(layout.runRoot, id, "state.json"));
}

/**
 * That of its first process, for a runtime that keeps no record we could read. The caller closes it.
 * @throws {SystemError} ENOENT where the process has ended
 */
export function cgroupOfProcess(pid: number): Cgroup {
  const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "latin1"))?.[1] ?? "/";
  return new Cgroup(hierarchy().mountPoint, path);
}
