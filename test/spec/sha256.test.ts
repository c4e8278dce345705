import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { sha256 } from "../../src/spec/sha256.ts";

test("is what node:crypto says, at every length around the ends of blocks", () => {
  for (let length = 0; length <= 200; length++) {
    const text = "aé\0z/".repeat(60).slice(0, length);
    expect(sha256(text).toString("hex"), text).toBe(createHash("sha256").update(text).digest("hex"));
  }
});
