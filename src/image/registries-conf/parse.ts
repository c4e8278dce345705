/** One file of registries.conf(5): version 2, and version 1 as what it means in version 2. */
import { RuntError } from "../../errors.ts";

/** For which pulls a mirror is asked. */
export type PullFromMirror = "all" | "digest-only" | "tag-only";

export interface MirrorEntry {
  /** "host[:port][/path]". */
  readonly location: string;
  readonly insecure: boolean;
  readonly pullFrom: PullFromMirror;
}

/** A `[[registry]]`. */
export interface RegistryEntry {
  /** Of the names that it is for: "host[:port][/path]", or "*.domain". */
  readonly prefix: string;
  /** What takes the prefix' place; "" leaves the name as it is. */
  readonly location: string;
  readonly insecure: boolean;
  readonly blocked: boolean;
  readonly mirrors: readonly MirrorEntry[];
  /** The file that says so. */
  readonly file: string;
}

export const shortNameModes = ["enforcing", "permissive", "disabled"] as const;
export type ShortNameMode = (typeof shortNameModes)[number];

/** What one file says; absent is what it says nothing about. */
export interface RegistriesFile {
  readonly search?: readonly string[];
  readonly mode?: ShortNameMode;
  /** An empty text takes back what a file before this one has said. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly registries: readonly RegistryEntry[];
  readonly credentialHelpers?: readonly string[];
}

type Table = Readonly<Record<string, unknown>>;

/**
 * Reads a file.
 * @param file its path, for messages and for whoever asks where something is from
 * @throws {RuntError} InvalidArgument naming the file and the key
 */
export async function parseRegistriesFile(text: string, file: string): Promise<RegistriesFile> {
  const { parse } = await import("smol-toml");
  const reader = new Reader(file);
  let document: Table;
  try {
    document = parse(text) as Table;
  } catch (cause) {
    throw reader.refuse("", String((cause as Error).message).split("\n", 1)[0]!, cause);
  }
  const old = reader.table(document.registries, "registries");
  const isOld = Object.keys(old).length > 0;
  const isNew = ["registry", "unqualified-search-registries"].some((key) => document[key] !== undefined);
  if (isOld && isNew)
    throw reader.refuse("registries", "is of version 1, and cannot be mixed with version 2");
  const mode = document["short-name-mode"];
  const search = isOld
    ? reader.texts(reader.table(old.search, "registries.search").registries, "registries.search.registries")
    : reader.texts(document["unqualified-search-registries"], "unqualified-search-registries");
  const helpers = reader.texts(document["credential-helpers"], "credential-helpers");
  const aliases = Object.entries(reader.table(document.aliases, "aliases"));
  return {
    ...(search && { search: search.map((one) => reader.location(one, "unqualified-search-registries")) }),
    ...(mode !== undefined && mode !== "" && { mode: reader.word(mode, "short-name-mode", shortNameModes) }),
    aliases: new Map(aliases.map(([name, value]) => [name, reader.text(value, `aliases.${name}`)])),
    registries: isOld ? oldEntries(old, reader) : entries(document.registry, reader),
    ...(helpers && { credentialHelpers: helpers }),
  };
}

function entries(value: unknown, reader: Reader): RegistryEntry[] {
  return reader.tables(value, "registry").map((table, i) => {
    const place = `registry[${i}]`;
    const location = reader.location(table.location ?? "", `${place}.location`);
    const prefix = reader.location(table.prefix ?? "", `${place}.prefix`) || location;
    if (prefix === "") throw reader.refuse(place, "has neither prefix nor location");
    if (location === "" && !prefix.startsWith("*.")) {
      throw reader.refuse(place, "has no location, which only a prefix such as *.example.com can do without");
    }
    const digestOnly = reader.boolean(table["mirror-by-digest-only"], `${place}.mirror-by-digest-only`);
    return {
      prefix,
      location,
      insecure: reader.boolean(table.insecure, `${place}.insecure`),
      blocked: reader.boolean(table.blocked, `${place}.blocked`),
      mirrors: reader
        .tables(table.mirror, `${place}.mirror`)
        .map((mirror, j) => mirrorEntry(mirror, `${place}.mirror[${j}]`, digestOnly, reader)),
      file: reader.file,
    };
  });
}

function mirrorEntry(table: Table, place: string, digestOnly: boolean, reader: Reader): MirrorEntry {
  const location = reader.location(table.location ?? "", `${place}.location`);
  if (location === "") throw reader.refuse(place, "has no location");
  const said = table["pull-from-mirror"];
  if (said !== undefined && digestOnly) {
    throw reader.refuse(
      place,
      "pull-from-mirror and the registry's mirror-by-digest-only exclude each other",
    );
  }
  return {
    location,
    insecure: reader.boolean(table.insecure, `${place}.insecure`),
    pullFrom: digestOnly
      ? "digest-only"
      : said === undefined || said === ""
        ? "all"
        : reader.word(said, `${place}.pull-from-mirror`, ["all", "digest-only", "tag-only"]),
  };
}

/** Version 1 has lists of registries, one for each thing that is said of them. */
function oldEntries(old: Table, reader: Reader): RegistryEntry[] {
  const listed = (name: "insecure" | "block") => {
    const key = `registries.${name}`;
    return (reader.texts(reader.table(old[name], key).registries, key) ?? []).map((one) =>
      reader.location(one, key),
    );
  };
  const [insecure, blocked] = [listed("insecure"), listed("block")];
  return [...new Set([...insecure, ...blocked])].map((location) => ({
    prefix: location,
    location,
    insecure: insecure.includes(location),
    blocked: blocked.includes(location),
    mirrors: [],
    file: reader.file,
  }));
}

/** Takes values for what they should be. */
class Reader {
  readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  refuse(key: string, why: string, cause?: unknown): RuntError {
    const subject = key === "" ? this.file : `${this.file}: ${key}`;
    return new RuntError("InvalidArgument", `${subject}: ${why}`, { operation: "parse", subject }, cause);
  }

  table(value: unknown, key: string): Table {
    if (value === undefined) return {};
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Table;
    throw this.refuse(key, "must be a table");
  }

  tables(value: unknown, key: string): Table[] {
    if (value === undefined) return [];
    if (!Array.isArray(value))
      throw this.refuse(key, `must be written as [[${key.replaceAll(/\[\d+\]/g, "")}]]`);
    return value.map((one: unknown) => this.table(one, key));
  }

  text(value: unknown, key: string): string {
    if (typeof value === "string") return value;
    throw this.refuse(key, "must be a string");
  }

  texts(value: unknown, key: string): string[] | undefined {
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.refuse(key, "must be a list of strings");
    return value.map((one: unknown) => this.text(one, key));
  }

  boolean(value: unknown, key: string): boolean {
    if (value === undefined || typeof value === "boolean") return value ?? false;
    throw this.refuse(key, "must be true or false");
  }

  word<W extends string>(value: unknown, key: string, words: readonly W[]): W {
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    throw this.refuse(key, `must be one of ${words.join(", ")}`);
  }

  /** "host[:port][/path]", without a slash at its end. */
  location(value: unknown, key: string): string {
    const text = this.text(value, key);
    if (/^https?:\/\//i.test(text)) throw this.refuse(key, `${text} must not begin with http:// or https://`);
    return text.replace(/\/+$/, "");
  }
}
