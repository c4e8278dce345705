import { describe, expect, test } from "vitest";
import { resolveUser } from "../../../src/image/unpack/user.ts";

const files = {
  passwd: "# accounts\nroot:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/work:\n2000:x:5:6::/odd:\nbroken\n",
  group: "root:x:0:\napp:x:1001:\nlogs:x:44:app,root\ndisk:x:6:app\n",
};

describe("the image's user — image-spec conversion.md", () => {
  test.each([
    ["", { uid: 0, gid: 0, additionalGids: [44], home: "/root" }],
    ["app", { uid: 1000, gid: 1001, additionalGids: [44, 6], home: "/work" }],
    ["1000", { uid: 1000, gid: 1001, additionalGids: [44, 6], home: "/work" }],
    ["app:logs", { uid: 1000, gid: 44, additionalGids: [], home: "/work" }],
    ["1000:7", { uid: 1000, gid: 7, additionalGids: [], home: "/work" }],
    ["77", { uid: 77, gid: 0, additionalGids: [], home: "" }],
    // A number is never a name, even where a name is a number.
    ["2000", { uid: 2000, gid: 0, additionalGids: [], home: "" }],
    ["4294967294", { uid: 4294967294, gid: 0, additionalGids: [], home: "" }],
  ])("%s", (user, expected) => {
    expect(resolveUser(user, files)).toEqual(expected);
  });

  test.each(["nobody", "app:nothing", "4294967295", "-1", "1:99999999999"])("%s is refused", (user) => {
    expect(() => resolveUser(user, files)).toThrow(expect.objectContaining({ kind: "InvalidArgument" }));
  });

  test("without the files a number and nothing else will do", () => {
    expect(resolveUser("5:6", { passwd: "", group: "" })).toMatchObject({ uid: 5, gid: 6 });
    expect(() => resolveUser("app", { passwd: "", group: "" })).toThrow();
  });
});
