/** A command line of `run` to the request it makes, without a machine. */

import type { Attached } from "../../../src/cli/container-flags/program.ts";
import { containerOptions, containerRequest } from "../../../src/cli/container-flags/request.ts";
import type { Surroundings } from "../../../src/cli/container-flags/surroundings.ts";
import { parseArgs } from "../../../src/cli/parse.ts";
import type { ContainerRequest } from "../../../src/engine/request.ts";

export interface Setting {
  readonly env?: Readonly<Record<string, string>>;
  /** By absolute path. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  readonly attached?: Attached;
}

export interface Read {
  readonly request: ContainerRequest;
  readonly warnings: readonly string[];
}

/** `args` are what stands between `runt run` and the end; without an operand the image is "image". */
export async function read(args: readonly string[], setting: Setting = {}): Promise<Read> {
  const { env = {}, files = {}, attached = "foreground" } = setting;
  const surroundings: Surroundings = {
    env,
    cwd: "/home/me",
    readFile(path) {
      const file = files[path];
      if (file === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
      return Buffer.from(file);
    },
  };
  const parsed = await parseArgs(args, containerOptions, "at the first operand", "posix");
  const operands = parsed.operands.length > 0 ? parsed.operands : ["image"];
  const warnings: string[] = [];
  const request = containerRequest(operands, parsed.options as never, attached, surroundings, (message) =>
    warnings.push(message),
  );
  return { request, warnings };
}

/** Only the request. */
export async function requestOf(...args: readonly string[]): Promise<ContainerRequest> {
  return (await read(args)).request;
}
