import { describe, expect, test } from "vitest";
import { parseChallenges } from "../../../src/spec/distribution/challenge.ts";
import { parseContentRange, parseUploadRange } from "../../../src/spec/distribution/ranges.ts";
import { nextLink } from "../../../src/spec/distribution/tags.ts";
import { mergeScopes, repositoryScope } from "../../../src/spec/distribution/token.ts";

function read(header: string): unknown {
  return parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
}

describe("WWW-Authenticate — RFC 9110 11.6.1", () => {
  const headers: readonly (readonly [header: string, challenges: unknown])[] = [
    [
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
      [
        [
          "bearer",
          {
            realm: "https://auth.docker.io/token",
            service: "registry.docker.io",
            scope: "repository:a/b:pull,push",
          },
        ],
      ],
    ],
    ['Basic realm="a, b=c \\"d\\" \\\\"', [["basic", { realm: 'a, b=c "d" \\' }]]],
    [
      'Basic realm="x", Bearer realm="y"',
      [
        ["basic", { realm: "x" }],
        ["bearer", { realm: "y" }],
      ],
    ],
    [
      'Negotiate, Basic realm="x"',
      [
        ["negotiate", {}],
        ["basic", { realm: "x" }],
      ],
    ],
    [
      'Negotiate YWJj==, basic Realm = "x"',
      [
        ["negotiate", {}],
        ["basic", { realm: "x" }],
      ],
    ],
    [
      "Bearer realm=https://a/token?x=1,service=b",
      [["bearer", { realm: "https://a/token?x=1", service: "b" }]],
    ],
    ['Bearer realm="first",realm="second"', [["bearer", { realm: "first" }]]],
    ['Bearer realm="', [["bearer", {}]]],
    ["", []],
    [' , ,Basic realm=""', [["basic", { realm: "" }]]],
    ["Basic", [["basic", {}]]],
  ];
  test.each(headers)("%s", (header, challenges) => {
    expect(read(header)).toEqual(challenges);
  });

  test("a long header takes no long time", () => {
    expect(parseChallenges(`Bearer ${'realm="x" '.repeat(50_000)}`).length).toBeGreaterThan(0);
    expect(parseChallenges(`Bearer ${"a".repeat(200_000)}`)).toHaveLength(1);
    expect(parseChallenges(`Bearer realm="${"\\a".repeat(100_000)}`)).toHaveLength(1);
  });
});

describe("Content-Range and Range", () => {
  test("of a part of a blob", () => {
    expect(parseContentRange("bytes 100-199/1000")).toEqual({ first: 100, last: 199, total: 1000 });
    expect(parseContentRange("bytes 0-0/*")).toEqual({ first: 0, last: 0, total: undefined });
    for (const wrong of [
      undefined,
      "",
      "bytes */1000",
      "bytes 5-4/10",
      "bytes 0-10/10",
      "items 0-1/2",
      "bytes -1-2/3",
    ])
      expect(parseContentRange(wrong)).toBeUndefined();
  });

  test("of an upload", () => {
    expect(["0-1023", "bytes=0-9", "0-0", undefined, "5-9", "x"].map(parseUploadRange)).toEqual([
      1024, 10, 0, 0, 0, 0,
    ]);
  });
});

describe("Link — RFC 8288", () => {
  const links: readonly (readonly [header: string | undefined, next: string | undefined])[] = [
    ['</v2/a/tags/list?n=2&last=b>; rel="next"', "/v2/a/tags/list?n=2&last=b"],
    ["<x>; rel=next", "x"],
    ['<a>; rel="prev", <b>; rel="next"', "b"],
    ['<a>; title="x"; rel="last next"', "a"],
    ['<a>; rel="nextish"', undefined],
    ["<a>", undefined],
    [undefined, undefined],
  ];
  test.each(links)("%s", (header, next) => {
    expect(nextLink(header)).toBe(next);
  });
});

describe("scopes — distribution docs/spec/auth/scope.md", () => {
  test("of one resource are one, in a fixed order", () => {
    expect(mergeScopes(["repository:b:push,pull", "repository:a:pull", "repository:b:pull"])).toEqual([
      "repository:a:pull",
      "repository:b:pull,push",
    ]);
    expect(mergeScopes([])).toEqual([]);
    expect(mergeScopes([repositoryScope("host:5000/x", "pull")])).toEqual(["repository:host:5000/x:pull"]);
  });
});
