import { describe, expect, test } from "vitest";
import { parseMountInfo, readMountInfo } from "../../src/linux/mountinfo.ts";

describe("mountinfo — proc_pid_mountinfo(5)", () => {
  test("a line with one optional field", () => {
    const line = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n";
    expect(parseMountInfo(line)).toEqual([
      {
        id: 36,
        parentId: 35,
        device: "98:0",
        root: "/mnt1",
        mountPoint: "/mnt2",
        options: ["rw", "noatime"],
        optionalFields: ["master:1"],
        fsType: "ext3",
        source: "/dev/root",
        superOptions: ["rw", "errors=continue"],
      },
    ]);
  });

  for (const [fields, expected] of [
    ["", []],
    ["shared:7 master:3 propagate_from:2 ", ["shared:7", "master:3", "propagate_from:2"]],
  ] as const) {
    test(`${expected.length} optional fields`, () => {
      const [mount] = parseMountInfo(`1 1 0:5 / /sys rw ${fields}- sysfs sysfs rw\n`);
      expect(mount?.optionalFields).toEqual(expected);
      expect(mount?.fsType).toBe("sysfs");
    });
  }

  test("blank, tab, newline and backslash come as octal digits", () => {
    const [mount] = parseMountInfo("1 1 0:5 / /a\\040b\\011c\\012d\\134e rw - tmpfs some\\040thing rw\n");
    expect(mount?.mountPoint).toBe("/a b\tc\nd\\e");
    expect(mount?.source).toBe("some thing");
  });

  test("this process's own has a proc file system at /proc", () => {
    expect(
      readMountInfo()
        .filter((m) => m.mountPoint === "/proc")
        .at(-1)?.fsType,
    ).toBe("proc");
  });
});
