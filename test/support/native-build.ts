/** What tests have built of native-shims beside what the product needs. */
import { spawnSync } from "node:child_process";

/** Makes these targets; files that do so at the same time take turns. @throws with the compiler's words */
export function makeNative(...targets: readonly string[]): void {
  const make = ["native-shims/Makefile", "make", "-C", "native-shims", ...targets];
  const made = spawnSync("flock", make, { encoding: "utf8" });
  if (made.status !== 0) throw new Error(made.stderr);
}
