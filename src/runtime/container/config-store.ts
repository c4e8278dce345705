/** The configuration that a container was made from, kept beside its state: the bundle's may change. */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Config } from "../../spec/runtime/config.ts";
import { stateError } from "./state-store.ts";

function inText(config: Config): string {
  try {
    return JSON.stringify(config);
  } catch {
    // A bigint, which is rare; asking for every value whether it is one takes longer than all the rest.
    return JSON.stringify(config, replacer);
  }
}

/** Values above 2^53 are bigint in memory, and `{"$bigint": "…"}` in the file, which only we read. */
function replacer(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? { $bigint: String(value) } : value;
}

function reviver(_key: string, value: unknown): unknown {
  const text = (value as { $bigint?: string } | null)?.$bigint;
  return typeof text === "string" ? BigInt(text) : value;
}

/** Writes it whole, replacing an earlier one. @throws {RuntError} Unavailable where the disk is full and the like */
export function writeConfigOf(directory: string, config: Config): void {
  const temporary = join(directory, `.config.json.${process.pid}`);
  try {
    writeFileSync(temporary, inText(config), { mode: 0o600 });
    renameSync(temporary, join(directory, "config.json"));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw stateError(error, "create", basename(directory));
  }
}

/** Reads it without a schema: we wrote it ourselves. */
export function readConfigOf(directory: string): Config {
  const text = readFileSync(join(directory, "config.json"), "utf8");
  return (text.includes('{"$bigint":') ? JSON.parse(text, reviver) : JSON.parse(text)) as Config;
}
