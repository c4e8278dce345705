/**
 * Login and logout: credentials are stored only after the registry has taken them, by the helper that
 * docker's config.json names, else in that file.
 */
import { RuntError } from "../../../errors.ts";
import { failure, refusal, type Task } from "../failure.ts";
import { hostsOf } from "../hosts.ts";
import { type RegistryOptions, settingsOf } from "../options.ts";
import { settingsAt } from "../places.ts";
import { Session } from "../session.ts";
import { Transport } from "../transport.ts";
import { type AuthFile, helperFor, namesOf, readAuthFile } from "./auth-file.ts";
import { type Credential, hostOfServer } from "./credential.ts";
import { eraseFromHelper, storeInHelper } from "./credential-helper.ts";
import { editAuthFile, tableOf } from "./edit-auth-file.ts";
import { dockerConfigFile, fixedCredential } from "./source.ts";

/** How registries are reached, and where credentials are kept. */
export interface LoginOptions extends RegistryOptions {
  /** REGISTRY_AUTH_FILE or docker's config.json when absent. */
  readonly authFile?: string;
  readonly signal?: AbortSignal;
}

/** Where a login has been stored. */
export interface LoginResult {
  /** Registry, as images name it. */
  readonly domain: string;
  readonly file: string;
  /** The helper's name; undefined where the file itself has the secret, readable for whoever reads the file. */
  readonly helper: string | undefined;
}

function authFileOf({ authFile, environment = process.env }: LoginOptions): string {
  return authFile ?? (environment.REGISTRY_AUTH_FILE || dockerConfigFile(environment));
}

/** A registry as a user may write it, "https://index.docker.io/v1/" too, as the domain of images. */
export function loginDomain(server: string): string {
  return server === "" ? "docker.io" : hostOfServer(server);
}

/**
 * Has the registry check a user's password.
 * @returns what to store: an identity token where the registry gives one, else the password
 * @throws {RuntError} PermissionDenied where it is wrong; Unavailable, NotFound
 */
export async function verifyPassword(
  domain: string,
  { username, password }: { readonly username: string; readonly password: string },
  options: LoginOptions,
): Promise<Credential> {
  const credential: Credential = { kind: "password", username, password };
  const settings = await settingsAt(domain, {
    ...settingsOf(options),
    credentials: fixedCredential(domain, credential),
  });
  const task: Task = { operation: "login", subject: domain, domain };
  if (username === "" || username.includes(":"))
    throw failure("InvalidArgument", task, "a user name must not be empty or have a colon");
  const host = (await hostsOf(domain, settings)).find(({ namespace }) => namespace === undefined);
  if (host === undefined)
    throw failure("FailedPrecondition", task, "hosts.toml names no server for the registry itself");
  await using transport = new Transport(settings);
  const session = new Session({ host, domain, path: "", transport, settings, purpose: "identity" });
  const { signal } = options;
  const response = await session.request({ method: "GET", target: "", scopes: [], task, signal });
  if (response.status === 401) {
    await response.discard();
    // "authentication required", says the registry to whoever has just tried that.
    const what = `user name or password is wrong (${response.url.host} answered 401)`;
    throw failure("PermissionDenied", task, what);
  }
  if (response.status !== 200) throw await refusal(response, task);
  await response.discard();
  const { identityToken } = session;
  return identityToken === undefined ? credential : { kind: "identity-token", token: identityToken };
}

/**
 * Checks a user's password at the registry and stores it.
 * @param server as the user writes it; "" is docker.io
 * @throws {RuntError} PermissionDenied where it is wrong, or the file cannot be written; Unavailable, NotFound
 */
export async function login(
  server: string,
  user: { readonly username: string; readonly password: string },
  options: LoginOptions = {},
): Promise<LoginResult> {
  const domain = loginDomain(server);
  const { environment = process.env, signal } = options;
  const file = authFileOf(options);
  const credential = await verifyPassword(domain, user, options);
  const helper = await helperIn(file, domain);
  const key = namesOf(domain)[0]!;
  if (helper !== undefined) {
    const isToken = credential.kind === "identity-token";
    const entry = {
      ServerURL: key,
      Username: isToken ? "<token>" : user.username,
      Secret: isToken ? credential.token : user.password,
    };
    await storeInHelper(helper, entry, environment);
  }
  await editAuthFile(
    file,
    async (document) => {
      tableOf(document, "auths")[key] = helper === undefined ? entryFor(credential, user.username) : {};
      return "changed";
    },
    signal,
  );
  return { domain, file, helper };
}

async function helperIn(file: string, domain: string): Promise<string | undefined> {
  const known: AuthFile | undefined = await readAuthFile(file);
  return known === undefined ? undefined : helperFor(known, domain);
}

/** An entry of `auths` as docker writes it. */
function entryFor(credential: Credential, username: string): Record<string, string> {
  const encode = (text: string): string => Buffer.from(text).toString("base64");
  if (credential.kind === "password") return { auth: encode(`${username}:${credential.password}`) };
  return { auth: encode(`${username}:`), identitytoken: credential.token };
}

/**
 * Forgets the credentials of a registry.
 * @returns whether there were any
 * @throws {RuntError} PermissionDenied where the file cannot be written; FailedPrecondition from a helper
 */
export async function logout(server: string, options: LoginOptions = {}): Promise<boolean> {
  const domain = loginDomain(server);
  const { environment = process.env, signal } = options;
  const file = authFileOf(options);
  let known = false;
  if ((await readAuthFile(file)) === undefined) return known;
  const helper = await helperIn(file, domain);
  for (const name of helper === undefined ? [] : namesOf(domain)) {
    if (await eraseQuietly(helper!, name, environment)) known = true;
  }
  await editAuthFile(
    file,
    async (document) => {
      const auths = tableOf(document, "auths");
      const keys = Object.keys(auths).filter((key) => hostOfServer(key) === domain && !isDeeper(key, domain));
      for (const key of keys) delete auths[key];
      if (keys.length > 0) known = true;
      return keys.length > 0 ? "changed" : "same";
    },
    signal,
  );
  return known;
}

/** A key of podman's for a part of the registry only. */
function isDeeper(key: string, domain: string): boolean {
  return key.startsWith(`${domain}/`) && !/^[^/]+\/(?:v[12]\/?)?$/.test(key);
}

/** Helpers differ in whether forgetting what they do not know is an error. */
async function eraseQuietly(
  helper: string,
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<boolean> {
  try {
    return await eraseFromHelper(helper, name, environment);
  } catch (error) {
    if (error instanceof RuntError && /not found|does not exist|no credentials/i.test(error.message)) {
      if (!error.message.includes("in PATH")) return false;
    }
    throw error;
  }
}
