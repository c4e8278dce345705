/**
 * Makes functions of the parts that esbuild has split a program into, ES modules that load each other: each runs when it
 * is first asked for, and many are in one script. A function that has not run costs next to nothing, whereas all that is
 * at a script's top level is made each time that it starts.
 */
import { basename } from "node:path";
import type { BuildResult } from "esbuild";

export interface Part {
  readonly name: string;
  /** A function without parameters, in a scope that has `require`, `moduleUrl` and `__load`. */
  readonly text: string;
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
    return { name, text: asFunction(text, path), isDependency: dependencies.has(name) };
  });
}

/** A script, which evaluates to a function that gives the parts by name; see src/cli/boot.ts. */
export function tableOf(parts: readonly Part[]): string {
  const entries = parts.map(({ name, text }) => `${JSON.stringify(name)}:${text}`);
  return `(function(require,moduleUrl,__load){"use strict";return{__proto__:null,\n${entries.join(",\n")}}})`;
}

function nameOf(path: string): string {
  return basename(path, ".js");
}

const list = String.raw`\{([^{}]*)\}`;
const statement = new RegExp(
  String.raw`^import (?:${list} from |\* as (\S+) from |(\S+) from |)"([^"]+)";$`,
  "gm",
);

/**
 * Names are bound when the part is loaded: parts never load each other in a circle, and what they export is constant.
 * @throws where esbuild writes something that is not expected here
 */
function asFunction(text: string, path: string): string {
  const taken = (names: string): string => names.replaceAll(/([\w$]+) as ([\w$]+)/g, "$1: $2").trim();
  const given = (names: string): string => names.replaceAll(/([\w$]+) as ([\w$]+)/g, "$2: $1").trim();
  const body = text
    .replace(statement, (_all, names?: string, all?: string, standard?: string, from = "") => {
      const source = from.startsWith("./") ? `__load("${nameOf(from)}")` : `require("${from}")`;
      if (names !== undefined) return `const {${taken(names)}} = ${source};`;
      if (all) return `const ${all} = ${source};`;
      return standard ? `const ${standard} = ${source};` : `${source};`;
    })
    .replace(/\bimport\("(\.\/)?([^"]+)"\)/g, (_all, ours, from) =>
      ours
        ? `Promise.resolve().then(() => __load("${nameOf(from)}"))`
        : `Promise.resolve().then(() => require("${from}"))`,
    )
    // A CommonJS module, and then there is nothing else: it is its own default, and what it has can be imported by name.
    .replace(
      /^export default (.*);$/m,
      "const whole = $1;\nreturn Object.create(whole, { default: { value: whole } });",
    )
    .replace(new RegExp(`^export ${list};$`, "m"), (_all, names) => `return {${given(names)}};`);
  const left = /^(?:import|export)\b.*$/m.exec(body);
  if (left) throw new Error(`${path}: ${left[0]}`);
  return `function () {\n${body}}`;
}
