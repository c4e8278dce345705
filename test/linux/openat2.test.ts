import { constants, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as o from "../../src/linux/openat2.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "runt-openat2-"));
  mkdirSync(join(dir, "root/etc"), { recursive: true });
  writeFileSync(join(dir, "root/etc/file"), "inside");
  writeFileSync(join(dir, "file"), "outside");
  symlinkSync("../../file", join(dir, "root/etc/up"));
  symlinkSync("/etc/file", join(dir, "root/link"));
});
afterAll(() => rmSync(dir, { recursive: true }));

function openIn(path: string, resolve: number) {
  using root = o.openat2(o.AT_FDCWD, join(dir, "root"), { flags: o.O_PATH, resolve: 0 });
  return o.openat2(root, path, { flags: constants.O_RDONLY, resolve });
}

describe("openat2(2)", () => {
  test("opens for reading, close-on-exec", () => {
    using fd = openIn("etc/file", 0);
    expect(readFileSync(fd.n, "utf8")).toBe("inside");
    const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd.n}`, "utf8"))?.[1];
    expect(Number.parseInt(flags ?? "", 8) & o.O_CLOEXEC).toBe(o.O_CLOEXEC);
  });

  test("RESOLVE_IN_ROOT takes an absolute link from the root given", () => {
    using fd = openIn("link", o.RESOLVE_IN_ROOT);
    expect(readFileSync(fd.n, "utf8")).toBe("inside");
  });

  for (const [name, path, resolve, code] of [
    ["RESOLVE_BENEATH", "etc/up", o.RESOLVE_BENEATH, "EXDEV"],
    ["RESOLVE_NO_SYMLINKS", "link", o.RESOLVE_NO_SYMLINKS, "ELOOP"],
    ["no file", "nothing", 0, "ENOENT"],
  ] as const) {
    test(`${name}: ${code}`, () => {
      const site = { name: "SystemError", syscall: "openat2", path, code };
      expect(() => openIn(path, resolve)).toThrow(expect.objectContaining(site));
    });
  }
});
