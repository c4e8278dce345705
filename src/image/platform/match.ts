/** Which platforms' images a machine can run, and in what order it likes them. */
import { isUnknown, type Platform } from "../../spec/image/platform.ts";
import { normalisePlatform } from "./platform.ts";

/** How far a choice may go from the platform that is asked for. */
export interface MatchOptions {
  /** "32-bit" also takes arm images on arm64 and 386 images on amd64, after all others. */
  readonly fallback?: "none" | "32-bit";
}

/** The numbers of variants that run here, best first: each one runs those before it. */
function lowerVariants({ architecture, variant }: Platform): readonly (string | undefined)[] {
  const number = Number(/^v(\d+)$/.exec(variant ?? "")?.[1] ?? Number.NaN);
  const lowest = architecture === "arm" ? 5 : 1;
  const plain = architecture === "amd64" ? 1 : architecture === "arm64" ? 8 : undefined;
  if (architecture === "arm64" && (variant === undefined || number >= 8)) {
    // v8.1, v9 and the like run plain v8.
    return variant === undefined ? [undefined] : [variant, ...(number > 8 ? [undefined] : [])];
  }
  if (Number.isNaN(number)) return variant === undefined ? [undefined] : [variant, undefined];
  const count = Math.max(0, number - lowest + 1);
  return Array.from({ length: count }, (_, i) => number - i).map((n) => (n === plain ? undefined : `v${n}`));
}

/** The platforms whose images run where `wanted` does, best first. */
export function acceptablePlatforms(
  platform: Platform,
  { fallback = "none" }: MatchOptions = {},
): Platform[] {
  const wanted = normalisePlatform(platform);
  const { os, architecture } = wanted;
  const withVariants = (platform: Platform): Platform[] =>
    lowerVariants(platform).map((variant) => ({
      os,
      architecture: platform.architecture,
      ...(variant === undefined ? {} : { variant }),
    }));
  const own = withVariants(wanted);
  if (fallback === "none") return own;
  if (architecture === "amd64") return [...own, { os, architecture: "386" }];
  if (architecture === "arm64") return [...own, ...withVariants({ os, architecture: "arm", variant: "v7" })];
  return own;
}

/**
 * How well `offered` suits `wanted`: 0 is exactly, more is worse; undefined is not at all.
 */
export function rankPlatform(
  wanted: Platform,
  offered: Platform,
  options: MatchOptions = {},
): number | undefined {
  if (isUnknown(offered)) return undefined;
  const normal = normalisePlatform(offered);
  const rank = acceptablePlatforms(wanted, options).findIndex(
    ({ os, architecture, variant }) =>
      os === normal.os && architecture === normal.architecture && variant === normal.variant,
  );
  return rank < 0 ? undefined : rank;
}
