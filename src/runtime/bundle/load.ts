/** A bundle: a directory with a config.json in it. @see runtime-spec 1.3 bundle.md */
import { readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { RuntError } from "../../errors.ts";
import type { Config } from "../../spec/runtime/config.ts";

export interface Bundle {
  /** Absolute path. */
  readonly path: string;
  readonly config: Config;
}

/**
 * @param options config: path of the configuration, or the configuration itself; `<bundle>/config.json` if absent
 * @throws {RuntError} NotFound; InvalidArgument with the JSON path of what is wrong
 */
export async function loadBundle(
  bundle: string,
  options: { config?: string | object | undefined; operation: string },
): Promise<Bundle> {
  schema ??= await import("../../spec/runtime/config.ts");
  const { parseConfig, readConfig } = schema;
  const path = resolve(bundle);
  const { config, operation } = options;
  if (typeof config === "object") return { path, config: readConfig(config, "config", operation) };
  const file = config === undefined ? join(path, "config.json") : resolve(config);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    const what = code === "ENOENT" ? `${file}: no such file or directory` : (error as Error).message;
    const hint =
      code === "ENOENT"
        ? { hint: "a bundle is a directory with a config.json; runt-oci spec makes one" }
        : {};
    const kind = code === "ENOENT" ? "NotFound" : "PermissionDenied";
    throw new RuntError(kind, what, { operation, path: file, code, ...hint }, error);
  }
  if (last?.text !== text) last = { text, config: parseConfig(text, basename(file), operation) };
  return { path, config: last.config };
}

/** Loaded with the first configuration that is to be checked: the engine makes most of its own complete. */
let schema: typeof import("../../spec/runtime/config.ts") | undefined;

/** A program that makes one container often makes many of the same; nothing changes a configuration once it is read. */
let last: { readonly text: string; readonly config: Config } | undefined;
