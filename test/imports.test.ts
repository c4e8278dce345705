/** The direction of imports: down only, so that each folder can be read without those above it. @see docs/decisions */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const src = join(import.meta.dirname, "../src");

/** A folder may import from itself and from floors below its own, never from its own floor's other folders. */
const floors: readonly (readonly string[])[] = [
  ["cli", "cri"],
  ["pod"],
  ["engine"],
  ["runtime", "image"],
  ["linux"],
  ["spec"],
  ["errors.ts"],
];

const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .sort();

function folderOf(file: string): string {
  return file.split("/")[0]!;
}

function floorOf(folder: string): number {
  return floors.findIndex((folders) => folders.includes(folder));
}

/** Files of src that `file` imports, types too. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+\.ts)"/g)].map(([, target]) =>
    relative(src, resolve(src, dirname(file), target!)),
  );
}

/** Why `from` may not import `to`. */
function wrongArrow(from: string, to: string): string | undefined {
  const [above, below] = [folderOf(from), folderOf(to)];
  if (above === below) return undefined;
  return floorOf(above) < floorOf(below)
    ? undefined
    : `${from} imports ${to}: ${above} is not above ${below}`;
}

describe("imports — the folders of src", () => {
  test("every folder has its floor", () => {
    // index.ts is the library's front door and may open any.
    const folders = new Set(files.map(folderOf).filter((folder) => folder !== "index.ts"));
    expect([...folders].filter((folder) => floorOf(folder) < 0)).toEqual([]);
  });

  test("go down only: cli → engine → runtime | image → linux → spec → errors", () => {
    const wrong = files
      .filter((file) => file !== "index.ts")
      .flatMap((file) => importsOf(file).flatMap((target) => wrongArrow(file, target) ?? []));
    expect(wrong).toEqual([]);
  });

  test("spec/ asks nothing of the machine", () => {
    const allowed = new Set(["node:path", "node:util", "node:crypto"]);
    const asking = files
      .filter((file) => folderOf(file) === "spec")
      .flatMap((file) =>
        [...readFileSync(join(src, file), "utf8").matchAll(/from "(node:[^"]+)"/g)]
          .filter(([, module]) => !allowed.has(module!))
          .map(([, module]) => `${file}: ${module}`),
      );
    expect(asking).toEqual([]);
  });

  test("no folder is a drawer for everything", () => {
    expect(files.filter((file) => /(^|\/)(utils?|helpers?|misc|common)(\/|\.ts$)/.test(file))).toEqual([]);
  });

  test("no file is longer than 400 lines", () => {
    const long = files
      .map((file) => ({ file, lines: readFileSync(join(src, file), "utf8").split("\n").length - 1 }))
      .filter(({ file, lines }) => lines > 400 && !isData(file));
    expect(long).toEqual([]);
  });
});

/** Tables that a program wrote are data. */
function isData(file: string): boolean {
  return (
    /generated|tables\//.test(file) ||
    readFileSync(join(src, file), "utf8").slice(0, 400).includes("generated")
  );
}
