/** What a caller may say about how registries are reached, with the defaults filled in once. */
import { homedir } from "node:os";
import { join } from "node:path";
import { type CredentialSource, credentialFiles, credentialsFromFiles } from "./credentials/source.ts";

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
  /** Directories with `<host>/hosts.toml` or certificates, in the order of asking. */
  readonly hostDirectories?: readonly string[];
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

/** Fills in the defaults. */
export function settingsOf(options: RegistryOptions): RegistrySettings {
  const environment = options.environment ?? process.env;
  return {
    credentials: options.credentials ?? credentialsFromFiles(credentialFiles(environment), environment),
    hostDirectories: options.hostDirectories ?? defaultHostDirectories(environment),
    insecure: new Set(options.insecure ?? []),
    environment,
    patience: { ...patience, ...options.patience },
    userAgent: options.userAgent ?? "runt",
  };
}

function defaultHostDirectories(environment: Readonly<Record<string, string | undefined>>): string[] {
  const config = environment.XDG_CONFIG_HOME || join(environment.HOME || homedir(), ".config");
  return [join(config, "runt/certs.d"), join(config, "containers/certs.d"), ...SYSTEM_HOST_DIRECTORIES];
}
