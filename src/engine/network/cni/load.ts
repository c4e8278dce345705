/** Configuration lists as administrators write them, in a directory such as /etc/cni/net.d. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../../errors.ts";
import { hasCode } from "../../../linux/system-error.ts";
import { type NetworkConfigList, readConfigList } from "../../../spec/cni/config.ts";
import { parseJson } from "../../../spec/runtime/json.ts";

export const defaultConfigDirectory = "/etc/cni/net.d";

export interface LoadedList {
  readonly path: string;
  readonly list: NetworkConfigList;
  /** As it was read, for `createNetwork`. */
  readonly value: object;
}

/** @throws {RuntError} NotFound; InvalidArgument */
export function loadConfigList(path: string): LoadedList {
  const origin = { where: path, operation: "network create" };
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    throw new RuntError("NotFound", `${path}: no such file`, { operation: "network create", path }, error);
  }
  const value = parseJson(text, origin);
  return { path, list: readConfigList(value, origin), value: value as object };
}

/** All lists of a directory in the order of their file names; the first is a kubelet's. Files that are wrong are left out. */
export function loadConfigLists(
  directory: string = defaultConfigDirectory,
  log: (message: string) => void = () => {},
): LoadedList[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
  return names
    .filter((name) => /\.(conflist|conf|json)$/.test(name))
    .sort()
    .flatMap((name) => {
      try {
        return [loadConfigList(join(directory, name))];
      } catch (error) {
        log(error instanceof Error ? error.message : String(error));
        return [];
      }
    });
}
