/**
 * Bundles each command line program into one file, whose parts run when they are first asked for; with the bytecode
 * beside it, what does not run costs little. Twenty files took 5 ms longer to start; one ES module, 2 ms.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, type Plugin, transform } from "esbuild";
import { magic } from "../src/runtime/wire/encode.ts";
import { builtFiltersDefine } from "./built-filters.ts";
import { type Part, partsOf, tableOf } from "./chunks.ts";
import { lazyModules } from "./lazy-modules.ts";

const programs = ["runt-oci", "runt"] as const;

/**
 * Spares commander the modules that are slow to load (node:child_process, for a feature that we do not use) and those
 * that esbuild would copy property by property because commander imports them as a default.
 */
const commanderImports: Plugin = {
  name: "commander-imports",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:(child_process|fs|path|process)$/ }, ({ importer, path }) =>
      importer.includes("/node_modules/commander/") ? { path, namespace: "commander-import" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "commander-import" }, ({ path }) => ({
      contents:
        path === "node:child_process"
          ? "export default {}"
          : path === "node:process"
            ? "export default globalThis.process"
            : `const whole = require("${path}"); export default whole`,
    }));
  },
};

export interface BundleOptions {
  /** The project's directory. */
  readonly root: string;
  /** Where the bundles go; made if need be. */
  readonly outdir: string;
  /** Abbreviated, for `--version`. */
  readonly commit: string;
}

/**
 * Writes `<program>.cjs`, which Node runs, `<program>.bundle`, whose parts that one loads, and the parts that it seldom
 * needs beside it.
 * @returns the parts of each program
 */
export async function bundleCli({
  root,
  outdir,
  commit,
}: BundleOptions): Promise<Readonly<Record<string, readonly Part[]>>> {
  mkdirSync(outdir, { recursive: true });
  const common = commonOptions(root);
  const boot = await build({ ...common, entryPoints: ["src/cli/boot.ts"], format: "cjs" });
  const bundled: Record<string, readonly Part[]> = {};
  for (const program of programs) {
    const built = await build({
      ...common,
      entryPoints: [`src/cli/${program}.ts`],
      outdir: "/",
      format: "esm",
      splitting: true,
      chunkNames: "[hash]",
      metafile: true,
      plugins: [commanderImports, lazyModules],
      define: {
        RUNT_COMMIT: JSON.stringify(commit),
        BUILT_PLAN_MAGIC: String(magic),
        ...builtFiltersDefine,
        "import.meta.main": "true",
        "import.meta.url": "moduleUrl",
      },
    });
    const parts = partsOf(built);
    writeFileSync(join(outdir, `${program}.cjs`), boot.outputFiles[0]!.text);
    const [own, dependencies] = [false, true].map((is) =>
      parts.filter(({ isDependency }) => isDependency === is),
    );
    writeFileSync(join(outdir, `${program}.bundle`), await compact(tableOf(own!)));
    writeFileSync(join(outdir, `${program}.bundle.rest`), await compact(tableOf(dependencies!)));
    bundled[program] = parts;
  }
  return bundled;
}

/** White space is read from disk like everything else. */
export async function compact(script: string): Promise<string> {
  const { code } = await transform(script, {
    minifyWhitespace: true,
    charset: "ascii",
    legalComments: "none",
  });
  return code.trimEnd().replace(/;$/, "");
}

function commonOptions(root: string) {
  return {
    absWorkingDir: root,
    bundle: true,
    platform: "node",
    target: "node24",
    minifySyntax: true,
    legalComments: "none",
    // One byte a character is what boot.ts reads.
    charset: "ascii",
    write: false,
  } as const;
}
