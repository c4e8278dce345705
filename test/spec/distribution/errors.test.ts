import { describe, expect, test } from "vitest";
import { oneLine, parseRefusal } from "../../../src/spec/distribution/errors.ts";

describe("refusals — distribution-spec spec.md#error-codes", () => {
  const bodies: readonly (readonly [body: string, code: string, message: string])[] = [
    [
      '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}}]}',
      "MANIFEST_UNKNOWN",
      "manifest unknown",
    ],
    ['{"errors":[{"code":"A","message":"a"},{"code":"B","message":""}]}', "A", "a; B"],
    ['{"errors":[{"code":"denied","message":null}]}', "DENIED", "denied"],
    ['{"details":"incorrect username or password"}', "", "incorrect username or password"],
    ['{"error":"invalid_grant","error_description":"no such user"}', "INVALID_GRANT", "no such user"],
    ['{"message":"slow down"}', "", "slow down"],
    ["Too Many Requests\n", "", "Too Many Requests"],
    ["<html><body>502</body></html>", "", ""],
    ["", "", ""],
    ["{}", "", ""],
    ['{"errors":"no"}', "", '{"errors":"no"}'],
  ];
  test.each(bodies)("%s", (body, code, message) => {
    expect(parseRefusal(body)).toEqual({ code, message });
  });

  test("nothing of a server's text reaches the terminal but letters, and not too many", () => {
    expect(oneLine("a\u001b[31mred\u001b[0m\r\nb\u202ec\u0007")).toBe("a [31mred [0m b c");
    expect(oneLine("x".repeat(10_000))).toHaveLength(400);
  });
});
