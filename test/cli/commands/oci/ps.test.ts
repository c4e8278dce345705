import { describe, expect, test } from "vitest";
import { linesOf } from "../../../../src/cli/commands/oci/ps.ts";

describe("ps — the host's ps, cut down to the container", () => {
  test("keeps the title and the lines of our pids, wherever the column is", () => {
    const output =
      "UID   PID  PPID CMD\nroot   12     1 /bin/sleep 100\nroot   13    12 x 12\nroot  112     1 y\n";
    expect(linesOf(output, new Set([12]))).toBe("UID   PID  PPID CMD\nroot   12     1 /bin/sleep 100\n");
  });

  test("without a PID column there is nothing to go by", () => {
    expect(() => linesOf("UID CMD\nroot x\n", new Set([1]))).toThrow("couldn't find PID field in ps output");
  });
});
