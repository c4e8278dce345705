/** What a caller may say about how registries are reached, with the defaults filled in once. */
import { homedir } from "node:os";
import { join } from "node:path";
import { type RegistriesConfPlaces, registriesConfPlaces } from "../registries-conf/places.ts";
import { readRegistriesConf } from "../registries-conf/read.ts";
import type { Credential } from "./credentials/credential.ts";
import {
  type CredentialSource,
  credentialFiles,
  credentialsFromFiles,
  credentialsFromHelpers,
  fixedCredential,
} from "./credentials/source.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where a configuration is sought unless told otherwise; the first that knows a host decides. */
const SYSTEM_HOST_DIRECTORIES = [
  "/etc/runt/certs.d",
  "/etc/containerd/certs.d",
  "/etc/docker/certs.d",
  "/etc/containers/certs.d",
];

/** How long to try, and how often. Times in milliseconds. */
export interface Patience {
  /** For a connection to stand, TLS included. */
  readonly connectTimeoutMs: number;
  /** Without one byte in either direction on a running request. */
  readonly stallTimeoutMs: number;
  /** Requests in all before a failure counts, of a host that has no other after it. */
  readonly attempts: number;
  /** Before the second request; doubled from then on, up to `longestWaitMs`, with jitter. */
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
  /** A Retry-After beyond this is a refusal. */
  readonly longestRetryAfterMs: number;
}

/** How registries are reached. */
export interface RegistryOptions {
  /** Who to be; files of docker and podman are asked when absent. */
  readonly credentials?: CredentialSource;
  /** Who to be at the registry that a name says, instead of `credentials`; no mirror gets it. */
  readonly credential?: Credential | undefined;
  /** "nothing": the registry that a name says is as one of `insecure`. */
  readonly verify?: "certificate" | "nothing";
  /** Directories with `<host>/hosts.toml` or certificates, in the order of asking. */
  readonly hostDirectories?: readonly string[];
  /** Where registries.conf(5) is. */
  readonly registriesConf?: RegistriesConfPlaces;
  /** Hosts (with port) whose certificate is not verified and that may speak plain HTTP; "*" is all. */
  readonly insecure?: readonly string[];
  /** For the proxies' variables and the places of configuration. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly patience?: Partial<Patience>;
  /** The User-Agent header. */
  readonly userAgent?: string;
}

/** The same with nothing left open. */
export interface RegistrySettings {
  readonly credentials: CredentialSource;
  readonly hostDirectories: readonly string[];
  readonly registriesConf: RegistriesConfPlaces;
  readonly insecure: ReadonlySet<string>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly patience: Patience;
  readonly userAgent: string;
}

const patience: Patience = {
  connectTimeoutMs: 30_000,
  stallTimeoutMs: 60_000,
  attempts: 5,
  firstWaitMs: 250,
  longestWaitMs: 8_000,
  longestRetryAfterMs: 120_000,
};

/** Fills in the defaults. @param domain the registry that a name says */
export function settingsOf(options: RegistryOptions, domain?: string): RegistrySettings {
  const environment = options.environment ?? process.env;
  const { credential, registriesConf = registriesConfPlaces(environment), verify } = options;
  const isTrusted = domain !== undefined && verify === "nothing";
  return {
    credentials:
      domain !== undefined && credential
        ? fixedCredential(domain, credential)
        : (options.credentials ?? firstKnown(environment, registriesConf)),
    hostDirectories: options.hostDirectories ?? defaultHostDirectories(environment),
    registriesConf,
    insecure: new Set([...(options.insecure ?? []), ...(isTrusted ? [domain] : [])]),
    environment,
    patience: { ...patience, ...options.patience },
    userAgent: options.userAgent ?? "runt",
  };
}

/** The files of docker and podman, then the helpers that registries.conf names for all registries. */
function firstKnown(environment: Environment, places: RegistriesConfPlaces): CredentialSource {
  const fromFiles = credentialsFromFiles(credentialFiles(environment), environment);
  const fromHelpers = credentialsFromHelpers(
    async () => (await readRegistriesConf(places)).credentialHelpers ?? [],
    environment,
  );
  return async (domain, path) => (await fromFiles(domain, path)) ?? (await fromHelpers(domain, path));
}

function defaultHostDirectories(environment: Readonly<Record<string, string | undefined>>): string[] {
  const config = environment.XDG_CONFIG_HOME || join(environment.HOME || homedir(), ".config");
  return [join(config, "runt/certs.d"), join(config, "containers/certs.d"), ...SYSTEM_HOST_DIRECTORIES];
}
