/** The command lines against each other: whole processes, from spawn to exit. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { Subject } from "./statistics.ts";

/** One command, run again and again. */
export function command(name: string, file: string, args: (round: number) => readonly string[]): Subject {
  let round = 0;
  return {
    name,
    run: (rounds) =>
      Array.from({ length: rounds }, () => {
        const all = args(round++);
        const begin = performance.now();
        const { status, stderr, error } = spawnSync(file, [...all], { stdio: ["ignore", "ignore", "pipe"] });
        const took = performance.now() - begin;
        if (status !== 0)
          throw new Error(`${name}: ${file} ${all.join(" ")}: status ${status} ${error ?? ""}${stderr}`);
        return took;
      }),
  };
}

/** The first of the usual places that has program `name`. */
export function findProgram(name: string): string | undefined {
  return ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"]
    .map((directory) => `${directory}/${name}`)
    .find(existsSync);
}

/** Whether a runtime can run the bundle on this host at all; its own words where it cannot. */
export function refusal(file: string, args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync(file, [...args], {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (status === 0) return undefined;
  return error?.message ?? (stderr.trim() || `status ${status}`);
}
