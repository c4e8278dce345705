/** The definitions of networks on disk: a directory with one file for each. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { namesIn, readJson, replaceFile } from "./files.ts";
import type { Network } from "./network.ts";

const suffix = ".json";

function pathOf(directory: string, name: string): string {
  return join(directory, name + suffix);
}

/** By name, in the order of their names. */
export function readDefinitions(directory: string): Network[] {
  return namesIn(directory)
    .filter((name) => name.endsWith(suffix))
    .sort()
    .flatMap((name) => readDefinition(directory, name.slice(0, -suffix.length)) ?? []);
}

/** Undefined where there is none of that very name. */
export function readDefinition(directory: string, name: string): Network | undefined {
  return name.includes("/") ? undefined : readJson<Network>(pathOf(directory, name));
}

/**
 * By name, ID or the start of an ID that fits one network only.
 * @throws {RuntError} NotFound; InvalidArgument where several fit
 */
export function findDefinition(directory: string, nameOrId: string, operation: string): Network {
  const named = readDefinition(directory, nameOrId);
  if (named) return named;
  const fitting = /^[0-9a-f]+$/.test(nameOrId)
    ? readDefinitions(directory).filter(({ id }) => id.startsWith(nameOrId))
    : [];
  if (fitting.length === 1) return fitting[0]!;
  const site = { operation, subject: `network ${nameOrId}` };
  if (fitting.length === 0) throw new RuntError("NotFound", `network ${nameOrId} not found`, site);
  throw new RuntError("InvalidArgument", `${nameOrId} is the start of ${fitting.length} networks' ids`, site);
}

export function writeDefinition(directory: string, network: Network): void {
  replaceFile(pathOf(directory, network.name), JSON.stringify(network), "disk");
}

export function removeDefinition(directory: string, name: string): void {
  rmSync(pathOf(directory, name), { force: true });
}
