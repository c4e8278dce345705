/** Builds and runs the floor program. */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import type { BenchBundle } from "./bundle.ts";
import { cgroupMount, floorArguments } from "./bundle.ts";
import type { Subject } from "./statistics.ts";

/** @param directory where the program is put */
export function floor(directory: string, bundle: BenchBundle): Subject {
  const program = join(directory, "floor");
  const source = join(import.meta.dirname, "floor.c");
  execFileSync("cc", ["-O2", "-Wall", "-Wextra", "-static", "-o", program, source]);
  const cgroup = `${cgroupMount()}/runt-bench-floor-${process.pid}`;
  return {
    name: "floor (C)",
    run: (rounds) => {
      const stdio = ["ignore", "ignore", "inherit", "pipe"] as const;
      const { status, output } = spawnSync(program, [String(rounds), ...floorArguments(bundle, cgroup)], {
        stdio: [...stdio],
      });
      if (status !== 0) throw new Error(`bench/floor.c ended with status ${status}`);
      return String(output[3])
        .trimEnd()
        .split("\n")
        .map((ns) => Number(ns) / 1e6);
    },
  };
}
