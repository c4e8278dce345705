/** Who to be at a registry: what login stored, or what a caller brought. */
import { RuntError } from "../../../errors.ts";

/** One proof of identity, by what it can be used for. */
export type Credential =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** Exchanged for tokens at the registry's token server; docker's "identitytoken". */
  | { readonly kind: "identity-token"; readonly token: string }
  /** Sent to the registry itself as it is. */
  | { readonly kind: "registry-token"; readonly token: string };

/** docker.io's name in docker's own files, kept from the first registry. */
export const DOCKER_SERVER = "https://index.docker.io/v1/";

/** The user name that credential helpers give with an identity token. */
const TOKEN_USER = "<token>";

/** A user name with a secret, as files and helpers hold them: no name, or `<token>`, means an identity token. */
export function credentialOf(username: string, secret: string): Credential | undefined {
  if (secret === "") return undefined;
  if (username === "" || username === TOKEN_USER) return { kind: "identity-token", token: secret };
  return { kind: "password", username, password: secret };
}

/** The host of a server as files write it: with or without a scheme, `/v1/` or `/v2/`. docker.io has many names. */
export function hostOfServer(server: string): string {
  const host = server
    .replace(/^https?:\/\//i, "")
    .split("/", 1)[0]!
    .toLowerCase();
  return host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host;
}

/** What CRI's AuthConfig and docker's X-Registry-Auth hold. */
export interface AuthConfig {
  readonly username?: string;
  readonly password?: string;
  /** Base64 of "username:password". */
  readonly auth?: string;
  readonly serverAddress?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

/** Splits base64 of "username:password". Docker pads the password with NUL bytes sometimes. */
export function decodeAuth(auth: string): { username: string; password: string } | undefined {
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0
    ? undefined
    : { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
}

/**
 * The credential that an AuthConfig means for `domain`: undefined where it is empty or for another server.
 * @throws {RuntError} InvalidArgument where `auth` cannot be read
 */
export function credentialFromAuthConfig(config: AuthConfig, domain: string): Credential | undefined {
  const {
    username = "",
    password = "",
    auth = "",
    serverAddress = "",
    identityToken,
    registryToken,
  } = config;
  if (serverAddress !== "" && hostOfServer(serverAddress) !== hostOfServer(domain)) return undefined;
  if (registryToken) return { kind: "registry-token", token: registryToken };
  if (identityToken) return { kind: "identity-token", token: identityToken };
  if (username !== "") return { kind: "password", username, password };
  if (auth === "") return undefined;
  const decoded = decodeAuth(auth);
  if (decoded !== undefined) return credentialOf(decoded.username, decoded.password);
  throw new RuntError("InvalidArgument", "auth must be base64 of username:password", {
    operation: "parse",
    subject: "auth",
  });
}
