import { describe, expect, test } from "vitest";
import {
  familiarName,
  fullName,
  identifierOf,
  parseReference,
  repositoryName,
} from "../../../src/image/reference/reference.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("image names — distribution reference grammar", () => {
  const names: readonly (readonly [text: string, full: string, familiar: string])[] = [
    ["busybox", "docker.io/library/busybox:latest", "busybox:latest"],
    ["busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"],
    ["docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"],
    ["index.docker.io/library/busybox", "docker.io/library/busybox:latest", "busybox:latest"],
    ["user/app", "docker.io/user/app:latest", "user/app:latest"],
    ["library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"],
    ["quay.io/a/b:x", "quay.io/a/b:x", "quay.io/a/b:x"],
    ["localhost/app", "localhost/app:latest", "localhost/app:latest"],
    ["docker.io/localhost/x", "docker.io/localhost/x:latest", "docker.io/localhost/x:latest"],
    ["localhost:5000/app", "localhost:5000/app:latest", "localhost:5000/app:latest"],
    ["host:5000/app:1", "host:5000/app:1", "host:5000/app:1"],
    ["[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"],
    ["10.0.0.1/a", "10.0.0.1/a:latest", "10.0.0.1/a:latest"],
    ["HOST/app", "HOST/app:latest", "HOST/app:latest"],
    [`busybox@${digest}`, `docker.io/library/busybox@${digest}`, `busybox@${digest}`],
    [`busybox:1@${digest}`, `docker.io/library/busybox:1@${digest}`, `busybox:1@${digest}`],
    ["a.b/c__d-e---f.g/h", "a.b/c__d-e---f.g/h:latest", "a.b/c__d-e---f.g/h:latest"],
    ["a:A_b.C-d", "docker.io/library/a:A_b.C-d", "a:A_b.C-d"],
    [`a:${"x".repeat(128)}`, `docker.io/library/a:${"x".repeat(128)}`, `a:${"x".repeat(128)}`],
  ];
  test.each(names)("%s", (text, full, familiar) => {
    const reference = parseReference(text);
    expect(fullName(reference)).toBe(full);
    expect(familiarName(reference)).toBe(familiar);
    expect(parseReference(full)).toEqual(reference);
    expect(parseReference(familiar)).toEqual(reference);
  });

  test("the digest decides, the tag is for people", () => {
    const reference = parseReference(`busybox:1@${digest}`);
    expect(identifierOf(reference)).toBe(digest);
    expect(identifierOf(parseReference("busybox"))).toBe("latest");
    expect(repositoryName(reference)).toBe("docker.io/library/busybox");
  });

  const refused: readonly (readonly [text: string, why: string])[] = [
    ["", "must not be empty"],
    ["Busybox", "the path must be lower case"],
    ["user/App", "the path must be lower case"],
    ["a//b", "a component of the path is empty"],
    ["/a", "a component of the path is empty"],
    ["a/", "a component of the path is empty"],
    ["a:", "the tag"],
    ["a:-x", "the tag"],
    [`a:${"x".repeat(129)}`, "the tag"],
    ["a:b/c:d", '"a:b" is not a host name'],
    ["a@sha256:abc", "must have 64 lower-case hex digits"],
    ["a@md5:abc", "md5"],
    ["a@", "must be a digest"],
    ["a_", "the path may have"],
    ["a..b", "the path may have"],
    ["a b", "the path may have"],
    ["a/../b", "the path may have"],
    ["-x.y/a", "is not a host name"],
    ["https://quay.io/a", "a name has no https://"],
    ["docker://busybox", "a name has no docker://"],
    ["b".repeat(64), "64 hex digits are an ID"],
    [`h.x/${"a/".repeat(128)}b`, "longer than 255"],
    ["a\n", "the path may have"],
    ["a\u0000b", "the path may have"],
  ];
  test.each(refused)("refuses %j", (text, why) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ kind: "InvalidArgument" }));
    expect(() => parseReference(text)).toThrow(why);
  });

  test("a long hostile name takes no long time", () => {
    expect(() => parseReference(`${"a-".repeat(100_000)}!`)).toThrow("the path may have");
    expect(() => parseReference(`${"a.".repeat(100_000)}/x`)).toThrow();
  });
});
