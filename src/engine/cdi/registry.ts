/**
 * Devices by the names that their vendors have given them, "vendor.com/class=name", from files in /etc/cdi and
 * /var/run/cdi: what is there now, as files come and go with drivers.
 * @see Container Device Interface, SPEC.md
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { hasCode } from "../../linux/system-error.ts";
import { type CdiSpec, type ContainerEdits, readCdiSpec } from "../../spec/cdi/spec.ts";
import { parseJson } from "../../spec/runtime/json.ts";

/** Where files are looked for: what is in a later directory counts more. */
export function cdiDirectories(env = process.env): readonly string[] {
  const said = env.RUNT_CDI_SPEC_DIRS;
  return said ? said.split(":") : ["/etc/cdi", "/var/run/cdi"];
}

interface Candidate {
  readonly path: string;
  readonly spec: CdiSpec;
  readonly edits: ContainerEdits;
}

/**
 * What the devices change in a container, in the order in which it is done: of each file its own edits once, then those
 * of the devices.
 * @throws {RuntError} NotFound for a device that nobody describes; InvalidArgument for one that two files of a directory
 *   describe, or whose file is wrong
 */
export async function cdiEdits(
  names: readonly string[],
  directories: readonly string[] = cdiDirectories(),
): Promise<ContainerEdits[]> {
  const known = new Map<string, Candidate[]>();
  const broken: RuntError[] = [];
  for (const directory of directories) {
    const here = new Map<string, Candidate[]>();
    for (const file of filesIn(directory)) {
      const path = join(directory, file);
      try {
        const spec = await readSpec(path);
        for (const { name, containerEdits } of spec.devices) {
          const device = `${spec.kind}=${name}`;
          here.set(device, [...(here.get(device) ?? []), { path, spec, edits: containerEdits }]);
        }
      } catch (error) {
        // Another vendor's mistake is none of ours, unless the device is not found.
        if (!(error instanceof RuntError)) throw error;
        broken.push(error);
      }
    }
    for (const [device, candidates] of here) known.set(device, candidates);
  }
  const done = new Set<CdiSpec>();
  return names.flatMap((name) => {
    const { spec, edits } = oneOf(name, known.get(name) ?? [], directories, broken);
    const own = done.has(spec) ? [] : [spec.containerEdits];
    done.add(spec);
    return [...own, edits];
  });
}

function oneOf(
  name: string,
  [first, second]: readonly Candidate[],
  directories: readonly string[],
  [broken]: readonly RuntError[],
): Candidate {
  const site = { operation: "start", subject: `device ${name}` };
  if (second) {
    throw new RuntError(
      "InvalidArgument",
      `CDI device ${name} is in ${first!.path} and in ${second.path}`,
      site,
    );
  }
  if (first) return first;
  const why = broken ? `; ${broken.message}` : "";
  throw new RuntError("NotFound", `unresolvable CDI device ${name}${why}`, {
    ...site,
    hint: `it must be described by a file in ${directories.join(" or ")}`,
  });
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /\.(json|ya?ml)$/.test(name))
      .sort();
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
}

async function readSpec(path: string): Promise<CdiSpec> {
  const origin = { where: path, operation: "start" };
  const text = readFileSync(path, "utf8");
  if (path.endsWith(".json")) return readCdiSpec(parseJson(text, origin), origin);
  const { parse } = await import("yaml");
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new RuntError("InvalidArgument", `${path}: ${String(error)}`, { operation: "start", path }, error);
  }
  return readCdiSpec(value, origin);
}
