/** Random layers that make sense, and random damage to them; the same seed gives the same. */
import { archive, entry, type RawEntry } from "../../support/archive.ts";

/** Numbers from a seed: mulberry32. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to n − 1. */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

type Kind = "file" | "directory" | "symlink" | "special";

/**
 * What is known to be at each path while layers are made up, so that no entry asks for what cannot be: a file as a
 * directory, a link to nothing.
 */
class Model {
  readonly kinds = new Map<string, Kind>();
  readonly attributes = new Map<string, Partial<RawEntry>>();

  remove(path: string): void {
    for (const other of [...this.kinds.keys()])
      if (other === path || other.startsWith(`${path}/`)) {
        this.kinds.delete(other);
        this.attributes.delete(other);
      }
  }

  set(path: string, kind: Kind): void {
    if (!(kind === "directory" && this.kinds.get(path) === "directory")) this.remove(path);
    for (let at = path.indexOf("/"); at > 0; at = path.indexOf("/", at + 1)) {
      const parent = path.slice(0, at);
      if (!this.kinds.has(parent)) this.kinds.set(parent, "directory");
    }
    this.kinds.set(path, kind);
  }

  /** Whether a path has only directories, or nothing, on its way. */
  isReachable(path: string): boolean {
    const components = path.split("/").slice(0, -1);
    return components.every((_, i) => {
      const kind = this.kinds.get(components.slice(0, i + 1).join("/"));
      return kind === undefined || kind === "directory";
    });
  }
}

const names = ["a", "b", "c", "d", "e", "é\xff", "n".repeat(70)];

/** Two layers that go into the directory `top` only. */
export function randomLayers(random: Random, top: string): RawEntry[][] {
  const model = new Model();
  return [0, 1].map((layer) => {
    const entries: RawEntry[] = [];
    /** In this layer: whiteouts do not mean it. */
    const own = new Set<string>();
    for (let n = 1 + random.below(14); n > 0; n--) {
      const made =
        layer > 0 && random.chance(25) ? whiteout(random, model, top, own) : something(random, model, top);
      if (!made) continue;
      if (!made.name.includes(".wh.")) own.add(made.name.replace(/\/$/, ""));
      entries.push(made);
    }
    return entries;
  });
}

function path(random: Random, top: string): string {
  return [top, ...Array.from({ length: 1 + random.below(3) }, () => random.of(names))].join("/");
}

function attributes(random: Random, isFile: boolean): Partial<RawEntry> {
  const pax: [string, string][] = [];
  if (random.chance(50))
    pax.push(["mtime", `${random.below(2 ** 31)}.${String(random.below(1e9)).padStart(9, "0")}`]);
  if (random.chance(20))
    pax.push([`SCHILY.xattr.user.${random.of(["x", "y"])}`, random.of(["v", "\0\n=", "\xff"])]);
  return {
    // No directory sets groups: umoci lets those that no entry describes inherit that, which is how mkdir(2) is.
    mode: random.of([0o644, 0o755, 0o600, 0o4755, isFile ? 0o2711 : 0o711, 0o1777, 0o000]),
    uid: random.of([0, 1, 1000, 70_000, 3_000_000, 2 ** 31 + 5]),
    gid: random.of([0, 5, 1000, 4_000_000_000]),
    mtime: random.below(2 ** 31),
    format: pax.length > 0 ? "ustar" : random.of(["ustar", "gnu"]),
    ...(isFile && {
      data: random.of(["", "x", "y".repeat(511), "z".repeat(512), "w".repeat(1 + random.below(3000))]),
    }),
    ...(pax.length > 0 && { pax }),
  };
}

function something(random: Random, model: Model, top: string): RawEntry | undefined {
  const name = path(random, top);
  if (!model.isReachable(name)) return undefined;
  const now = model.kinds.get(name);
  switch (random.of(["file", "file", "directory", "symlink", "hardlink", "fifo", "device"])) {
    case "file": {
      const rest = attributes(random, true);
      model.set(name, "file");
      model.attributes.set(name, rest);
      return named({ ...rest, name });
    }
    case "directory":
      // umoci keeps a link to a directory where an entry wants a directory, so that it works with images that were made
      // by rsync --keep-dirlinks; to OverlayFS, and here, the directory is what counts.
      if (now === "symlink") return undefined;
      model.set(name, "directory");
      return named({ ...attributes(random, false), name: `${name}/`, type: "5" });
    case "symlink": {
      const { pax, ...rest } = attributes(random, false);
      model.set(name, "symlink");
      const times = pax?.filter(([key]) => key === "mtime") ?? [];
      const linkname = random.of(["a", "../b", "nowhere", `/${top}/c`, "../../../../../../etc", "."]);
      return named({ ...rest, name, type: "2", linkname, ...(times.length > 0 && { pax: times }) });
    }
    case "hardlink": {
      const files = [...model.attributes.keys()].filter(
        (file) => file !== name && model.kinds.get(file) === "file",
      );
      if (files.length === 0) return undefined;
      const target = random.of(files);
      // umoci sets the attributes of a link's header on the file; GNU tar, and this, do not. They are the same ones here.
      const { data: _, ...rest } = model.attributes.get(target)!;
      // A link in the place of a directory hides what other links of its layer may be to.
      if (now === "directory") return undefined;
      model.set(name, "file");
      model.attributes.set(name, model.attributes.get(target)!);
      return named({ ...rest, name, type: "1", linkname: target });
    }
    default: {
      const type = random.of(["6", "3", "4"]);
      const { pax: _, ...rest } = attributes(random, false);
      model.set(name, "special");
      return named({
        ...rest,
        name,
        type,
        major: type === "6" ? 0 : 1 + random.below(300),
        minor: random.below(3000),
      });
    }
  }
}

/** Whiteouts of what the layers below have. */
function whiteout(random: Random, model: Model, top: string, own: Set<string>): RawEntry | undefined {
  const touched = (path: string) => [...own].some((mine) => mine === path || mine.startsWith(`${path}/`));
  if (random.chance(30)) {
    const directories = [...model.kinds]
      // What a layer has hidden after it has put something there is for the specification to say, and it does not.
      .filter(([path, kind]) => kind === "directory" && path !== top && !touched(path))
      .map(([path]) => path);
    if (directories.length === 0) return undefined;
    const directory = random.of(directories);
    for (const path of [...model.kinds.keys()])
      if (path.startsWith(`${directory}/`) && !touched(path)) model.remove(path);
    // That it hides what is below says that it is there: no whiteout of it in the same layer.
    own.add(directory);
    return { name: `${directory}/.wh..wh..opq` };
  }
  const paths = [...model.kinds.keys()].filter((path) => path !== top && !touched(path));
  if (paths.length === 0) return undefined;
  const path = random.of(paths);
  model.remove(path);
  const slash = path.lastIndexOf("/");
  return { name: `${path.slice(0, slash)}/.wh.${path.slice(slash + 1)}` };
}

/** Names that ustar has no room for go where they fit. */
function named(raw: RawEntry): RawEntry {
  const pax = [...(raw.pax ?? [])];
  if (raw.name.length > 100 || /[^\x20-\x7e]/.test(raw.name)) pax.push(["path", raw.name]);
  if ((raw.linkname?.length ?? 0) > 100 || /[^\x20-\x7e]/.test(raw.linkname ?? ""))
    pax.push(["linkpath", raw.linkname!]);
  return pax.length > 0 ? { ...raw, format: "ustar", pax } : raw;
}

/** An archive of `entries` that something has happened to. */
export function damaged(random: Random, entries: readonly RawEntry[]): Buffer {
  const parts = entries.map((raw) => (random.chance(30) ? entry(hostile(random, raw)) : entry(raw)));
  let bytes: Buffer = random.chance(50) ? archive(...parts) : Buffer.concat(parts);
  for (let n = random.below(4); n > 0; n--) {
    const at = random.below(bytes.length);
    switch (random.below(5)) {
      case 0:
        bytes = bytes.subarray(0, at);
        break;
      case 1:
        bytes[at] = random.below(256);
        break;
      case 2:
        // A header's field, and the checksum is right again.
        bytes = withField(random, bytes, at);
        break;
      case 3:
        bytes = Buffer.concat([
          bytes.subarray(0, at & ~511),
          bytes.subarray(random.below(bytes.length) & ~511),
        ]);
        break;
      default:
        bytes = Buffer.concat([
          bytes.subarray(0, at & ~511),
          Buffer.alloc(512, random.of([0, 0xff, 0x41])),
          bytes.subarray(at & ~511),
        ]);
    }
    if (bytes.length === 0) return bytes;
  }
  return bytes;
}

const evilNames = (random: Random) => [
  "../".repeat(1 + random.below(9)) + random.of(["outside/etc/passwd", "etc/passwd", "x"]),
  "/outside/etc/passwd",
  "a/../../outside/etc/passwd",
  "a\0b",
  "",
  ".",
  "/",
  ".wh.",
  "a/.wh..",
  ".wh..wh..opq",
  ".wh..wh.plnk/x",
  "n".repeat(300),
  "d/".repeat(1500),
  "\n\x1b[31m",
];

function hostile(random: Random, raw: RawEntry): RawEntry {
  const pax = [...(raw.pax ?? [])] as [string, string][];
  const odd = ["-1", "", "1e9", "0x10", "99999999999999999999", "18446744073709551615", "\0", "NaN", " 1"];
  switch (random.below(7)) {
    case 0:
      return { ...raw, name: random.of(evilNames(random)), pax: pax.filter(([key]) => key !== "path") };
    case 1:
      return { ...raw, pax: [...pax, ["path", random.of(evilNames(random))]] };
    case 2:
      return {
        ...raw,
        type: random.of(["1", "2"]),
        linkname: random.of([...evilNames(random), "a", "b", "../outside", raw.name]),
      };
    case 3:
      return {
        ...raw,
        pax: [
          ...pax,
          [
            random.of([
              "size",
              "uid",
              "gid",
              "mtime",
              "atime",
              "GNU.sparse.size",
              "GNU.sparse.map",
              "GNU.sparse.major",
              "SCHILY.xattr.trusted.overlay.opaque",
              "SCHILY.xattr.",
              "SCHILY.xattr.user.\0",
            ]),
            random.of(odd),
          ],
        ],
      };
    case 4:
      return {
        ...raw,
        type: random.of([
          "0",
          "1",
          "2",
          "3",
          "4",
          "5",
          "6",
          "7",
          "S",
          "L",
          "K",
          "x",
          "g",
          "V",
          "M",
          "N",
          "D",
          "\0",
          "Z",
        ]),
      };
    case 5:
      return { ...raw, size: random.of([-1, 1, 511, 2 ** 33, 2 ** 52]) };
    default:
      return {
        ...raw,
        type: "S",
        format: "gnu",
        patch: [
          [386, Buffer.from(Array.from({ length: 120 }, () => random.of([0x30, 0x31, 0x37, 0, 0xff, 0x80])))],
        ],
      };
  }
}

function withField(random: Random, bytes: Buffer, at: number): Buffer {
  const block = at & ~511;
  if (block + 512 > bytes.length) return bytes;
  const [offset, length] = random.of([
    [0, 100],
    [100, 8],
    [108, 8],
    [116, 8],
    [124, 12],
    [136, 12],
    [156, 1],
    [157, 100],
    [257, 8],
    [329, 8],
    [345, 155],
    [482, 1],
    [483, 12],
  ]) as [number, number];
  for (let i = 0; i < length; i++)
    if (random.chance(50))
      bytes[block + offset + i] = random.of([
        0,
        0x20,
        0x2f,
        0x2e,
        0x30,
        0x37,
        0x39,
        0x80,
        0xff,
        random.below(256),
      ]);
  bytes.fill(0x20, block + 148, block + 156);
  let sum = 0;
  for (let i = block; i < block + 512; i++) sum += bytes[i]!;
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, block + 148, "latin1");
  return bytes;
}
