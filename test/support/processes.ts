/** Programs on this machine that belong to a test, found by what they were called with. */
import { readdirSync, readFileSync } from "node:fs";
import { eventually } from "./container.ts";

/** Pids of programs that have `text` in their command line. */
export function processesOf(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/**
 * Waits for programs that are just ending. Exit commands and monitors write to their directory after their container has
 * gone: whoever removes it sooner may find it not empty.
 */
export async function ended(directory: string): Promise<void> {
  await eventually(
    () => (processesOf(directory).length === 0 ? true : undefined),
    `the end of processes ${processesOf(directory)}`,
  );
}
