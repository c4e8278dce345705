/** Where credentials come from: a fixed one, or the files that docker and podman keep. */
import { homedir } from "node:os";
import { join } from "node:path";
import { credentialIn, entryKey, helperFor, namesOf, readAuthFile } from "./auth-file.ts";
import { type AuthConfig, type Credential, credentialFromAuthConfig, hostOfServer } from "./credential.ts";
import { getFromHelper } from "./credential-helper.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Who to be at `domain` ("docker.io", "host:port") for the repository `path`; undefined is nobody. Asked only
 * after a registry has asked, since a helper may bother the user.
 */
export type CredentialSource = (domain: string, path: string) => Promise<Credential | undefined>;

/** Nobody, anywhere. */
export const anonymous: CredentialSource = async () => undefined;

/** One credential for one registry; its mirrors do not get it. */
export function fixedCredential(domain: string, credential: Credential): CredentialSource {
  return async (asked) => (hostOfServer(asked) === hostOfServer(domain) ? credential : undefined);
}

/** What a CRI or docker API request brought, for the registry `domain` of its image. */
export function credentialFromRequest(config: AuthConfig, domain: string): CredentialSource {
  const credential = credentialFromAuthConfig(config, domain);
  return credential === undefined ? anonymous : fixedCredential(domain, credential);
}

/**
 * The files that may hold credentials, in the order of asking: docker's, then podman's. REGISTRY_AUTH_FILE
 * is podman's way to say "this one and no other".
 */
export function credentialFiles(environment: Environment): string[] {
  if (environment.REGISTRY_AUTH_FILE) return [environment.REGISTRY_AUTH_FILE];
  const home = environment.HOME || homedir();
  const uid = process.getuid?.() ?? 0;
  const runtimeDirectory =
    environment.XDG_RUNTIME_DIR || (uid === 0 ? "/run/containers/0" : `/run/user/${uid}`);
  const config = environment.XDG_CONFIG_HOME || join(home, ".config");
  return [
    dockerConfigFile(environment),
    join(runtimeDirectory, uid === 0 && !environment.XDG_RUNTIME_DIR ? "auth.json" : "containers/auth.json"),
    join(config, "containers/auth.json"),
  ];
}

/** Docker's file, which login writes. */
export function dockerConfigFile(environment: Environment): string {
  return join(environment.DOCKER_CONFIG || join(environment.HOME || homedir(), ".docker"), "config.json");
}

/**
 * Asks the files in turn; the first that has something for the host decides. Within a file a helper comes
 * before what the file itself holds, as in docker.
 */
export function credentialsFromFiles(files: readonly string[], environment: Environment): CredentialSource {
  return async (domain, path) => {
    for (const name of files) {
      const file = await readAuthFile(name);
      if (file === undefined) continue;
      const helper = helperFor(file, domain);
      const server = entryKey(file, domain, path) ?? namesOf(domain)[0]!;
      const credential =
        (helper === undefined
          ? undefined
          : await getFromHelper(helper, serverName(server, domain), environment)) ??
        credentialIn(file, domain, path);
      if (credential !== undefined) return credential;
    }
    return undefined;
  };
}

/**
 * Asks helpers in turn, whatever the host.
 * @param names is asked when somebody wants credentials; "containers-auth.json" among them stands for the files
 */
export function credentialsFromHelpers(
  names: () => Promise<readonly string[]>,
  environment: Environment,
): CredentialSource {
  return async (domain) => {
    for (const helper of await names()) {
      if (helper === "containers-auth.json") continue;
      const credential = await getFromHelper(helper, namesOf(domain)[0]!, environment);
      if (credential !== undefined) return credential;
    }
    return undefined;
  };
}

/** Helpers know hosts, not podman's longer keys. */
function serverName(key: string, domain: string): string {
  return hostOfServer(key) === hostOfServer(domain) && !key.startsWith(`${domain}/`)
    ? key
    : namesOf(domain)[0]!;
}
