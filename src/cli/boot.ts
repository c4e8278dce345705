/**
 * What Node starts: it runs a program's parts with the bytecode that V8 made of them at build time. Node has a compile
 * cache of its own, but one for each user and each path, so that what the build makes would be of use to nobody.
 *
 * A part is a function that gives what a module exports. Parts are in tables, a file each, and a table is opened when
 * those before it do not have what is asked for: first the parts that the command at hand is known to need, then all of
 * the program's, at last its dependencies.
 */
import { existsSync, readFileSync } from "node:fs";
import { Script } from "node:vm";

declare const __filename: string;
declare const require: NodeJS.Require;

type Table = Readonly<Record<string, () => unknown>>;

// Of a package that was installed without looking at what it needs.
if (Number.parseInt(process.versions.node, 10) < 24) {
  process.stderr.write(`runt: needs Node 24 or later; ${process.execPath} is ${process.version}\n`);
  process.exit(1);
}

const program = __filename.slice(0, -".cjs".length);
const files = [...commandFile(), `${program}.bundle`, `${program}.bundle.rest`];
const tables: Table[] = [];

/** The build takes the bytecode out of these, in the order in which they were opened. */
export const scripts: Script[] = [];
/** What has run, by the part's name. */
export const loaded = new Map<string, unknown>();

/**
 * Of the command that is asked for, as far as one can tell without reading the options. To open another one's costs time and
 * nothing else: the parts in it are modules that define things.
 */
function commandFile(): string[] {
  for (const word of process.argv.slice(2)) {
    const file = `${program}.${word}.bundle`;
    if (!word.startsWith("-") && !word.includes("/") && existsSync(file)) return [file];
  }
  return [];
}

function load(name: string): unknown {
  let part = loaded.get(name);
  if (!part) {
    part = (tables.find((table) => name in table) ?? open(name))[name]!();
    loaded.set(name, part);
  }
  return part;
}

/** @returns the next table that has a part of that name */
function open(name: string): Table {
  const filename = files[tables.length]!;
  const script = new Script(readFileSync(filename, "latin1"), { filename, cachedData: bytecode(filename) });
  const table = script.runInThisContext()(require, `file://${program}.bundle`, load) as Table;
  scripts.push(script);
  tables.push(table);
  return name in table ? table : open(name);
}

/** V8 takes bytecode only from its own version and under the flags that it has now, and compiles as ever otherwise. */
function bytecode(filename: string): Buffer | undefined {
  const path = `${filename}.${process.execArgv.includes("--no-opt") ? "" : "long."}bytecode`;
  return existsSync(path) ? readFileSync(path) : undefined;
}

load(program.slice(program.lastIndexOf("/") + 1));
