/** All files of registries.conf(5) as one: later ones over earlier ones. Read anew for every use. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { hasCode } from "../../linux/system-error.ts";
import { parseRegistriesFile, type RegistriesFile, type RegistryEntry, type ShortNameMode } from "./parse.ts";
import type { RegistriesConfPlaces } from "./places.ts";

/** Something with the file that says so. */
export interface Said<T> {
  readonly value: T;
  readonly file: string;
}

export interface RegistriesConf {
  /** Where a short name is sought; undefined where no file says so. */
  readonly search: Said<readonly string[]> | undefined;
  readonly mode: ShortNameMode;
  /** Short names, and what they stand for. */
  readonly aliases: ReadonlyMap<string, Said<string>>;
  readonly registries: readonly RegistryEntry[];
  /** Undefined where no file says so. */
  readonly credentialHelpers: readonly string[] | undefined;
}

const nothing: RegistriesConf = {
  search: undefined,
  // What the manual page calls the default is that of a distribution's file; this is what podman does without one.
  mode: "permissive",
  aliases: new Map(),
  registries: [],
  credentialHelpers: undefined,
};

/**
 * Reads them.
 * @throws {RuntError} InvalidArgument for a file that cannot be understood; NotFound for a named one that is not there
 */
export async function readRegistriesConf(places: RegistriesConfPlaces): Promise<RegistriesConf> {
  const files: string[] = [places.file];
  for (const directory of places.directories) {
    const names = await readdir(directory).catch((error: unknown) => ifReadable(error, directory) ?? []);
    files.push(
      ...names
        .filter((name) => name.endsWith(".conf"))
        .sort()
        .map((name) => join(directory, name)),
    );
  }
  let conf = nothing;
  for (const file of files) {
    const text = await readFile(file, "utf8").catch((error: unknown) => ifReadable(error, file));
    if (text === undefined) {
      if (places.isNamed && file === places.file) throw notThere(file);
    } else if (saysSomething(text)) conf = over(conf, await parseRegistriesFile(text, file), file);
  }
  return conf;
}

/** The aliases that the user's own choices have made. */
export async function readOwnAliases({
  aliases: file,
}: RegistriesConfPlaces): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(file, "utf8").catch((error: unknown) => ifReadable(error, file));
  return text === undefined || !saysSomething(text)
    ? new Map()
    : (await parseRegistriesFile(text, file)).aliases;
}

/** The file that every distribution has is all comments: the reader of TOML need not be loaded for it. */
function saysSomething(text: string): boolean {
  return /^\s*[^\s#]/m.test(text);
}

function over(conf: RegistriesConf, said: RegistriesFile, file: string): RegistriesConf {
  const { search, mode, aliases, registries, credentialHelpers } = said;
  const allAliases = new Map(conf.aliases);
  for (const [name, value] of aliases) {
    if (value === "") allAliases.delete(name);
    else allAliases.set(name, { value, file });
  }
  const replaced = new Set(registries.map(({ prefix }) => prefix));
  return {
    search: search ? { value: search, file } : conf.search,
    mode: mode ?? conf.mode,
    aliases: allAliases,
    registries: [...conf.registries.filter(({ prefix }) => !replaced.has(prefix)), ...registries],
    credentialHelpers: credentialHelpers ?? conf.credentialHelpers,
  };
}

/** What is not there says nothing. @throws {RuntError} PermissionDenied for one that may not be read */
function ifReadable(error: unknown, path: string): undefined {
  if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
  // Unlike credentials: who must not see what is blocked cannot keep to it.
  const { code = "" } = error as NodeJS.ErrnoException;
  const site = { operation: "parse", subject: path, path, code };
  throw new RuntError("PermissionDenied", `${path} cannot be read: ${code}`, site, error);
}

function notThere(path: string): RuntError {
  const site = { operation: "parse", subject: path, path, hint: "CONTAINERS_REGISTRIES_CONF names it" };
  return new RuntError("NotFound", `${path} is not there`, site);
}
