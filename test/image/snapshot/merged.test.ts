import { execFileSync, spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeInitLayer } from "../../../src/image/snapshot/init-layer.ts";
import { MergedView } from "../../../src/image/snapshot/merged.ts";
import { setXattr } from "../../../src/linux/xattr.ts";
import { needs } from "../../support/needs.ts";
import { type Tree, temporaryDirectory, writeTree } from "./layers.ts";

/** Directories with `trees`, top first. */
function stack(directory: { readonly path: string }, ...trees: readonly Tree[]): string[] {
  return trees.map((tree, i) => {
    const path = join(directory.path, String(i));
    mkdirSync(path);
    writeTree(path, tree);
    return path;
  });
}

describe("looking into a stack without mounting it", () => {
  test("the upper file counts, directories are merged", async () => {
    await using directory = temporaryDirectory();
    const view = new MergedView(
      stack(directory, { "etc/passwd": "top" }, { "etc/passwd": "low", "etc/group": "g" }),
    );
    expect(view.readText("/etc/passwd", 100)).toBe("top");
    expect(view.readText("etc/../etc//group", 100)).toBe("g");
    expect(view.readText("/etc", 100)).toBeUndefined();
    expect(view.readText("/etc/passwd/x", 100)).toBeUndefined();
    expect(view.readText("/etc/passwd", 2)).toBeUndefined();
  });

  test("links are followed within the image, from its root and through its layers", async () => {
    await using directory = temporaryDirectory();
    const [top, low] = stack(directory, { "usr/share": null }, { "usr/share/passwd": "inside" });
    symlinkSync("/usr/share/passwd", join(top!, "absolute"));
    symlinkSync("../../../../usr/share/passwd", join(top!, "usr/relative"));
    symlinkSync("loop", join(top!, "loop"));
    symlinkSync("/etc/passwd", join(low!, "outside"));
    const view = new MergedView([top!, low!]);
    expect(view.readText("/absolute", 100)).toBe("inside");
    expect(view.readText("/usr/relative", 100)).toBe("inside");
    expect(view.readText("/loop", 100)).toBeUndefined();
    expect(view.readText("/outside", 1 << 20)).toBeUndefined();
    expect(view.lstat("/loop")!.isSymbolicLink()).toBe(true);
  });

  needs("root")("whiteouts and opaque directories hide what is below", async () => {
    await using directory = temporaryDirectory();
    const [top, low] = stack(
      directory,
      { "opaque/new": "", d: null },
      { "opaque/old": "", gone: "", "d/gone": "" },
    );
    execFileSync("mknod", [join(top!, "gone"), "c", "0", "0"]);
    execFileSync("mknod", [join(top!, "d/gone"), "c", "0", "0"]);
    setXattr(Buffer.from(join(top!, "opaque")), "trusted.overlay.opaque", Buffer.from("y"));
    const view = new MergedView([top!, low!]);
    expect(view.lstat("/gone")).toBeUndefined();
    expect(view.lstat("/d/gone")).toBeUndefined();
    expect(view.lstat("/opaque/old")).toBeUndefined();
    expect(view.lstat("/opaque/new")).toBeDefined();
  });

  test("a directory of a layer that is a link in a lower one is not followed into the host", async () => {
    await using directory = temporaryDirectory();
    const [top, low] = stack(directory, { etc: null }, {});
    symlinkSync("/etc", join(low!, "etc"));
    expect(new MergedView([top!, low!]).lstat("/etc/passwd")).toBeUndefined();
  });
});

describe("the init layer", () => {
  needs("root")("a directory of the image keeps its owner, mode and times", async () => {
    await using directory = temporaryDirectory();
    const [diff, top, low] = stack(directory, {}, { other: "" }, { etc: null });
    spawnSync("chown", ["7:8", join(low!, "etc")]);
    spawnSync("chmod", ["1750", join(low!, "etc")]);
    utimesSync(join(low!, "etc"), 1000, 2000);
    makeInitLayer(diff!, [top!, low!], { "/etc/hosts": "h" });
    const etc = lstatSync(join(diff!, "etc"));
    expect([etc.uid, etc.gid, etc.mode & 0o7777, etc.mtimeMs]).toEqual([7, 8, 0o1750, 2_000_000]);
  });

  test("where the image has a link for a directory, the link stays what it is", async () => {
    await using directory = temporaryDirectory();
    const [diff, low] = stack(directory, {}, {});
    symlinkSync("/usr/etc", join(low!, "etc"));
    makeInitLayer(diff!, [low!], { "/etc/hosts": "h", "/new/file": "n" });
    expect(lstatSync(join(diff!, "etc"), { throwIfNoEntry: false })).toBeUndefined();
    expect(lstatSync(join(diff!, "new/file")).isFile()).toBe(true);
  });
});
