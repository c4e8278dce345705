/**
 * The runtime that the callers are given. RUNT_CALLERS_RUNTIME names another one, such as runc: what fails with that
 * too says more of the test than of runt.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isBuilt } from "../../cli/run-cli.ts";

const repository = join(import.meta.dirname, "../../..");

/** Path of one file to execute: what was built, or a script in `directory` that runs newer sources. */
export function runtimePath(directory: string): string {
  const other = process.env.RUNT_CALLERS_RUNTIME;
  if (other) return other;
  // In the VM the sources are too slow to load, and what is there was built just before.
  if (process.env.RUNT_VM || isBuilt()) return join(repository, "bin/runt-oci");
  const path = join(directory, "runt-oci");
  const program = join(repository, "src/cli/runt-oci.ts");
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 });
  return path;
}
