/**
 * Docker's config.json and podman's auth.json: which credentials, or which helper program, are for a host.
 * Entries stay as they are in the file, since a program that is not ours may want what we do not know.
 */
import { readFile } from "node:fs/promises";
import { RuntError } from "../../../errors.ts";
import { optionalText } from "../../../spec/runtime/leaves.ts";
import { parseDocument } from "../../../spec/runtime/parse.ts";
import { defaulted, type Infer, object, record } from "../../../spec/runtime/schema.ts";
import { type Credential, credentialOf, DOCKER_SERVER, decodeAuth, hostOfServer } from "./credential.ts";

const AuthEntry = object(() => ({
  /** Base64 of "username:password". */
  auth: optionalText,
  username: optionalText,
  password: optionalText,
  identitytoken: optionalText,
  registrytoken: optionalText,
}));
type AuthEntry = Infer<typeof AuthEntry>;

/** The parts of the file that say who to be. */
export const AuthFile = object(() => ({
  auths: defaulted(record(AuthEntry), () => ({})),
  /** Host to the name of a helper. */
  credHelpers: defaulted(record(optionalText), () => ({})),
  /** The helper for all hosts without one of their own. */
  credsStore: optionalText,
}));
export type AuthFile = Infer<typeof AuthFile>;

/**
 * Reads the file.
 * @returns undefined where there is none
 * @throws {RuntError} InvalidArgument for a file that is not in the form; PermissionDenied where it may not be read
 */
export async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    const site = { operation: "login", subject: path, path, ...(code === undefined ? {} : { code }) };
    throw new RuntError("PermissionDenied", `${path}: credentials cannot be read: ${code}`, site, cause);
  }
  return text.trim() === "" ? undefined : parseDocument(AuthFile, text, { where: path, operation: "login" });
}

/** The names that a host has in these files, the most usual first. */
export function namesOf(domain: string): string[] {
  return domain === "docker.io"
    ? [DOCKER_SERVER, domain, "index.docker.io", "registry-1.docker.io"]
    : [domain];
}

/** The helper that has the credentials of `domain`; undefined where they are in the file itself. */
export function helperFor(file: AuthFile, domain: string): string | undefined {
  for (const name of namesOf(domain)) {
    const helper = file.credHelpers[name];
    if (helper !== undefined) return helper;
  }
  return file.credsStore;
}

/** The key of the entry for a repository: the longest prefix of `domain/path`, or the host in any spelling. */
export function entryKey(file: AuthFile, domain: string, path: string): string | undefined {
  const components = [domain, ...path.split("/").filter((component) => component !== "")];
  for (let length = components.length; length > 0; length--) {
    const key = components.slice(0, length).join("/");
    if (Object.hasOwn(file.auths, key)) return key;
  }
  for (const name of namesOf(domain)) if (Object.hasOwn(file.auths, name)) return name;
  return Object.keys(file.auths).find((key) => isOnlyHost(key) && hostOfServer(key) === hostOfServer(domain));
}

/** `https://host/v2/` is a host in docker's old spelling, `host/user` a podman key for less than the host. */
function isOnlyHost(key: string): boolean {
  return /^(?:https?:\/\/)?[^/]+\/?(?:v[12]\/?)?$/i.test(key);
}

/** What the file itself holds for a repository. */
export function credentialIn(file: AuthFile, domain: string, path: string): Credential | undefined {
  const key = entryKey(file, domain, path);
  const entry: AuthEntry | undefined = key === undefined ? undefined : file.auths[key];
  if (entry === undefined) return undefined;
  if (entry.registrytoken !== undefined) return { kind: "registry-token", token: entry.registrytoken };
  if (entry.identitytoken !== undefined) return { kind: "identity-token", token: entry.identitytoken };
  const decoded = entry.auth === undefined ? undefined : decodeAuth(entry.auth);
  const { username = "", password = "" } = decoded ?? entry;
  return username === "" ? undefined : credentialOf(username, password);
}
