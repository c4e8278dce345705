/** What registries.conf(5) makes of a whole name: whether it may be used, and where its repository is to be asked for. */
import { RuntError } from "../../errors.ts";
import { parseReference, type Reference, repositoryName } from "../reference/reference.ts";
import type { RegistryEntry } from "./parse.ts";
import type { RegistriesConf } from "./read.ts";

/** A place of a repository. */
export interface Endpoint {
  /** Host and repository as they are there. */
  readonly domain: string;
  readonly path: string;
  /** Its certificate is not verified, and plain HTTP will do. */
  readonly insecure: boolean;
  readonly standing: "mirror" | "registry";
}

/** The bytes of `name` that `prefix` stands for; undefined where it is for other names. */
function matched(name: string, prefix: string): number | undefined {
  let end = prefix.length;
  if (prefix.startsWith("*.")) {
    const domain = prefix.slice(1);
    const at = name.indexOf(domain);
    if (at <= 0 || name.slice(0, at).includes("/")) return undefined;
    end = at + domain.length;
  } else if (!name.startsWith(prefix)) return undefined;
  return end === name.length || /[:/@]/.test(name[end]!) ? end : undefined;
}

/** The entry with the longest prefix that `name`, "host/path" or "host", begins with. */
export function entryFor(conf: RegistriesConf, name: string): RegistryEntry | undefined {
  let best: RegistryEntry | undefined;
  for (const entry of conf.registries) {
    if (matched(name, entry.prefix) === undefined) continue;
    // As it is written: "*.example.com" is shorter than the host that it stands for.
    if (entry.prefix.length > (best?.prefix.length ?? -1)) best = entry;
  }
  return best;
}

/** @throws {RuntError} PermissionDenied where the administrator does not want it used */
export function refuseBlocked(entry: RegistryEntry | undefined, name: string, operation: string): void {
  if (!entry?.blocked) return;
  throw new RuntError("PermissionDenied", `${name}: registry ${entry.prefix} is blocked in ${entry.file}`, {
    operation,
    subject: name,
  });
}

/**
 * Where to pull `reference` from, in this order: the mirrors that are for it, then its registry.
 * @throws {RuntError} PermissionDenied where it is blocked, or the place that its name is rewritten to; InvalidArgument
 *   where that is none
 */
export function endpointsOf(conf: RegistriesConf, reference: Reference): Endpoint[] {
  const name = repositoryName(reference);
  const entry = entryFor(conf, name);
  refuseBlocked(entry, name, "pull");
  const { domain, path } = reference;
  if (entry === undefined) return [{ domain, path, insecure: false, standing: "registry" }];
  const asked = reference.digest === undefined ? "tag-only" : "digest-only";
  const mirrors = entry.mirrors
    .filter(({ pullFrom }) => pullFrom === "all" || pullFrom === asked)
    .map(({ location, insecure }) => ({
      ...rewritten(name, entry, location),
      insecure,
      standing: "mirror" as const,
    }));
  const { location, insecure } = entry;
  const registry = { ...rewritten(name, entry, location), insecure, standing: "registry" } as const;
  const ruleFor = ({ domain, path }: { domain: string; path: string }) => entryFor(conf, `${domain}/${path}`);
  refuseBlocked(ruleFor(registry), name, "pull");
  // A mirror that is blocked is passed over.
  return [...mirrors.filter((mirror) => !ruleFor(mirror)?.blocked), registry];
}

function rewritten(name: string, entry: RegistryEntry, location: string): { domain: string; path: string } {
  const end = matched(name, entry.prefix)!;
  const text = location === "" ? name : location + name.slice(end);
  const fault = (why: string, cause?: unknown) => {
    const subject = `${entry.file}: registry ${entry.prefix}`;
    const what = `${subject}: ${name} becomes ${text}, ${why}`;
    return new RuntError("InvalidArgument", what, { operation: "parse", subject }, cause);
  };
  let reference: Reference;
  try {
    reference = parseReference(text);
  } catch (error) {
    throw fault("which is no name", error);
  }
  if (repositoryName(reference) !== text) throw fault("which is not written out");
  return { domain: reference.domain, path: reference.path };
}
