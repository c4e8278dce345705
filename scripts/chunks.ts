/**
 * Puts the parts that esbuild has split a program into, ES modules that load each other, into one script: each is a
 * function that runs when it is first asked for. A function that has not run costs next to nothing, whereas all that is
 * at a script's top level is made each time that it starts.
 */
import { basename } from "node:path";
import type { BuildResult } from "esbuild";

/** Scripts, each of which evaluates to a function; see src/cli/boot.ts. */
export interface Packed {
  readonly main: string;
  /** What the program needs seldom: dependencies, which are as large as all of the rest. */
  readonly rest: string;
}

/** @param entry name of the part that is run first */
export function packChunks(
  { outputFiles, metafile }: BuildResult<{ write: false; metafile: true }>,
  entry: string,
): Packed {
  const seldom = new Set(
    Object.entries(metafile.outputs).flatMap(([path, { inputs }]) =>
      Object.keys(inputs).some((input) => input.includes("node_modules/")) ? [nameOf(path)] : [],
    ),
  );
  const parts = outputFiles.map(({ path, text }) => ({ name: nameOf(path), text: asFunction(text, path) }));
  const table = (isRest: boolean): string =>
    parts
      .filter(({ name }) => seldom.has(name) === isRest)
      .map(({ name, text }) => `${JSON.stringify(name)}: ${text}`)
      .join(",\n");
  return {
    main: `(function (require, moduleUrl, rest) {
"use strict";
const __loaded = new Map();
let __rest;
function __load(name) {
  let part = __loaded.get(name);
  if (part) return part;
  part = (__parts[name] ?? (__rest ??= rest()(require, moduleUrl, __load))[name])();
  __loaded.set(name, part);
  return part;
}
const __parts = {
${table(false)}
};
__load(${JSON.stringify(entry)});
})`,
    rest: `(function (require, moduleUrl, __load) {
"use strict";
return {
${table(true)}
};
})`,
  };
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
