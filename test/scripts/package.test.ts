/** The package as a program that depends on it sees it: `import … from "runt"`, and its types. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect } from "vitest";
import { aBundle, testPrefix } from "../support/bundle.ts";
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

/** The tar of a root file system. */
function busybox(directory: string): string {
  const path = join(directory, "busybox.tar");
  mkdirSync(join(directory, "rootfs/bin"), { recursive: true });
  copyFileSync("/bin/busybox", join(directory, "rootfs/bin/busybox"));
  for (const name of ["sh", "sleep", "echo"]) symlinkSync("busybox", join(directory, "rootfs/bin", name));
  execFileSync("tar", ["-C", join(directory, "rootfs"), "-cf", path, "."]);
  return path;
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
      const args = ["main.ts", join(directory, "root"), join(directory, "run"), busybox(directory)];
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
    },
    120_000,
  );
});
