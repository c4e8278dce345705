/** The forms in which archives have been written, each read into a real file. */
import { execFileSync } from "node:child_process";
import { lstatSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { pack } from "tar-stream";
import { describe, expect, test } from "vitest";
import { getXattr } from "../../../src/linux/xattr.ts";
import {
  archive,
  entry,
  header,
  meta,
  number,
  padded,
  paxRecords,
  type RawEntry,
} from "../../support/archive.ts";
import { needs } from "../../support/needs.ts";
import { Scratch, unpack } from "./unpack.ts";

const asRoot = needs("root");

/** Unpacks, and gives the bytes of one file. */
async function contentOf(bytes: Uint8Array, path: string, chunkSize?: number): Promise<string> {
  using scratch = new Scratch();
  await unpack(bytes, scratch.layer, chunkSize === undefined ? {} : { chunkSize });
  return readFileSync(Buffer.from(join(scratch.layer, path), "latin1"), "latin1");
}

describe("layer — names", () => {
  const long = `${"d".repeat(90)}/${"e".repeat(90)}/${"f".repeat(90)}`;
  const prefix = "p".repeat(120);
  const cases: Record<string, [bytes: Buffer, path: string]> = {
    "V7, which has no magic": [archive({ name: "old", data: "x", format: "v7" }), "old"],
    "ustar with a prefix": [
      archive({ name: "n".repeat(100), prefix, data: "x" }),
      `${prefix}/${"n".repeat(100)}`,
    ],
    "star, whose prefix is shorter": [
      archive({
        name: "n",
        prefix: "p".repeat(131),
        data: "x",
        format: "star",
        patch: [[476, "00000000000 "]],
      }),
      `${"p".repeat(131)}/n`,
    ],
    "GNU long names": [
      Buffer.concat([
        meta("L", `${long}\0`),
        archive({ name: long.slice(0, 100), data: "x", format: "gnu" }),
      ]),
      long,
    ],
    "GNU with times where ustar has a prefix": [
      archive({ name: "n", data: "x", format: "gnu", patch: [[345, "14733640000\x0014733640000\0"]] }),
      "n",
    ],
    "GNU with a prefix, as Go once wrote": [
      archive({ name: "n", data: "x", format: "gnu", prefix: "dir" }),
      "dir/n",
    ],
    "PAX path": [archive({ name: "short", data: "x", pax: [["path", long]] }), long],
    "PAX path with a newline": [
      archive({ name: "short", data: "x", pax: [["path", "a\nb=c\n"]] }),
      "a\nb=c\n",
    ],
    "bytes that are no UTF-8": [archive({ name: "\xff\xfe", data: "x" }), "\xff\xfe"],
    "an absolute name": [archive({ name: "/etc/motd", data: "x" }), "etc/motd"],
    "a name with dots and double slashes": [archive({ name: "./a/./b//../c", data: "x" }), "a/c"],
    "an empty PAX path, which takes nothing back": [
      archive({ name: "n", data: "x", pax: [["path", ""]] }),
      "n",
    ],
    "a PAX global header, which is ignored": [
      Buffer.concat([meta("g", paxRecords([["path", "other"]])), archive({ name: "n", data: "x" })]),
      "n",
    ],
    "a name of 255 bytes": [
      archive({ name: "x", data: "x", pax: [["path", "n".repeat(255)]] }),
      "n".repeat(255),
    ],
  };
  for (const [what, [bytes, path]] of Object.entries(cases))
    asRoot(what, async () => {
      expect(await contentOf(bytes, path)).toBe("x");
      // Cut anywhere it means the same.
      expect(await contentOf(bytes, path, 100)).toBe("x");
      expect(await contentOf(bytes, path, 1)).toBe("x");
    });

  asRoot("a directory of V7 is known by its slash", async () => {
    using scratch = new Scratch();
    await unpack(archive({ name: "d/", type: "\0", format: "v7", mode: 0o750 }), scratch.layer);
    expect(lstatSync(join(scratch.layer, "d")).isDirectory()).toBe(true);
  });

  asRoot("long link targets, GNU and PAX", async () => {
    using scratch = new Scratch();
    const target = "t/".repeat(150);
    const gnu = Buffer.concat([
      meta("K", `${target}\0`),
      entry({ name: "gnu", type: "2", linkname: "t", format: "gnu" }),
    ]);
    await unpack(archive(gnu, { name: "pax", type: "2", pax: [["linkpath", target]] }), scratch.layer);
    expect(readlinkSync(join(scratch.layer, "gnu"))).toBe(target);
    expect(readlinkSync(join(scratch.layer, "pax"))).toBe(target);
  });
});

describe("layer — attributes", () => {
  /** lstat and path of the one file of an archive. */
  async function unpacked(raw: RawEntry, look: (path: string) => void): Promise<void> {
    using scratch = new Scratch();
    await unpack(archive(raw), scratch.layer);
    look(join(scratch.layer, raw.name));
  }

  asRoot("nanoseconds, and times before 1970", async () => {
    const time = (mtime: string) =>
      unpacked({ name: "f", data: "x", pax: [["mtime", mtime]] }, (path) => {
        const [whole, fraction = ""] = mtime.replace("-", "").split(".");
        const ns = BigInt(`${whole}${fraction.padEnd(9, "0").slice(0, 9)}`);
        expect(lstatSync(path, { bigint: true }).mtimeNs).toBe(mtime.startsWith("-") ? -ns : ns);
      });
    for (const mtime of ["1700000000.123456789", "1.5", "0", "-1", "-1.25", "1700000000.1234567899"])
      await time(mtime);
  });

  asRoot("times of symbolic links and of directories with files in them", async () => {
    using scratch = new Scratch();
    const times = (s: number) => ({ pax: [["mtime", `${s}.000000007`]] as const });
    const entries: RawEntry[] = [
      { name: "d", type: "5", ...times(1000) },
      { name: "d/l", type: "2", linkname: "nowhere", ...times(2000) },
      { name: "d/f", data: "x", ...times(3000) },
    ];
    await unpack(archive(...entries), scratch.layer);
    const mtime = (path: string) => lstatSync(join(scratch.layer, path), { bigint: true }).mtimeNs;
    expect([mtime("d"), mtime("d/l"), mtime("d/f")]).toEqual([
      1000_000000007n,
      2000_000000007n,
      3000_000000007n,
    ]);
  });

  for (const id of [0, 1000, 2 ** 21, 2 ** 31, 2 ** 32 - 2])
    asRoot(`owner ${id}, in the header and in PAX`, async () => {
      const owned = (path: string) => {
        expect([lstatSync(path).uid, lstatSync(path).gid]).toEqual([id, id]);
      };
      await unpacked({ name: "f", uid: id, gid: id }, owned);
      await unpacked(
        {
          name: "f",
          pax: [
            ["uid", `${id}`],
            ["gid", `${id}`],
          ],
        },
        owned,
      );
      await unpacked({ name: "d", type: "5", uid: id, gid: id }, owned);
      await unpacked({ name: "l", type: "2", linkname: "x", uid: id, gid: id }, owned);
    });

  asRoot("set-user-ID and sticky bits survive the change of owner", async () => {
    await unpacked({ name: "f", mode: 0o6755, uid: 1000, gid: 1000, data: "x" }, (path) => {
      expect(lstatSync(path).mode & 0o7777).toBe(0o6755);
    });
    await unpacked({ name: "d", type: "5", mode: 0o3777, uid: 7, gid: 7 }, (path) => {
      expect(lstatSync(path).mode & 0o7777).toBe(0o3777);
    });
  });

  asRoot("a mode is the archive's, whatever the umask", async () => {
    const umask = process.umask(0o077);
    try {
      for (const type of ["0", "5", "6"])
        await unpacked({ name: "n", type, mode: 0o1776 }, (path) => {
          expect(lstatSync(path).mode & 0o7777).toBe(0o1776);
        });
    } finally {
      process.umask(umask);
    }
  });

  asRoot("attributes of any bytes, security.capability after the owner", async () => {
    const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
    const binary = Buffer.from([0, 10, 61, 255, 0]);
    const pax: [string, Uint8Array][] = [
      ["SCHILY.xattr.security.capability", capability],
      ["SCHILY.xattr.user.binary", binary],
      ["SCHILY.xattr.user.empty", Buffer.alloc(0)],
    ];
    await unpacked({ name: "f", uid: 1000, mode: 0o755, data: "x", pax }, (path) => {
      expect(getXattr(Buffer.from(path), "security.capability")).toEqual(capability);
      expect(getXattr(Buffer.from(path), "user.binary")).toEqual(binary);
      expect(getXattr(Buffer.from(path), "user.empty")).toEqual(Buffer.alloc(0));
    });
    await unpacked({ name: "d", type: "5", pax: pax.slice(1) }, (path) => {
      expect(getXattr(Buffer.from(path), "user.binary")).toEqual(binary);
    });
  });

  asRoot("libarchive's attributes", async () => {
    const pax: [string, string][] = [["LIBARCHIVE.xattr.user.a%20b", Buffer.from("v\0w").toString("base64")]];
    await unpacked({ name: "f", pax }, (path) => {
      expect(getXattr(Buffer.from(path), "user.a b")?.toString("latin1")).toBe("v\0w");
    });
  });

  asRoot("user.* on what is no file is left out with a warning; the link is there", async () => {
    using scratch = new Scratch();
    const pax: [string, string][] = [["SCHILY.xattr.user.x", "1"]];
    const { warnings } = await unpack(archive({ name: "l", type: "2", linkname: "x", pax }), scratch.layer);
    expect(warnings.join()).toMatch(/"l".*user\.x/);
    expect(readlinkSync(join(scratch.layer, "l"))).toBe("x");
  });

  asRoot("attributes of a device are set between its owner and its mode", async () => {
    using scratch = new Scratch();
    const pax: [string, string][] = [["SCHILY.xattr.security.test", "v"]];
    await unpack(
      archive({ name: "n", type: "3", major: 1, minor: 3, mode: 0o666, uid: 5, mtime: 77, pax }),
      scratch.layer,
    );
    const path = join(scratch.layer, "n");
    expect(getXattr(Buffer.from(path), "security.test")?.toString()).toBe("v");
    expect(lstatSync(path)).toMatchObject({ uid: 5, mtimeMs: 77_000, mode: 0o20666 });
  });
});

describe("layer — types", () => {
  asRoot("devices with large numbers, a fifo", async () => {
    using scratch = new Scratch();
    const entries: RawEntry[] = [
      { name: "c", type: "3", major: 4095, minor: 1048575, mode: 0o600 },
      { name: "b", type: "4", major: 8, minor: 300, mode: 0o660 },
      { name: "p", type: "6", mode: 0o640 },
    ];
    await unpack(archive(...entries), scratch.layer);
    const stat = (name: string) =>
      execFileSync("stat", ["-c", "%F %a %t:%T", join(scratch.layer, name)], { encoding: "utf8" }).trim();
    expect(stat("c")).toBe("character special file 600 fff:fffff");
    expect(stat("b")).toBe("block special file 660 8:12c");
    expect(stat("p")).toBe("fifo 640 0:0");
  });

  asRoot(
    "hard links share the file, a symbolic link is linked itself, size fields of links mean nothing",
    async () => {
      using scratch = new Scratch();
      const entries: RawEntry[] = [
        { name: "d/f", data: "content" },
        { name: "g", type: "1", linkname: "d/f", size: 7 },
        { name: "l", type: "2", linkname: "d/f", size: 7 },
        { name: "m", type: "1", linkname: "./l" },
        { name: "z", data: "z" },
      ];
      await unpack(archive(...entries), scratch.layer);
      const inode = (name: string) => lstatSync(join(scratch.layer, name)).ino;
      expect(inode("g")).toBe(inode("d/f"));
      expect(inode("m")).toBe(inode("l"));
      expect(readlinkSync(join(scratch.layer, "m"))).toBe("d/f");
      expect(readFileSync(join(scratch.layer, "z"), "utf8")).toBe("z");
    },
  );

  asRoot("a hard link takes nothing from the file it joins: its capability stays", async () => {
    using scratch = new Scratch();
    const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
    const pax: [string, Uint8Array][] = [["SCHILY.xattr.security.capability", capability]];
    await unpack(
      archive({ name: "f", mode: 0o4755, pax }, { name: "g", type: "1", linkname: "f" }),
      scratch.layer,
    );
    expect(getXattr(Buffer.from(join(scratch.layer, "g")), "security.capability")).toEqual(capability);
    expect(lstatSync(join(scratch.layer, "g")).mode & 0o7777).toBe(0o4755);
  });

  asRoot("contiguous files and volume labels of old tapes", async () => {
    const bytes = archive({ name: "label", type: "V" }, { name: "f", type: "7", data: "x" });
    expect(await contentOf(bytes, "f")).toBe("x");
  });
});

describe("layer — sparse files", () => {
  const block = (fill: string) => Buffer.alloc(512, fill);
  const content = Buffer.concat([block("a"), Buffer.alloc(1024), block("b"), Buffer.alloc(512)]).toString(
    "latin1",
  );
  const stored = Buffer.concat([block("a"), block("b")]);
  const run = (offset: number, length: number) => Buffer.concat([number(offset, 12), number(length, 12)]);
  const many = Array.from({ length: 60 }, (_, i) => i * 1024);
  const manyContent = Buffer.concat(many.flatMap(() => [block("m"), Buffer.alloc(512)])).toString("latin1");
  const inHeader = (runs: number[], more: boolean, size: number): [number, Uint8Array][] => [
    [386, Buffer.concat(runs.map((offset) => run(offset, 512)))],
    [482, Buffer.of(more ? 1 : 0)],
    [483, number(size, 12)],
  ];
  const extensions: Buffer[] = [];
  for (let at = 4; at < many.length; at += 21) {
    const extension = Buffer.alloc(512);
    extension.set(Buffer.concat(many.slice(at, at + 21).map((offset) => run(offset, 512))));
    extension[504] = at + 21 < many.length ? 1 : 0;
    extensions.push(extension);
  }
  const manyStored = Buffer.alloc(many.length * 512, "m");
  const map10 = (runs: readonly (readonly [number, number])[]) =>
    padded(Buffer.from(`${runs.length}\n${runs.map(([o, n]) => `${o}\n${n}\n`).join("")}`));
  const cases: Record<string, [Buffer, string]> = {
    "old GNU": [
      archive({ name: "s", type: "S", format: "gnu", data: stored, patch: inHeader([0, 1536], false, 2560) }),
      content,
    ],
    "old GNU with more runs than a header has room for": [
      archive(
        Buffer.concat([
          header({
            name: "s",
            type: "S",
            format: "gnu",
            data: manyStored,
            patch: inHeader(many.slice(0, 4), true, 61440),
          }),
          ...extensions,
          manyStored,
        ]),
      ),
      manyContent,
    ],
    "PAX 0.0": [
      archive({
        name: "s",
        data: stored,
        pax: [
          ["GNU.sparse.size", "2560"],
          ["GNU.sparse.numblocks", "2"],
          ["GNU.sparse.offset", "0"],
          ["GNU.sparse.numbytes", "512"],
          ["GNU.sparse.offset", "1536"],
          ["GNU.sparse.numbytes", "512"],
        ],
      }),
      content,
    ],
    "PAX 0.1": [
      archive({
        name: "other",
        data: stored,
        pax: [
          ["GNU.sparse.name", "s"],
          ["GNU.sparse.size", "2560"],
          ["GNU.sparse.numblocks", "2"],
          ["GNU.sparse.map", "0,512,1536,512"],
        ],
      }),
      content,
    ],
    "PAX 1.0": [
      archive({
        name: "other",
        data: Buffer.concat([
          map10([
            [0, 512],
            [1536, 512],
          ]),
          stored,
        ]),
        pax: [
          ["GNU.sparse.major", "1"],
          ["GNU.sparse.minor", "0"],
          ["GNU.sparse.name", "s"],
          ["GNU.sparse.realsize", "2560"],
        ],
      }),
      content,
    ],
    "PAX 1.0 with a map of several blocks": [
      archive({
        name: "other",
        data: Buffer.concat([map10(many.map((offset) => [offset, 512])), manyStored]),
        pax: [
          ["GNU.sparse.major", "1"],
          ["GNU.sparse.minor", "0"],
          ["GNU.sparse.name", "s"],
          ["GNU.sparse.realsize", "61440"],
        ],
      }),
      manyContent,
    ],
    "nothing but a hole": [
      archive({
        name: "s",
        pax: [
          ["GNU.sparse.size", "4096"],
          ["GNU.sparse.numblocks", "0"],
          ["GNU.sparse.map", ""],
        ],
      }),
      "\0".repeat(4096),
    ],
  };
  for (const [what, [bytes, wanted]] of Object.entries(cases))
    asRoot(what, async () => {
      expect(await contentOf(bytes, "s")).toBe(wanted);
      expect(await contentOf(bytes, "s", 100)).toBe(wanted);
    });

  for (const format of [
    "gnu",
    "posix --sparse-version=0.0",
    "posix --sparse-version=0.1",
    "posix --sparse-version=1.0",
  ])
    asRoot(`as GNU tar writes them: ${format}; holes stay holes`, async () => {
      using scratch = new Scratch();
      const from = scratch.directory("from");
      execFileSync("bash", [
        "-c",
        `cd ${from}; for i in $(seq 0 40); do printf x | dd of=s bs=1 seek=$((i * 100000)) conv=notrunc status=none; done; truncate -s 8000000 s`,
      ]);
      const bytes = execFileSync("bash", ["-c", `tar -C ${from} --sparse --format=${format} -cf - .`], {
        maxBuffer: 1 << 26,
      });
      await unpack(bytes, scratch.layer);
      expect(readFileSync(join(scratch.layer, "s")).equals(readFileSync(join(from, "s")))).toBe(true);
      expect(statSync(join(scratch.layer, "s")).blocks * 512).toBeLessThan(4_000_000);
    });
});

describe("layer — another writer", () => {
  asRoot("tar-stream: every type it knows", async () => {
    using scratch = new Scratch();
    const stream = pack();
    const mtime = new Date(1_600_000_000_000);
    const name = "ü/".repeat(80);
    stream.entry({ name: `${name}file`, mode: 0o640, uid: 30_000, gid: 12, mtime }, "text");
    stream.entry({ name: "link", type: "symlink", linkname: `${name}file`, mtime });
    stream.entry({ name: "hard", type: "link", linkname: `${name}file`, mtime });
    stream.entry({ name: "dir", type: "directory", mode: 0o700, mtime });
    stream.entry({ name: "fifo", type: "fifo", mtime });
    stream.entry({ name: "null", type: "character-device", devmajor: 1, devminor: 3, mtime });
    stream.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    const { entries } = await unpack(Buffer.concat(chunks), scratch.layer);
    expect(entries).toBe(6);
    const path = join(scratch.layer, name, "file");
    expect(readFileSync(path, "utf8")).toBe("text");
    expect(lstatSync(path)).toMatchObject({ uid: 30_000, gid: 12, nlink: 2, mtimeMs: 1_600_000_000_000 });
    expect(lstatSync(join(scratch.layer, "null")).rdev).toBe(0x103);
  });
});

test("the form of an archive does not need root to be told from damage", async () => {
  using scratch = new Scratch();
  await expect(unpack(Buffer.alloc(2048, "no tar"), scratch.layer)).rejects.toMatchObject({
    name: "RuntError",
    kind: "InvalidArgument",
    message: expect.stringContaining("checksum"),
  });
});
