/** The package as a program that depends on it sees it: `import … from "runt"`, and its types. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect } from "vitest";
import { aBundle, testPrefix } from "../support/bundle.ts";
import { stateRoot } from "../support/container.ts";
import { asRoot } from "../support/needs.ts";

const root = resolve(import.meta.dirname, "../..");

/** A project of its own with runt as its only dependency. */
function aProject(source: string): { directory: string } & Disposable {
  const directory = mkdtempSync(join(tmpdir(), `${testPrefix}-project-`));
  mkdirSync(join(directory, "node_modules"));
  symlinkSync(root, join(directory, "node_modules/runt"));
  writeFileSync(join(directory, "package.json"), '{ "type": "module" }');
  writeFileSync(join(directory, "main.ts"), source);
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true }) };
}

describe('import … from "runt"', () => {
  asRoot("runs a bundle", async () => {
    expect(existsSync(join(root, "dist/lib/index.js")), "npm run build comes first").toBe(true);
    await using bundle = await aBundle({ process: { args: ["echo", "from the package"] } });
    using project = aProject(`
      import { run } from "runt";
      const options = { bundle: ${JSON.stringify(bundle.path)}, root: ${JSON.stringify(stateRoot)} };
      process.stdout.write((await run(options)).stdout);
    `);
    const { stdout, stderr } = spawnSync(process.execPath, ["main.ts"], {
      cwd: project.directory,
      encoding: "utf8",
    });
    expect({ stdout, stderr }).toEqual({ stdout: "from the package\n", stderr: "" });
  });

  asRoot("has types that are of use", async () => {
    using project = aProject(`
      import { createContainer, type ExitStatus, run } from "runt";
      export const status: ExitStatus = (await run({ bundle: "b" })).status;
      await using container = await createContainer({ bundle: "b", id: 5 });
      container.kill("SIGNOTHING");
    `);
    const options =
      "--noEmit --strict --module nodenext --target es2024 --lib es2024,esnext.disposable --types node";
    const types = join(root, "node_modules/@types");
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const args = [tsc, ...options.split(" "), "--typeRoots", types, "main.ts"];
    const { stdout } = spawnSync(process.execPath, args, { cwd: project.directory, encoding: "utf8" });
    const errors = stdout.split("\n").filter((line) => line.startsWith("main.ts"));
    expect(errors.map((line) => line.replace(/^main\.ts\((\d+),.*?: error (TS\d+).*/, "$1 $2"))).toEqual([
      "4 TS2322",
      "5 TS2345",
    ]);
  });
});
