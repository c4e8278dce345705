import { describe, expect, test } from "vitest";
import { amd64Level, hostPlatform } from "../../../src/image/platform/host.ts";
import { rankPlatform } from "../../../src/image/platform/match.ts";
import { parsePlatform } from "../../../src/image/platform/platform.ts";
import { formatPlatform } from "../../../src/spec/image/platform.ts";

describe("platforms — one spelling", () => {
  const spellings: readonly (readonly [text: string, normal: string])[] = [
    ["linux/x86_64", "linux/amd64"],
    ["x86-64", "linux/amd64"],
    ["linux/amd64/v1", "linux/amd64"],
    ["linux/amd64/v3", "linux/amd64/v3"],
    ["aarch64", "linux/arm64"],
    ["linux/arm64/v8", "linux/arm64"],
    ["linux/arm64/8", "linux/arm64"],
    ["arm", "linux/arm/v7"],
    ["armhf", "linux/arm/v7"],
    ["armel", "linux/arm/v6"],
    ["linux/arm/6", "linux/arm/v6"],
    ["Linux/AMD64", "linux/amd64"],
    ["i386", "linux/386"],
    ["windows/amd64", "windows/amd64"],
    ["riscv64", "linux/riscv64"],
  ];
  test.each(spellings)("%s is %s", (text, normal) => {
    expect(formatPlatform(parsePlatform(text))).toBe(normal);
  });

  test.each(["", "a/b/c/d", "linux/", "linux//v7", "linux/amd 64", "foo"])("refuses %j", (text) => {
    expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ kind: "InvalidArgument" }));
  });
});

describe("platforms — what runs where, best first", () => {
  function order(wanted: string, offered: readonly string[], fallback: "none" | "32-bit" = "none"): string[] {
    return offered
      .map((text) => ({ text, rank: rankPlatform(parsePlatform(wanted), parsePlatform(text), { fallback }) }))
      .filter(({ rank }) => rank !== undefined)
      .sort((a, b) => a.rank! - b.rank!)
      .map(({ text }) => text);
  }
  const all = [
    "arm/v5",
    "arm/v6",
    "arm/v7",
    "arm64",
    "arm64/v9",
    "amd64",
    "amd64/v2",
    "amd64/v3",
    "amd64/v4",
    "386",
  ];
  const orders: readonly (readonly [
    wanted: string,
    order: readonly string[],
    fallback: "none" | "32-bit",
  ])[] = [
    ["arm/v7", ["arm/v7", "arm/v6", "arm/v5"], "none"],
    ["arm/v6", ["arm/v6", "arm/v5"], "none"],
    ["amd64/v3", ["amd64/v3", "amd64/v2", "amd64"], "none"],
    ["amd64", ["amd64"], "none"],
    ["arm64", ["arm64"], "none"],
    ["arm64/v9", ["arm64/v9", "arm64"], "none"],
    ["amd64/v2", ["amd64/v2", "amd64", "386"], "32-bit"],
    ["arm64", ["arm64", "arm/v7", "arm/v6", "arm/v5"], "32-bit"],
    ["386", ["386"], "32-bit"],
    ["windows/amd64", [], "none"],
  ];
  test.each(orders)("%s runs %j", (wanted, expected, fallback) => {
    expect(order(wanted, all, fallback)).toEqual(expected);
  });

  test("an attestation is for no machine", () => {
    expect(rankPlatform(parsePlatform("amd64"), { os: "unknown", architecture: "unknown" })).toBeUndefined();
  });

  test("levels of x86-64", () => {
    const v2 = ["cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"];
    const v3 = [...v2, "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"];
    expect(amd64Level(new Set())).toBe("v1");
    expect(amd64Level(new Set(v2))).toBe("v2");
    expect(amd64Level(new Set(v3))).toBe("v3");
    expect(amd64Level(new Set(v3.filter((flag) => flag !== "popcnt")))).toBe("v1");
    expect(hostPlatform().os).toBe("linux");
  });
});
