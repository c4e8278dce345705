/**
 * A seccomp profile of the user's, in the form that docker and podman read: beside what config.json has, each rule may
 * say for which capabilities, architectures and kernels it is meant.
 * @see docs.docker.com/engine/security/seccomp
 */
import { kernelRelease } from "../../linux/uname.ts";

interface Condition {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
  readonly minKernel?: string;
}

interface ProfileRule {
  readonly name?: string;
  readonly names?: readonly string[];
  readonly includes?: Condition;
  readonly excludes?: Condition;
  readonly [key: string]: unknown;
}

interface ProfileFile {
  readonly defaultAction: string;
  readonly architectures?: readonly string[];
  readonly archMap?: readonly {
    readonly architecture: string;
    readonly subArchitectures?: readonly string[];
  }[];
  readonly syscalls?: readonly ProfileRule[];
  readonly [key: string]: unknown;
}

const nativeArch: Record<string, readonly [scmp: string, go: string]> = {
  x64: ["SCMP_ARCH_X86_64", "amd64"],
  arm64: ["SCMP_ARCH_AARCH64", "arm64"],
};

/** `linux.seccomp` for a set of capabilities. @throws {SyntaxError} */
export function readSeccompFile(
  text: string,
  kernel = kernelRelease(),
  arch: string = process.arch,
): (capabilities: readonly string[]) => object {
  const { archMap, syscalls = [], architectures, ...rest } = JSON.parse(text) as ProfileFile;
  const [scmp, go] = nativeArch[arch] ?? ["", ""];
  const mapped = archMap?.find(({ architecture }) => architecture === scmp);
  const all = architectures ?? (mapped ? [scmp, ...(mapped.subArchitectures ?? [])] : undefined);
  return (capabilities) => {
    const held = new Set(capabilities);
    const fits = ({ includes = {}, excludes = {} }: ProfileRule): boolean =>
      (includes.caps ?? []).every((name) => held.has(name)) &&
      (!includes.arches || includes.arches.length === 0 || includes.arches.includes(go)) &&
      (includes.minKernel === undefined || isAtLeast(kernel, includes.minKernel)) &&
      !(excludes.caps ?? []).some((name) => held.has(name)) &&
      !(excludes.arches ?? []).includes(go) &&
      (excludes.minKernel === undefined || !isAtLeast(kernel, excludes.minKernel));
    return {
      ...rest,
      ...(all && { architectures: all }),
      syscalls: syscalls.filter(fits).map(({ includes: _in, excludes: _ex, comment: _c, name, ...rule }) => ({
        ...rule,
        names: rule.names ?? (name === undefined ? [] : [name]),
        ...(rule.args === null && { args: [] }),
      })),
    };
  };
}

function isAtLeast(kernel: string, wanted: string): boolean {
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split(".").map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
