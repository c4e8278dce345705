/** A directory as a table: everything about every file in it that unpacking can get wrong. */
import { createHash } from "node:crypto";
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { getXattr, listXattrs } from "../../src/linux/xattr.ts";

/** Path (a byte string) → one line. */
export type Tree = Record<string, string>;

export interface TreeOptions {
  /** Whether the line has the time; "files": of what is no directory only. */
  readonly times?: "all" | "files" | "none";
  /** Attributes to leave out. */
  readonly ignoreXattr?: (name: string) => boolean;
}

const types: readonly (readonly [keyof BigIntStats, string])[] = [
  ["isFile", "file"],
  ["isDirectory", "directory"],
  ["isSymbolicLink", "symlink"],
  ["isCharacterDevice", "character"],
  ["isBlockDevice", "block"],
  ["isFIFO", "fifo"],
];

/** Of what is in `root`; the root itself is "". */
export function treeOf(root: string, { times = "all", ignoreXattr = () => false }: TreeOptions = {}): Tree {
  const tree: Tree = {};
  const names = new Map<string, string[]>();
  const visit = (path: string) => {
    const full = Buffer.from(path === "" ? root : `${root}/${path}`, "latin1");
    const stats = lstatSync(full, { bigint: true });
    const type = types.find(([is]) => (stats[is] as () => boolean).call(stats))?.[1] ?? "?";
    const isDirectory = type === "directory";
    const line = [type, (stats.mode & 0o7777n).toString(8), `${stats.uid}:${stats.gid}`];
    if (type === "file")
      line.push(`${stats.size}`, createHash("sha1").update(readFileSync(full)).digest("hex"));
    if (type === "symlink") line.push(`-> ${readlinkSync(full, "latin1" as "utf8")}`);
    if (type === "character" || type === "block") line.push(`dev ${stats.rdev}`);
    if (times === "all" || (times === "files" && !isDirectory)) line.push(`@${stats.mtimeNs}`);
    for (const name of listXattrs(full).sort())
      if (!ignoreXattr(name)) line.push(`${name}=${getXattr(full, name)?.toString("hex")}`);
    tree[path] = line.join(" ");
    if (!isDirectory && stats.nlink > 1n) {
      const key = `${stats.dev}:${stats.ino}`;
      names.set(key, [...(names.get(key) ?? []), path]);
    }
    if (isDirectory)
      for (const name of readdirSync(full, { encoding: "latin1" as "utf8" }))
        visit(path === "" ? name : `${path}/${name}`);
  };
  visit("");
  for (const paths of names.values())
    for (const path of paths) tree[path] += ` = ${paths.sort().join(" = ")}`;
  return tree;
}

/** Lines that differ, as "path: a | b". */
export function differences(a: Tree, b: Tree): string[] {
  const paths = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  return paths.filter((path) => a[path] !== b[path]).map((path) => `${path}: ${a[path]} | ${b[path]}`);
}

/** Sum over everything below a directory, its own attributes and names included: what hostile input must not change. */
export function fingerprint(root: string): string {
  return createHash("sha1")
    .update(JSON.stringify(treeOf(root)))
    .digest("hex");
}
