/**
 * Compiles the filter that nearly every container has: of the engine's default profile with the capabilities that nobody
 * has asked to change. See src/runtime/seccomp/built-in.ts.
 */
import { defaultSeccomp } from "../src/engine/spec/seccomp-profile.ts";
import { defaultCapabilities } from "../src/image/unpack/capabilities.ts";
import type { BuiltFilter } from "../src/runtime/seccomp/built-in.ts";
import { compileSeccomp } from "../src/runtime/seccomp/compile.ts";
import { readDocument } from "../src/spec/runtime/parse.ts";
import { LinuxSeccomp } from "../src/spec/runtime/seccomp.ts";

/** For the kind of machine that the build is on, as all that is built. */
export function builtFilters(): BuiltFilter[] {
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
  const origin = { where: "the default profile", operation: "build" };
  const profile = readDocument(LinuxSeccomp, defaultSeccomp(defaultCapabilities), origin);
  const { filter, listener, warnings } = compileSeccomp(profile, { arch, supportedFlags: [] });
  if (listener) throw new Error("the default profile notifies, which a built filter does not");
  return [
    {
      arch,
      profile: JSON.stringify(profile),
      filter: Buffer.from(filter).toString("base64"),
      warnings,
    },
  ];
}

/** As esbuild's `define` has it. */
export const builtFiltersDefine = { BUILT_FILTERS: JSON.stringify(JSON.stringify(builtFilters())) };
