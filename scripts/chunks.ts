/**
 * Makes functions of the parts that esbuild has split a program into, ES modules that load each other: each runs when it
 * is first asked for, and many are in one script. A function that has not run costs next to nothing, whereas all that is
 * at a script's top level is made each time that it starts.
 */
import { basename } from "node:path";
import { type BuildResult, build } from "esbuild";

/** What esbuild calls a chunk. Parts never load each other in a circle, and what they export is constant. */
export interface Part {
  readonly name: string;
  /** An ES module, which imports parts as `./<name>.js`. */
  readonly module: string;
  /** Not ours: the program needs it seldom, and all of them together are as large as the program. */
  readonly isDependency: boolean;
}

export function partsOf({
  outputFiles,
  metafile,
}: BuildResult<{ write: false; metafile: true }>): readonly Part[] {
  const dependencies = new Set(
    Object.entries(metafile.outputs).flatMap(([path, { inputs }]) =>
      Object.keys(inputs).some((input) => input.includes("node_modules/")) ? [nameOf(path)] : [],
    ),
  );
  return outputFiles.map(({ path, text }) => {
    const name = nameOf(path);
    return { name, module: text, isDependency: dependencies.has(name) };
  });
}

/** A script, which evaluates to a function that gives the parts by name; see src/cli/boot.ts. */
export function tableOf(parts: readonly Part[]): string {
  return tableWith("", entriesOf(parts));
}

/**
 * The same, of what a command is known to need. The parts that it always needs are one: they run when the table is opened,
 * and what they have of each other are variables, not properties of a hundred objects. Parts may do no more than define
 * things when they run, but for the program's first one: it begins the program, which goes on once all have run.
 * @param always of `parts`, with all that they import
 * @param all of the program: the table has what they may ask for
 */
export async function joinedTableOf(
  parts: readonly Part[],
  always: ReadonlySet<string>,
  all: readonly Part[],
): Promise<string> {
  const asked = new Set(
    all.flatMap((part) => (always.has(part.name) ? later(part) : [...later(part), ...sooner(part)])),
  );
  const imported = new Set(all.flatMap(sooner));
  // The program's first part nobody imports.
  const given = parts.filter(({ name }) => always.has(name) && (asked.has(name) || !imported.has(name)));
  const lines = given.map((part, i) => {
    const names = exportsOf(part);
    const taken = names.map((name, j) => `${name} as $${i}_${j}`);
    const object = names.map((name, j) => `${name}: $${i}_${j}`);
    return [
      `import { ${taken} } from "./${part.name}.js";`,
      `"${part.name}": () => ({ ${object} })`,
    ] as const;
  });
  const [imports, entries] = [0, 1].map((n) => lines.map((line) => line[n]));
  const contents = `${imports!.join("\n")}\nexport const joined = { ${entries} };`;
  const modules = new Map(parts.map(({ name, module }) => [name, module]));
  const result = await build({
    stdin: { contents, resolveDir: "/" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node24",
    minifySyntax: true,
    charset: "ascii",
    plugins: [
      {
        name: "joined-parts",
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^\.\// }, ({ path, kind }) =>
            kind !== "dynamic-import" && always.has(nameOf(path))
              ? { path: nameOf(path), namespace: "part" }
              : { path, external: true },
          );
          onLoad({ filter: /.*/, namespace: "part" }, ({ path }) => ({
            contents: modules.get(path)!,
            resolveDir: "/",
          }));
        },
      },
    ],
  });
  const body = asStatements(result.outputFiles[0]!.text, "a joined table");
  const loose = parts.filter(({ name }) => !always.has(name));
  return tableWith(`const { joined } = (function () {\n${body}})();`, ["...joined", ...entriesOf(loose)]);
}

function entriesOf(parts: readonly Part[]): string[] {
  return parts.map(({ name, module }) => `"${name}": function () {\n${asStatements(module, name)}}`);
}

function tableWith(before: string, entries: readonly string[]): string {
  return `(function (require, moduleUrl, __load) {
"use strict";
${before}
return { __proto__: null, ${entries.join(",\n")} };
})`;
}

function nameOf(path: string): string {
  return basename(path, ".js");
}

const list = String.raw`\{([^{}]*)\}`;
const importStatement = new RegExp(
  String.raw`^import (?:${list} from |\* as (\S+) from |(\S+) from |)"([^"]+)";$`,
  "gm",
);
const exportStatement = new RegExp(`^export ${list};$`, "m");
const importCall = /\bimport\("(\.\/)?([^"]+)"\)/g;

/** The parts that it imports before it runs. */
function sooner({ module }: Part): string[] {
  const paths = [...module.matchAll(importStatement)].map((match) => match[4]!);
  return paths.filter((path) => path.startsWith("./")).map(nameOf);
}

/** Those that it imports when it comes to that. */
function later({ module }: Part): string[] {
  return [...module.matchAll(importCall)].flatMap(([, ours, path]) => (ours ? [nameOf(path!)] : []));
}

function exportsOf({ module }: Part): string[] {
  const names = exportStatement.exec(module)?.[1] ?? (/^export default /m.test(module) ? "default" : "");
  return names.split(",").flatMap((name) => name.trim().split(" as ").at(-1) || []);
}

/**
 * Statements that end with a return of what the module exports, in a scope that has `require`, `moduleUrl` and `__load`.
 * @throws where esbuild writes something that is not expected here
 */
function asStatements(module: string, where: string): string {
  const taken = (names: string): string => names.replaceAll(/([\w$]+) as ([\w$]+)/g, "$1: $2").trim();
  const given = (names: string): string => names.replaceAll(/([\w$]+) as ([\w$]+)/g, "$2: $1").trim();
  const statements = module
    .replace(importStatement, (_all, names?: string, all?: string, standard?: string, from = "") => {
      const source = from.startsWith("./") ? `__load("${nameOf(from)}")` : `require("${from}")`;
      if (names !== undefined) return `const {${taken(names)}} = ${source};`;
      if (all) return `const ${all} = ${source};`;
      return standard ? `const ${standard} = ${source};` : `${source};`;
    })
    .replace(importCall, (_all, ours, from) =>
      ours
        ? `Promise.resolve().then(() => __load("${nameOf(from)}"))`
        : `Promise.resolve().then(() => require("${from}"))`,
    )
    // A CommonJS module, and then there is nothing else: it is its own default, and what it has can be imported by name.
    .replace(
      /^export default (.*);$/m,
      "const whole = $1;\nreturn Object.create(whole, { default: { value: whole } });",
    )
    .replace(exportStatement, (_all, names) => `return {${given(names)}};`);
  const left = /^(?:import|export)\b.*$/m.exec(statements);
  if (left) throw new Error(`${where}: ${left[0]}`);
  return statements;
}
