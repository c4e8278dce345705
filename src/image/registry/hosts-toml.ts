/** containerd's hosts.toml: a registry's mirrors and how each server is reached. @see containerd docs/hosts.md */
import { isAbsolute, join } from "node:path";
import { RuntError } from "../../errors.ts";
import { goDurationMs } from "../../spec/go-duration.ts";
import { type Capability, everything } from "./host.ts";

/** What a file says of one server; paths are absolute, nothing is read yet. */
export interface ConfiguredHost {
  /** Ends in "/"; undefined is the registry's own address. */
  readonly base: URL | undefined;
  readonly capabilities: ReadonlySet<Capability>;
  /** Files of authorities. */
  readonly authorities: readonly string[];
  /** Files of certificates; the key may be in the same file. */
  readonly clients: readonly { readonly certificate: string; readonly key: string }[];
  /** Undefined where the file says nothing. */
  readonly verify: "certificate" | "nothing" | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number | undefined;
}

/** For messages: a file and a place in it. */
class Place {
  readonly file: string;
  readonly key: string;

  constructor(file: string, key: string) {
    this.file = file;
    this.key = key;
  }

  at(key: string): Place {
    return new Place(this.file, this.key === "" ? key : `${this.key}.${key}`);
  }

  refuse(why: string, cause?: unknown): RuntError {
    const subject = this.key === "" ? this.file : `${this.file}: ${this.key}`;
    return new RuntError("InvalidArgument", `${subject}: ${why}`, { operation: "parse", subject }, cause);
  }
}

type Table = Readonly<Record<string, unknown>>;

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/**
 * Reads a hosts.toml: its mirrors in their order, then the registry itself.
 * @param file its path; relative paths in it are taken from its folder
 * @throws {RuntError} InvalidArgument naming the file and the key
 */
export async function parseHostsToml(text: string, file: string): Promise<ConfiguredHost[]> {
  const top = new Place(file, "");
  const { parse } = await import("smol-toml");
  let document: Table;
  try {
    document = parse(text) as Table;
  } catch (cause) {
    throw top.refuse(String((cause as Error).message).split("\n", 1)[0]!, cause);
  }
  const mirrors = document.host ?? {};
  if (!isTable(mirrors)) throw top.at("host").refuse("must be a table");
  const hosts = Object.entries(mirrors).map(([url, table]) => {
    const place = top.at(`host.${JSON.stringify(url)}`);
    if (!isTable(table)) throw place.refuse("must be a table");
    return readHost(url, table, place);
  });
  const server = document.server ?? "";
  if (typeof server !== "string") throw top.at("server").refuse("must be a string");
  return [...hosts, readHost(server, document, top)];
}

function readHost(server: string, table: Table, place: Place): ConfiguredHost {
  const verify = table.skip_verify;
  if (verify !== undefined && typeof verify !== "boolean")
    throw place.at("skip_verify").refuse("must be true or false");
  return {
    base: server === "" ? undefined : readBase(server, table.override_path === true, place),
    capabilities: readCapabilities(table.capabilities, place.at("capabilities")),
    authorities: readPaths(table.ca, place.at("ca")),
    clients: readClients(table.client, place.at("client")),
    verify: verify === undefined ? undefined : verify ? "nothing" : "certificate",
    headers: readHeaders(table.header, place.at("header")),
    connectTimeoutMs: readDuration(table.dial_timeout, place.at("dial_timeout")),
  };
}

function readBase(server: string, overridePath: boolean, place: Place): URL {
  const url = URL.parse(/^https?:\/\//i.test(server) ? server : `https://${server}`);
  if (url === null || url.hostname === "")
    throw place.refuse(`${JSON.stringify(server)} is not the URL of a host`);
  url.search = "";
  url.hash = "";
  const path = url.pathname.replace(/\/+$/, "");
  url.pathname = overridePath || path.endsWith("/v2") ? `${path}/` : `${path}/v2/`;
  return url;
}

function readCapabilities(value: unknown, place: Place): ReadonlySet<Capability> {
  if (value === undefined) return everything;
  if (!Array.isArray(value)) throw place.refuse("must be a list");
  if (value.length === 0) return everything;
  const words = value.map((word) => String(word).toLowerCase());
  for (const word of words) {
    if (!everything.has(word as Capability))
      throw place.refuse(`must be of pull, resolve and push, not ${word}`);
  }
  return new Set(words as Capability[]);
}

function absolute(path: unknown, place: Place): string {
  if (typeof path !== "string" || path === "") throw place.refuse("must be the path of a file");
  return isAbsolute(path) ? path : join(place.file, "..", path);
}

function readPaths(value: unknown, place: Place): string[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map((path) => absolute(path, place));
}

function readClients(value: unknown, place: Place): { certificate: string; key: string }[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map((entry: unknown) => {
    if (!Array.isArray(entry)) {
      const both = absolute(entry, place);
      return { certificate: both, key: both };
    }
    if (entry.length !== 2) throw place.refuse("a pair must be a certificate and its key");
    return {
      certificate: absolute(entry[0], place),
      key: absolute(entry[1] === "" ? entry[0] : entry[1], place),
    };
  });
}

function readHeaders(value: unknown, place: Place): Record<string, string> {
  if (value === undefined) return {};
  if (!isTable(value)) throw place.refuse("must be a table");
  const headers = Object.entries(value).map(([name, text]) => {
    const texts: readonly unknown[] = Array.isArray(text) ? text : [text];
    const fits = texts.every((one) => typeof one === "string" && /^[^\r\n\0]*$/.test(one));
    if (!fits || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
      throw place.at(name).refuse("must be text or a list of it");
    return [name.toLowerCase(), texts.join(", ")];
  });
  return Object.fromEntries(headers);
}

/** Go's durations: "5s", "1m30s", "500ms". */
function readDuration(value: unknown, place: Place): number | undefined {
  if (value === undefined || value === "") return undefined;
  const ms = typeof value === "string" ? goDurationMs(value) : undefined;
  if (ms === undefined) throw place.refuse('must be a duration such as "5s"');
  return Math.max(1, Math.round(ms));
}
