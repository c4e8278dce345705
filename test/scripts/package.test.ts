/** The package as a program that depends on it sees it: `import … from "runt"`, and its types. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { describe, expect } from "vitest";
import { ended } from "../engine/an-engine.ts";
import { aBundle, testPrefix } from "../support/bundle.ts";
import { busyboxArchive } from "../support/busybox-archive.ts";
import { eventually, stateRoot } from "../support/container.ts";
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

/** The same, with what npm would make of this tree, and nothing else of ours. */
function anInstallation(source: string): { directory: string } & Disposable {
  const project = aProject(source);
  const modules = join(project.directory, "node_modules");
  rmSync(join(modules, "runt"));
  execFileSync("npm", ["pack", "--silent", "--pack-destination", project.directory], { cwd: root });
  const [archive] = readdirSync(project.directory).filter((name) => name.endsWith(".tgz"));
  execFileSync("tar", ["-xf", archive!], { cwd: project.directory });
  execFileSync("mv", ["package", "node_modules/runt"], { cwd: project.directory });
  // Its dependencies, but for the Node that it would rather have.
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (!/^(node-linux-.*|runt|\..*)$/.test(name))
      symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  return project;
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

describe("npm pack", () => {
  asRoot(
    "what comes of it runs images, and sees to their end when the program has gone",
    async () => {
      using project = anInstallation(`
        import { Runt } from "runt";
        const [root, runRoot, archive] = process.argv.slice(2);
        const runt = await Runt.open({ root, runRoot });
        await runt.images.import(archive, "busybox");
        const { stdout } = await runt.run("busybox", { command: ["echo", "packed"], network: "none" });
        const options = { command: ["sleep", "0.5"], network: "none", autoRemove: true } as const;
        const left = await runt.start("busybox", options);
        console.log(stdout.trim(), left.id);
        // Nothing is closed, nobody waits: what runs keeps no program alive.
      `);
      const { directory } = project;
      const args = ["main.ts", join(directory, "root"), join(directory, "run"), busyboxArchive(directory)];
      const { stdout, stderr } = spawnSync(process.execPath, args, {
        cwd: directory,
        encoding: "utf8",
        env: { PATH: "/bin:/usr/bin" },
        timeout: 60_000,
      });
      expect(stderr).toBe("");
      const [text, id] = stdout.trim().split(" ");
      expect(text).toBe("packed");
      const state = join(directory, "root/containers", id!);
      expect(existsSync(state)).toBe(true);
      await eventually(() => (existsSync(state) ? undefined : true), "the end of what was left");
      expect(existsSync(join(directory, "run", id!))).toBe(false);
      await ended(directory);
    },
    120_000,
  );

  asRoot("its commands run on the Node that is in the PATH", async () => {
    using project = anInstallation("");
    const installed = join(project.directory, "node_modules/runt");
    const { bin } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
    expect(Object.keys(bin)).toEqual(["runt", "runt-oci"]);
    for (const [name, path] of Object.entries<string>(bin)) {
      expect(lstatSync(join(installed, path)).mode & 0o111).toBe(0o111);
      // As npm has it: a link to the program in a directory of links.
      symlinkSync(join(installed, path), join(project.directory, name));
      const run = (PATH: string) =>
        spawnSync(join(project.directory, name), ["--version"], { encoding: "utf8", env: { PATH } });
      const { stdout, stderr } = run(dirname(process.execPath));
      expect(stderr).toBe("");
      expect(stdout).toMatch(new RegExp(`^${name} version `));
      const without = run("/nonexistent");
      expect(without.status).toBe(1);
      expect(without.stderr).toMatch(/^runt: .*Node 24 or later.*\n$/);
    }
  });
});
