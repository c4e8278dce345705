/**
 * The servers to ask for a registry's content, in order: its mirrors, then itself. Read anew for every pull.
 *
 * A directory `<host>_<port>_`, `<host>:<port>` or, for all hosts that have none of their own, `_default`
 * holds containerd's hosts.toml, or certificates in docker's way: `*.crt` authorities, `*.cert` with `*.key`
 * our own. @see containerd docs/hosts.md; docker's "verify repository client with certificates"
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { DEFAULT_DOMAIN } from "../reference/reference.ts";
import { everything, isLoopback, type RegistryHost, systemTls } from "./host.ts";
import { type ConfiguredHost, parseHostsToml } from "./hosts-toml.ts";
import type { RegistrySettings } from "./options.ts";

/** Where docker.io answers. */
const DOCKER_API_HOST = "registry-1.docker.io";

/** Not configured in any way. */
const plain: ConfiguredHost = {
  base: undefined,
  capabilities: everything,
  authorities: [],
  clients: [],
  verify: undefined,
  headers: {},
  connectTimeoutMs: undefined,
};

/**
 * The servers of the registry `domain`, "docker.io" or "host:port".
 * @throws {RuntError} InvalidArgument for a configuration that cannot be read
 */
export async function hostsOf(domain: string, settings: RegistrySettings): Promise<RegistryHost[]> {
  const directory = await directoryOf(domain, settings.hostDirectories);
  const configured = directory === undefined ? [plain] : await readDirectory(directory);
  return await Promise.all(configured.map((host) => finish(host, domain, settings)));
}

async function directoryOf(domain: string, roots: readonly string[]): Promise<string | undefined> {
  const colon = /:\d+$/.exec(domain)?.index ?? -1;
  const names = colon < 0 ? [domain] : [`${domain.slice(0, colon)}_${domain.slice(colon + 1)}_`, domain];
  // A root's default must not hide another root's own directory for the host.
  for (const wanted of [names, ["_default"]]) {
    for (const root of roots) {
      const present = new Set(await entriesOf(root));
      const name = wanted.find((name) => present.has(name));
      if (name !== undefined) return join(root, name);
    }
  }
  return undefined;
}

async function entriesOf(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Another user's configuration is none: what it protects will be missed with a clear error.
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES") return [];
    throw error;
  }
}

async function readDirectory(directory: string): Promise<ConfiguredHost[]> {
  const entries = await entriesOf(directory);
  if (entries.includes("hosts.toml")) {
    const file = join(directory, "hosts.toml");
    const text = await readConfigured(file);
    if (text.trim() !== "") return await parseHostsToml(text, file);
  }
  const clients = entries
    .filter((name) => name.endsWith(".cert"))
    .map((name) => {
      const key = name.replace(/\.cert$/, ".key");
      if (!entries.includes(key)) throw misconfigured(join(directory, name), `has no ${key} beside it`);
      return { certificate: join(directory, name), key: join(directory, key) };
    });
  const authorities = entries.filter((name) => name.endsWith(".crt")).map((name) => join(directory, name));
  return [{ ...plain, authorities, clients }];
}

function misconfigured(path: string, why: string, cause?: unknown): RuntError {
  return new RuntError(
    "InvalidArgument",
    `${path}: ${why}`,
    { operation: "parse", subject: path, path },
    cause,
  );
}

async function readConfigured(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw misconfigured(path, `cannot be read: ${(cause as NodeJS.ErrnoException).code}`, cause);
  }
}

async function finish(
  configured: ConfiguredHost,
  domain: string,
  settings: RegistrySettings,
): Promise<RegistryHost> {
  const own = new URL(`https://${domain === DEFAULT_DOMAIN ? DOCKER_API_HOST : domain}/v2/`);
  const base = configured.base ?? own;
  const isMirror = base.host !== own.host;
  const { insecure } = settings;
  const asked =
    insecure.has("*") ||
    insecure.has(base.host) ||
    insecure.has(base.hostname) ||
    (!isMirror && insecure.has(domain));
  const tlsIsConfigured = configured.authorities.length + configured.clients.length > 0;
  const loopback = isLoopback(base.hostname);
  const verify = asked
    ? "nothing"
    : (configured.verify ?? (loopback && !tlsIsConfigured ? "nothing" : systemTls.verify));
  const clients = configured.clients.map(async ({ certificate, key }) => ({
    certificate: await readConfigured(certificate),
    key: await readConfigured(key),
  }));
  return {
    base,
    capabilities: configured.capabilities,
    tls: {
      authorities: await Promise.all(configured.authorities.map(readConfigured)),
      clients: await Promise.all(clients),
      verify,
    },
    headers: configured.headers,
    plainHttp: asked || (loopback && configured.base === undefined) ? "fallback" : "never",
    namespace: isMirror ? domain : undefined,
    connectTimeoutMs: configured.connectTimeoutMs,
  };
}
