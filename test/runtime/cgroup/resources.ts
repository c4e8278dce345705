/** `linux.resources` for tests, written as in config.json. */
import { readDocument } from "../../../src/spec/runtime/parse.ts";
import { LinuxResources } from "../../../src/spec/runtime/resources.ts";

export const origin = { where: "config.json", operation: "create" };

/** Parsed, with defaults filled, as a bundle's would be. */
export function resources(value: object): LinuxResources {
  return readDocument(LinuxResources, value, origin);
}
