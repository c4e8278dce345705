/**
 * Platforms as people and images write them, in one spelling.
 * @see image-spec image-index.md#platform-variants
 */
import { RuntError } from "../../errors.ts";
import type { Platform } from "../../spec/image/platform.ts";

const osNames: Readonly<Record<string, string>> = { macos: "darwin" };

/** Other names of an architecture, with the variant that they imply. */
const architectureNames: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  i386: ["386"],
  i686: ["386"],
  x86: ["386"],
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  aarch64: ["arm64"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
  mips64el: ["mips64le"],
  mipsel: ["mipsle"],
  powerpc64le: ["ppc64le"],
};

/** Go's names. With these a word that stands alone is told from a misspelt one. */
const architectures = new Set([
  ...["386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle"],
  ...["ppc64", "ppc64le", "riscv64", "s390x", "wasm"],
]);

/** The variant that means the same as none, by architecture. */
const plainVariants: Readonly<Record<string, string>> = { amd64: "v1", arm64: "v8", arm: "v7" };

/** The platform in Go's spelling; the variant that everybody has is left out, except on arm, where it is v7. */
export function normalisePlatform(platform: Platform): Platform {
  const name = platform.architecture.toLowerCase();
  const [architecture, implied] = architectureNames[name] ?? [name];
  const os = platform.os.toLowerCase();
  const given = platform.variant?.toLowerCase().replace(/^(?=\d)/, "v") ?? implied;
  const variant =
    architecture === "arm" ? (given ?? "v7") : given === plainVariants[architecture] ? undefined : given;
  const { variant: _, ...rest } = platform;
  return { ...rest, os: osNames[os] ?? os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/**
 * Reads "linux/arm64/v8", "linux/amd64", or "arm64" alone, which is Linux'.
 * @throws {RuntError} InvalidArgument
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  const isKnownOs = /^(?:linux|windows|darwin|macos|freebsd)$/i.test(parts[0]!);
  const [os = "", architecture = "", variant, ...more] = isKnownOs ? parts : ["linux", ...parts];
  if (
    more.length > 0 ||
    [os, architecture, variant ?? "v1"].some((part) => !/^[A-Za-z0-9_.-]+$/.test(part))
  ) {
    const subject = `platform ${JSON.stringify(text)}`;
    throw new RuntError("InvalidArgument", `${subject}: must be os/architecture or os/architecture/variant`, {
      operation: "parse",
      subject,
    });
  }
  const platform = normalisePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) });
  if (!isKnownOs && parts.length === 1 && !architectures.has(platform.architecture)) {
    const subject = `platform ${JSON.stringify(text)}`;
    throw new RuntError("InvalidArgument", `${subject}: no such architecture`, {
      operation: "parse",
      subject,
      hint: `one of ${[...architectures].join(", ")}`,
    });
  }
  return platform;
}
