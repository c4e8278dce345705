/** `cp`: where a file goes, and what it is called there. @see docker cp */
import { describe, expect, test } from "vitest";
import { checkPlaces, placeOf } from "../../src/cli/copy/place.ts";
import type { FileStat, FoundFile } from "../../src/engine/container/copy.ts";
import { type CopyEnd, planCopy } from "../../src/engine/copy/copy.ts";
import { RuntError } from "../../src/errors.ts";

describe("which argument is where", () => {
  test("a path that begins with / or . is here, whatever colons are in it", () => {
    expect(placeOf("web:/etc")).toEqual({ in: "container", container: "web", path: "/etc" });
    expect(placeOf("web:etc:more")).toEqual({ in: "container", container: "web", path: "etc:more" });
    for (const path of ["/a:b", "./a:b", "../a:b", "plain", ":x"])
      expect(placeOf(path)).toEqual({ in: "here", path });
    expect(placeOf("-")).toEqual({ in: "stream" });
  });

  test("exactly one is in a container", () => {
    const check = (from: string, to: string) => () => checkPlaces(placeOf(from), placeOf(to));
    expect(check("a:/x", "b:/y")).toThrow("copying between containers is not supported");
    expect(check("x", "y")).toThrow("must specify at least one container source");
    expect(check("-", "y")).toThrow("must specify at least one container source");
    expect(check("a:", "y")).toThrow("a path in the container is missing");
    for (const [from, to] of [
      ["a:/x", "-"],
      ["-", "a:/x"],
      ["x", "a:/x"],
    ] as const)
      expect(check(from, to)).not.toThrow();
  });
});

/** Of names alone: "d/" is a directory, "l>x" a link to x. */
function end(...names: string[]): CopyEnd {
  const stat = (type: FileStat["type"]): FileStat => ({
    type,
    size: 0,
    mode: 0,
    mtimeMs: 0,
    linkTarget: undefined,
  });
  const files = new Map<string, FileStat>([["", stat("directory")]]);
  const links = new Map<string, string>();
  for (const name of names) {
    const [path, target] = name.split(">") as [string, string?];
    if (target !== undefined) links.set(path, target);
    files.set(
      path.replace(/\/$/, ""),
      stat(target !== undefined ? "link" : name.endsWith("/") ? "directory" : "file"),
    );
  }
  const found = (path: string): FoundFile => ({ path, name: path.split("/").at(-1)!, stat: files.get(path) });
  const directoryOf = ({ path }: FoundFile) => found(path.split("/").slice(0, -1).join("/"));
  return {
    directoryOf,
    find(path, last) {
      const clean = path.replace(/(\/\.?)+$/, "").replace(/^\.?\/?/, "");
      const follows = last === "follow" || /\/\.?$/.test(path);
      const one = found(follows ? (links.get(clean) ?? clean) : clean);
      if (!one.stat && directoryOf(one).stat?.type !== "directory") {
        throw new RuntError("NotFound", "no such directory", { operation: "cp" });
      }
      return one;
    },
    read: () => {
      throw new Error("not to be read");
    },
    write: () => {
      throw new Error("not to be written");
    },
  };
}

describe("where it goes", () => {
  const from = end("file", "dir/", "dir/in", "link>file", "dlink>dir");
  const to = end("there", "d/", "dl>d", "gone>d/new");
  const plan = (source: string, target: string, followLink = false) => {
    const { source: found, name, directory } = planCopy(from, source, to, target, followLink);
    return `${found.path} as ${JSON.stringify(name)} in /${directory.path}`;
  };

  test("a file", () => {
    expect(plan("file", "/new")).toBe('file as "new" in /');
    expect(plan("file", "/there")).toBe('file as "there" in /');
    expect(plan("file", "/d")).toBe('file as "file" in /d');
    expect(plan("file", "/d/")).toBe('file as "file" in /d');
    expect(plan("file", "/")).toBe('file as "file" in /');
    expect(plan("file", "/d/x")).toBe('file as "x" in /d');
    expect(plan("file", "/dl")).toBe('file as "file" in /d');
    expect(plan("file", "/gone")).toBe('file as "new" in /d');
    expect(() => plan("file", "/new/")).toThrow("destination directory must exist");
    expect(() => plan("file", "/there/")).toThrow("not a directory");
    expect(() => plan("file", "/no/x")).toThrow("no such directory");
    expect(() => plan("file/", "/d")).toThrow("not a directory");
    expect(() => plan("missing", "/d")).toThrow("no such file or directory");
  });

  test("a directory", () => {
    expect(plan("dir", "/new")).toBe('dir as "new" in /');
    expect(plan("dir", "/new/")).toBe('dir as "new" in /');
    expect(plan("dir/.", "/new")).toBe('dir as "new" in /');
    expect(plan("dir", "/d")).toBe('dir as "dir" in /d');
    expect(plan("dir/", "/d")).toBe('dir as "dir" in /d');
    expect(plan("dir/.", "/d")).toBe('dir as "" in /d');
    expect(plan("/", "/d")).toBe(' as "" in /d');
    expect(() => plan("dir", "/there")).toThrow("cannot copy a directory over a file");
  });

  test("a link is copied as one, unless it is to be followed", () => {
    expect(plan("link", "/d")).toBe('link as "link" in /d');
    expect(plan("link", "/d", true)).toBe('file as "file" in /d');
    expect(plan("dlink", "/new")).toBe('dlink as "new" in /');
    expect(plan("dlink/", "/new")).toBe('dir as "new" in /');
  });
});
