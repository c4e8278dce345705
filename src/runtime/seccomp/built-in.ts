/**
 * Filters that the build has compiled (scripts/built-filters.ts): that of the engine's default profile, which nearly every
 * container has. A program that has just started takes as long for one as for all else that it makes of a container.
 */
import type { HostArch } from "./archs.ts";
import type { CompiledSeccomp } from "./compile.ts";

/** For one profile on one kind of machine; it has no rule that notifies. */
export interface BuiltFilter {
  readonly arch: HostArch;
  /** JSON of the profile as it is once config.json has been read: all of it, so that no other is taken for it. */
  readonly profile: string;
  /** struct sock_filter[] in base64. */
  readonly filter: string;
  /** As in CompiledSeccomp. */
  readonly warnings: readonly string[];
}

/** JSON of BuiltFilter[], put in by the build of the programs and of the library. */
declare const BUILT_FILTERS: string | undefined;

let filters: readonly BuiltFilter[] | undefined;

/**
 * What `compileSeccomp` would make of a profile, but for the flags, where that was done beforehand.
 * @param profile JSON of `linux.seccomp` as it was read
 */
export function builtFilter(profile: string, arch: HostArch): Omit<CompiledSeccomp, "flags"> | undefined {
  filters ??= typeof BUILT_FILTERS === "string" ? (JSON.parse(BUILT_FILTERS) as BuiltFilter[]) : [];
  const built = filters.find((one) => one.arch === arch && one.profile === profile);
  if (!built) return undefined;
  return { filter: Buffer.from(built.filter, "base64"), listener: false, warnings: built.warnings };
}
