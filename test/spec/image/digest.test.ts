import { describe, expect, test } from "vitest";
import { RuntError } from "../../../src/errors.ts";
import { chainIDs, type DiffID, digestOf, isDigest, parseDigest } from "../../../src/spec/image/digest.ts";
import { algorithmOf, hexOf } from "../../../src/spec/image/digest-parts.ts";

const empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

describe("digest — image-spec descriptor.md#digests", () => {
  test("of nothing, by both algorithms", () => {
    expect(digestOf("")).toBe(empty);
    const long = digestOf(new Uint8Array(), "sha512");
    expect(algorithmOf(long)).toBe("sha512");
    expect(hexOf(long)).toHaveLength(128);
    expect(parseDigest(long)).toBe(long);
    expect(hexOf(parseDigest(empty))).toBe(empty.slice(7));
  });

  const refused: readonly (readonly [text: string, why: string])[] = [
    ["", "must be a digest such as sha256:…"],
    ["sha256", "must be a digest"],
    [empty.slice(7), "must be a digest"],
    ["sha256:abc", 'must have 64 lower-case hex digits after sha256:, not "abc"'],
    [empty.toUpperCase(), "must be a digest"],
    [`sha256:${"A".repeat(64)}`, "lower-case"],
    [`sha512:${"a".repeat(64)}`, "must have 128"],
    [`md5:${"a".repeat(32)}`, "has the digest algorithm md5"],
    [`sha256:../../../${"a".repeat(55)}`, "must be a digest"],
    [`${empty}\n`, "must be a digest"],
    [`__proto__:${"a".repeat(64)}`, "must be a digest"],
    [`constructor:${"a".repeat(64)}`, "has the digest algorithm constructor"],
  ];
  test.each(refused)("refuses %j", (text, why) => {
    expect(isDigest(text)).toBe(false);
    expect(() => parseDigest(text)).toThrow(expect.objectContaining({ kind: "InvalidArgument" }));
    expect(() => parseDigest(text)).toThrow(why);
    expect(() => parseDigest(text)).toThrow(RuntError);
  });
});

describe("chainIDs — image-spec config.md#layer-chainid", () => {
  const layers = ["a", "b", "c"].map((text) => digestOf(text) as string as DiffID);

  test("the first is the diffID, each next one hashes the one below and its own", () => {
    const [first, second, third] = chainIDs(layers);
    expect(first as string).toBe(layers[0]);
    expect(second as string).toBe(digestOf(`${layers[0]} ${layers[1]}`));
    expect(third as string).toBe(digestOf(`${second} ${layers[2]}`));
  });

  test("no layers, no chain", () => {
    expect(chainIDs([])).toEqual([]);
  });
});
