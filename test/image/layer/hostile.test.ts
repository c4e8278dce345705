/** Archives that were made to do harm: nothing outside the layer's directory changes, and the error says what it was. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import type { ApplyOptions } from "../../../src/image/layer/apply.ts";
import { listXattrs } from "../../../src/linux/xattr.ts";
import { archive, entry, header, meta, paxRecords, type RawEntry } from "../../support/archive.ts";
import { needs } from "../../support/needs.ts";
import { fingerprint } from "../../support/tree.ts";
import { Scratch, unpack } from "./unpack.ts";

const asRoot = needs("root");
const targets = ["overlay", "flat"] as const;

/** Unpacks into a fresh directory; whatever becomes of it, the outside must be as it was. */
async function attack(
  make: (outside: string) => Uint8Array,
  options: Partial<ApplyOptions> = {},
): Promise<{ error: unknown; scratch: Scratch } & Disposable> {
  const scratch = new Scratch();
  const before = fingerprint(scratch.outside);
  const host = lstatSync("/etc/passwd", { bigint: true });
  const names = readdirSync(scratch.path);
  let error: unknown;
  try {
    await unpack(make(scratch.outside), scratch.layer, options);
  } catch (caught) {
    error = caught;
  }
  expect(fingerprint(scratch.outside)).toBe(before);
  expect(readdirSync(scratch.path)).toEqual(names);
  expect(lstatSync("/etc/passwd", { bigint: true }).ctimeNs).toBe(host.ctimeNs);
  return { error, scratch, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

function expectRefusal(error: unknown, message: RegExp): void {
  expect(error).toMatchObject({ name: "RuntError", kind: "InvalidArgument", site: { operation: "unpack" } });
  expect((error as Error).message).toMatch(message);
  expect((error as Error).message).not.toMatch(/\n/);
}

for (const target of targets)
  describe(`hostile layer — containment, ${target}`, () => {
    for (const name of [
      "../outside/etc/passwd",
      "a/../../outside/etc/passwd",
      "/../outside/etc/passwd",
      "..",
    ])
      asRoot(`a name that climbs: ${name}`, async () => {
        using result = await attack(() => archive({ name, data: "evil" }), { target });
        expectRefusal(result.error, /leads out of the layer/);
      });

    asRoot("an absolute name is below the layer", async () => {
      using result = await attack((outside) => archive({ name: `${outside}/etc/passwd`, data: "evil" }), {
        target,
      });
      expect(result.error).toBeUndefined();
      const { scratch } = result;
      expect(readFileSync(join(scratch.layer, scratch.outside, "etc/passwd"), "utf8")).toBe("evil");
    });

    const links: Record<string, (outside: string) => string> = {
      absolute: (outside) => outside,
      "relative and climbing": () => "../outside",
      "climbing far": (outside) => `${"../".repeat(40)}${outside}`,
    };
    for (const [what, linkOf] of Object.entries(links)) {
      const entries: Record<string, (link: string) => RawEntry[]> = {
        "a file through a link": (linkname) => [
          { name: "x", type: "2", linkname },
          { name: "x/etc/passwd", data: "evil" },
          { name: "x/new", data: "evil" },
        ],
        "a directory through a link": (linkname) => [
          { name: "x", type: "2", linkname },
          { name: "x/etc", type: "5", mode: 0o777, uid: 4242 },
        ],
        "through a link to a link": (linkname) => [
          { name: "y", type: "2", linkname },
          { name: "x", type: "2", linkname: "y" },
          { name: "x/etc/passwd", data: "evil" },
        ],
        "a directory that becomes a link": (linkname) => [
          { name: "x", type: "5" },
          { name: "x/etc", type: "5" },
          { name: "x/etc/a", data: "fine" },
          { name: "x", type: "2", linkname },
          { name: "x/etc/passwd", data: "evil" },
          { name: "x/etc", type: "5", uid: 4242 },
        ],
        "a hard link to a file behind a link": (linkname) => [
          { name: "x", type: "2", linkname },
          { name: "h", type: "1", linkname: "x/etc/passwd" },
        ],
        "a hard link to a link, and a write through it": (linkname) => [
          { name: "x", type: "2", linkname: `${linkname}/etc/passwd` },
          { name: "h", type: "1", linkname: "x" },
          { name: "h", data: "evil" },
        ],
        "a file where a link is": (linkname) => [
          { name: "x", type: "2", linkname: `${linkname}/etc/passwd` },
          { name: "x", data: "evil", mode: 0o4755 },
        ],
        "a whiteout through a link": (linkname) => [
          { name: "x", type: "2", linkname },
          { name: "x/etc/.wh.passwd" },
          { name: "x/.wh.etc" },
          { name: "x/.wh..wh..opq" },
        ],
        "attributes of a link's target": (linkname) => [
          {
            name: "x",
            type: "2",
            linkname: `${linkname}/etc`,
            mode: 0o777,
            uid: 4242,
            mtime: 1,
            pax: [["SCHILY.xattr.user.x", "1"]],
          },
          { name: "x", type: "5", mode: 0o700, uid: 4242, mtime: 1, pax: [["SCHILY.xattr.user.x", "1"]] },
        ],
        "a device through a link": (linkname) => [
          { name: "x", type: "2", linkname },
          { name: "x/dev", type: "3", major: 1, minor: 1 },
          { name: "x/fifo", type: "6" },
        ],
      };
      for (const [how, of] of Object.entries(entries))
        asRoot(`${how}, ${what}`, async () => {
          using result = await attack((outside) => archive(...of(linkOf(outside))), { target });
          // In one or the other way it may well work, as long as it stays inside.
          if (result.error !== undefined) expectRefusal(result.error, /hard link|not a directory/);
        });
    }

    asRoot("a hard link to a file of the host", async () => {
      for (const linkname of ["/etc/passwd", "../outside/etc/passwd", "../../../../../../etc/passwd"]) {
        using result = await attack(
          () => archive({ name: "h", type: "1", linkname }, { name: "h", data: "x" }),
          { target },
        );
        if (result.error) expectRefusal(result.error, /hard link|out of the layer/);
        expect(lstatSync("/etc/passwd").nlink).toBe(1);
      }
    });

    asRoot("whiteouts of '.' and '..' and of nothing", async () => {
      for (const name of [".wh..", ".wh...", ".wh.", "a/.wh..", "a/.wh..."]) {
        using result = await attack(() => archive({ name: "a/b", data: "x" }, { name }), { target });
        expectRefusal(result.error, /whiteout of nothing/);
      }
    });

    asRoot("links that go round", async () => {
      const entries: RawEntry[] = [
        { name: "a", type: "2", linkname: "b" },
        { name: "b", type: "2", linkname: "a" },
        { name: "a/f", data: "x" },
      ];
      using result = await attack(() => archive(...entries), { target });
      expectRefusal(result.error, /too many levels of symbolic links/);
    });

    asRoot("a file as a directory", async () => {
      using result = await attack(() => archive({ name: "a", data: "x" }, { name: "a/b", data: "x" }), {
        target,
      });
      expectRefusal(result.error, /parent is not a directory/);
    });

    asRoot("trusted.* attributes, which would be orders to OverlayFS", async () => {
      const pax: [string, string][] = ["trusted.overlay.opaque", "trusted.overlay.redirect", "trusted.x"].map(
        (name) => [`SCHILY.xattr.${name}`, "/etc"],
      );
      using result = await attack(() => archive({ name: "d", type: "5", pax }, { name: "f", pax }), {
        target,
      });
      expect(result.error).toBeUndefined();
      for (const name of ["d", "f"])
        expect(listXattrs(Buffer.from(join(result.scratch.layer, name)))).toEqual([]);
    });

    asRoot("entries for the root itself change nothing", async () => {
      const root: RawEntry[] = ["./", "/", "", ".", "a/..", "//"].flatMap((name) => [
        { name, type: "5", mode: 0o4777, uid: 4242 },
        { name, data: "x" },
        { name, type: "2", linkname: "/etc" },
      ]);
      using result = await attack(() => archive(...root), { target });
      expect(result.error).toBeUndefined();
      expect(lstatSync(result.scratch.layer)).toMatchObject({ uid: 0 });
      expect(readdirSync(result.scratch.layer)).toEqual([]);
    });

    asRoot("a directory on the way that somebody made a link to the outside", async () => {
      using scratch = new Scratch();
      // As a flat target finds it that another tool has written; an overlay layer begins empty.
      symlinkSync(scratch.outside, join(scratch.layer, "x"));
      mkdirSync(join(scratch.layer, "d"));
      symlinkSync("../../outside/etc", join(scratch.layer, "d/etc"));
      const before = fingerprint(scratch.outside);
      const bytes = archive(
        { name: "x/etc/passwd", data: "evil" },
        { name: "d/etc/passwd", data: "evil" },
        { name: "d/etc/.wh.passwd" },
        { name: "d/etc/.wh..wh..opq" },
        { name: "x", type: "5", uid: 4242 },
      );
      await unpack(bytes, scratch.layer, { target });
      expect(fingerprint(scratch.outside)).toBe(before);
    });
  });

describe("hostile layer — names and numbers", () => {
  const long = "n".repeat(256);
  const cases: Record<string, [() => Uint8Array, RegExp]> = {
    "a NUL in a PAX path": [() => archive({ name: "x", pax: [["path", "a\0b"]] }), /NUL/],
    "a NUL in a PAX link": [() => archive({ name: "x", type: "2", pax: [["linkpath", "a\0b"]] }), /NUL/],
    "a component of 256 bytes": [() => archive({ name: "x", pax: [["path", `a/${long}`]] }), /name too long/],
    "a path longer than the kernel takes": [
      () => archive({ name: "x", pax: [["path", "a/".repeat(2000)]] }),
      /longer than 3840 bytes/,
    ],
    "a name of half a megabyte": [
      () => archive({ name: "x", pax: [["path", "a/".repeat(250_000)]] }),
      /longer than 3840 bytes/,
    ],
    "more directories deep than is allowed": [
      () => archive({ name: "x", type: "5", pax: [["path", "a/".repeat(1100)]] }),
      /deeper than 1000/,
    ],
    "depth through links": [
      () =>
        archive(
          ...Array.from({ length: 20 }, (_, i): RawEntry[] => [
            { name: "x", type: "5", pax: [["path", `${i === 0 ? "d" : `l${i - 1}`}/${"a/".repeat(90)}`]] },
            {
              name: `l${i}`,
              type: "2",
              pax: [["linkpath", `${i === 0 ? "d" : `l${i - 1}`}/${"a/".repeat(90)}`]],
            },
          ]).flat(),
        ),
      /deeper than 1000|too many levels/,
    ],
    "a PAX header of more than 1 MiB": [
      () => archive({ name: "x", pax: [["comment", "c".repeat(1 << 20)]] }),
      /header of \d+ bytes/,
    ],
    "a PAX header that says it is 4 GB": [
      () => archive(header({ name: "x", type: "x", size: 2 ** 32 })),
      /header of/,
    ],
    "a global PAX header of 4 GB": [
      () => archive(header({ name: "x", type: "g", size: 2 ** 32 })),
      /header of/,
    ],
    "a GNU long name of 4 GB": [
      () => archive(header({ name: "x", type: "L", size: 2 ** 32, format: "gnu" })),
      /header of/,
    ],
    "a negative size": [() => archive(header({ name: "x", size: -1 })), /no valid size/],
    "a size beyond 2⁵³": [
      () => archive(header({ name: "x", patch: [[124, Buffer.from("80000000ffffffffffffffff", "hex")]] })),
      /no valid size/,
    ],
    "a size of 8 EB": [() => archive(header({ name: "x", size: 2 ** 52 })), /more than \d+ bytes/],
    "a PAX size that is no number": [() => archive({ name: "x", pax: [["size", "-5"]] }), /no valid size/],
    "a sparse file of 4 PB": [
      () =>
        archive({
          name: "x",
          pax: [
            ["GNU.sparse.size", `${2 ** 52}`],
            ["GNU.sparse.map", ""],
          ],
        }),
      /more than \d+ bytes/,
    ],
    "a sparse map that goes back": [
      () =>
        archive({
          name: "x",
          data: "ab",
          pax: [
            ["GNU.sparse.size", "9"],
            ["GNU.sparse.map", "4,1,2,1"],
          ],
        }),
      /sparse map/,
    ],
    "a sparse map past the end": [
      () =>
        archive({
          name: "x",
          data: "ab",
          pax: [
            ["GNU.sparse.size", "9"],
            ["GNU.sparse.map", "8,2"],
          ],
        }),
      /sparse map/,
    ],
    "a sparse map for more than is stored": [
      () =>
        archive({
          name: "x",
          data: "ab",
          pax: [
            ["GNU.sparse.size", "9"],
            ["GNU.sparse.map", "0,9"],
          ],
        }),
      /sparse map/,
    ],
    "owner −1, which chown takes for none": [() => archive({ name: "x", uid: 2 ** 32 - 1 }), /owner/],
    "a negative owner": [() => archive({ name: "x", gid: -2 }), /no valid gid/],
    "an owner beyond 32 bits": [() => archive({ name: "x", pax: [["uid", "4294967296"]] }), /owner/],
    "a device number beyond the kernel's": [
      () => archive({ name: "x", type: "3", major: 4096, minor: 1 }),
      /device number/,
    ],
    "a device number beyond 32 bits": [
      () => archive({ name: "x", type: "3", major: 2 ** 32, minor: 1 }),
      /device number/,
    ],
    "an attribute with a NUL in its name": [
      () => archive({ name: "x", pax: [["SCHILY.xattr.user.a\0b", "1"]] }),
      /valid name/,
    ],
    "300 attributes": [
      () =>
        archive({
          name: "x",
          pax: Array.from({ length: 300 }, (_, i) => [`SCHILY.xattr.user.a${i}`, "1"] as const),
        }),
      /more than 256 attributes/,
    ],
    "an attribute longer than the kernel takes": [
      () => archive({ name: "x", pax: [["SCHILY.xattr.user.a", "v".repeat(70_000)]] }),
      /attribute user\.a/,
    ],
    "PAX records without order": [() => archive(meta("x", "9999 a=b\n"), { name: "x" }), /valid length/],
    "PAX records with a short length": [
      () => archive(meta("x", "3 path=x\n"), { name: "x" }),
      /valid length/,
    ],
    "PAX records without an equals sign": [() => archive(meta("x", "8 pathx\n"), { name: "x" }), /no key/],
    "a PAX time that is none": [() => archive({ name: "x", pax: [["mtime", "tomorrow"]] }), /no valid time/],
    "an unknown type": [() => archive({ name: "x", type: "Q" }), /type "Q"/],
    "a symbolic link to nothing": [() => archive({ name: "x", type: "2", linkname: "" }), /link to nothing/],
    "a hard link to the root": [() => archive({ name: "x", type: "1", linkname: "/" }), /layer's root/],
    "a wrong checksum": [() => archive(header({ name: "x", checksum: 7 })), /checksum/],
    "half of an end": [() => Buffer.concat([Buffer.alloc(512), entry({ name: "x" })]), /after half/],
    "a header about nothing": [() => archive(meta("x", paxRecords([["path", "y"]]))), /before an entry/],
    "a header about nothing, and no end": [() => meta("x", paxRecords([["path", "y"]])), /truncated/],
    "the end within data": [
      () => entry({ name: "x", data: "x".repeat(5000) }).subarray(0, 4000),
      /truncated/,
    ],
    "the end within a header": [() => entry({ name: "x" }).subarray(0, 300), /truncated/],
  };
  for (const [what, [make, message]] of Object.entries(cases))
    asRoot(what, async () => {
      using result = await attack(make);
      expectRefusal(result.error, message);
    });

  asRoot("terminal codes in a name do not reach the message", async () => {
    using result = await attack(() => archive({ name: "\x1b[2J\x9bevil", uid: 2 ** 32 - 1 }));
    expectRefusal(result.error, /evil/);
    expect((result.error as Error).message).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
  });

  asRoot("what was unpacked can be removed, however deep", async () => {
    using scratch = new Scratch();
    const name = "d/".repeat(950);
    await unpack(archive({ name: "x", pax: [["path", `${name}f`]], data: "x" }), scratch.layer);
    expect(existsSync(join(scratch.layer, "d/d/d"))).toBe(true);
    // By flat unpacking, which removes below fds; and then by Node.
    await unpack(archive({ name: ".wh.d" }), scratch.layer, { target: "flat" });
    expect(readdirSync(scratch.layer)).toEqual([]);
  });

  asRoot("a whiteout does not follow what it removes", async () => {
    using scratch = new Scratch();
    mkdirSync(join(scratch.layer, "d"));
    symlinkSync(scratch.outside, join(scratch.layer, "d/link"));
    writeFileSync(join(scratch.layer, "d/f"), "x");
    const before = fingerprint(scratch.outside);
    await unpack(archive({ name: ".wh.d" }), scratch.layer, { target: "flat" });
    expect(fingerprint(scratch.outside)).toBe(before);
    expect(readdirSync(scratch.layer)).toEqual([]);
  });
});

describe("hostile layer — bombs", () => {
  const limits = { entries: 100, bytes: 1 << 20, ratio: 50, ratioFromBytes: 1 << 18 };
  asRoot("more entries than are allowed: no more are made", async () => {
    const entries = Array.from({ length: 200 }, (_, i): RawEntry => ({ name: `f${i}` }));
    using result = await attack(() => archive(...entries), { limits });
    expectRefusal(result.error, /more than 100 entries/);
    expect(readdirSync(result.scratch.layer).length).toBeLessThanOrEqual(100);
  });

  asRoot("a ratio that only a bomb has, before the disk notices", async () => {
    const bomb = execFileSync("bash", ["-c", "head -c 600M /dev/zero | gzip -1"], {
      maxBuffer: 1 << 26,
    });
    using result = await attack(() => bomb, { limits: { ...limits, bytes: 2 ** 40 } });
    expectRefusal(result.error, /times its compressed size/);
  });

  asRoot("more bytes than are allowed", async () => {
    using result = await attack(() => archive({ name: "f", data: Buffer.alloc(2 << 20, "x") }), { limits });
    expectRefusal(result.error, /more than 1048576 bytes/);
  });

  asRoot("the same file over and over", async () => {
    const same = entry({ name: "f", data: Buffer.alloc(1 << 18, "x") });
    using result = await attack(() => Buffer.concat([same, same, same, same, same]), { limits });
    expectRefusal(result.error, /more than 1048576 bytes/);
  });

  asRoot("bytes behind the end of the archive count", async () => {
    using result = await attack(() => Buffer.concat([archive({ name: "f" }), Buffer.alloc(2 << 20)]), {
      limits,
    });
    expectRefusal(result.error, /more than 1048576 bytes/);
  });
});
