import { describe, expect, test } from "vitest";
import { goJson, sorted, table } from "../../src/cli/output.ts";

describe("JSON as Go's encoder writes it", () => {
  test("characters that could end a script element are escaped", () => {
    expect(goJson({ "a<b>": "x&y\u2028" })).toBe('{"a\\u003cb\\u003e":"x\\u0026y\\u2028"}');
  });

  test("a bigint keeps all of its digits", () => {
    expect(goJson({ limit: 9223372036854775807n })).toBe('{"limit":9223372036854775807}');
  });

  test("maps are in the order of their keys", () => {
    expect(goJson(sorted({ b: "1", a: "2", B: "3" }))).toBe('{"B":"3","a":"2","b":"1"}');
  });
});

describe("columns", () => {
  test("are twelve wide or wider by three than the widest cell, the last one unpadded", () => {
    const rows = [
      ["ID", "BUNDLE", "OWNER"],
      ["c1", "/tmp/clib/b", "root"],
    ];
    expect(table(rows)).toBe("ID          BUNDLE        OWNER\nc1          /tmp/clib/b   root\n");
  });
});
