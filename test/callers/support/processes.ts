/** The processes of this machine, and which of them belong to one another. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process as /proc shows it. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  /** "S", "Z" … */
  readonly state: string;
  /** "mnt:[4026531841]"; undefined of one that has ended. */
  readonly mountNamespace: string | undefined;
}

/** All processes of this machine. */
export function allProcesses(): Process[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "latin1");
      const [open, close] = [stat.indexOf("("), stat.lastIndexOf(")")];
      const [state = "", parent = ""] = stat.slice(close + 2).split(" ");
      return [
        {
          pid: Number(entry),
          parent: Number(parent),
          name: stat.slice(open + 1, close),
          state,
          mountNamespace: state === "Z" ? undefined : readlinkSync(`/proc/${entry}/ns/mnt`),
        },
      ];
    } catch {
      return []; // it ended while we looked
    }
  });
}

/** Those of `processes` that meet `condition`, and all that descend from them. */
export function family(
  processes: readonly Process[],
  condition: (process: Process) => boolean,
): readonly Process[] {
  const members = new Set(processes.filter(condition).map(({ pid }) => pid));
  for (let before = -1; before !== members.size; ) {
    before = members.size;
    for (const { pid, parent } of processes) if (members.has(parent)) members.add(pid);
  }
  return processes.filter(({ pid }) => members.has(pid));
}
