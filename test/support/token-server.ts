/**
 * A token server as registries send their clients to: checks a password or a refresh token, and signs what
 * the client may do. The registry checks the signature by the certificate that the token carries.
 * @see distribution docs/spec/auth/token.md, oauth.md, jwt.md
 */
import { createPrivateKey, randomUUID, sign, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { KeyPair } from "./certificates.ts";

/** How the server is set up. */
export interface TokenServerSetup {
  /** Signs the tokens; its issuer is what the registry trusts. */
  readonly signer: KeyPair;
  /** TLS with this certificate; plain HTTP when absent. */
  readonly keyPair?: KeyPair;
  readonly user?: { readonly name: string; readonly password: string };
  /** Whether it knows OAuth's form; 405 else. */
  readonly oauth: "yes" | "no";
  /** What somebody without a password may do. */
  readonly anonymousActions: readonly string[];
  /** In seconds; the field is left out where it is 0. */
  readonly lifetime: number;
}

/** A request for a token as it came. */
export interface SeenTokenRequest {
  readonly method: string;
  readonly parameters: URLSearchParams;
  readonly authorization: string | undefined;
}

export const SERVICE = "registry of the test, with a comma";
export const ISSUER = "token server of the test";

/** A running token server. */
export interface TokenServer extends AsyncDisposable {
  readonly url: URL;
  readonly seen: SeenTokenRequest[];
  /** Refresh tokens that it has given out. */
  readonly refreshTokens: Set<string>;
}

/** Starts a token server; resolves when it listens. */
export async function startTokenServer(setup: TokenServerSetup): Promise<TokenServer> {
  const { keyPair } = setup;
  const server =
    keyPair === undefined ? createServer() : createHttpsServer({ cert: keyPair.cert, key: keyPair.key });
  const seen: SeenTokenRequest[] = [];
  const refreshTokens = new Set<string>();
  server.on("request", (request, response) => {
    const { method = "GET", headers } = request;
    parametersOf(request).then(
      (parameters) => {
        seen.push({ method, parameters, authorization: headers.authorization });
        answer(setup, refreshTokens, { method, parameters, authorization: headers.authorization }, response);
      },
      () => response.destroy(), // who asks has gone
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const scheme = keyPair === undefined ? "http" : "https";
  return {
    url: new URL(`${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/token`),
    seen,
    refreshTokens,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

async function parametersOf(request: IncomingMessage): Promise<URLSearchParams> {
  if (request.method !== "POST") return new URL(request.url ?? "/", "http://localhost").searchParams;
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

function answer(
  { signer, user, oauth, anonymousActions, lifetime }: TokenServerSetup,
  refreshTokens: Set<string>,
  { method, parameters, authorization }: SeenTokenRequest,
  response: ServerResponse,
): void {
  const reply = (status: number, body: object): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  if (method === "POST" && oauth === "no") {
    reply(405, { errors: [{ code: "UNSUPPORTED", message: "no POST" }] });
    return;
  }
  const basic = user && `Basic ${Buffer.from(`${user.name}:${user.password}`).toString("base64")}`;
  const isUser =
    method === "POST"
      ? (parameters.get("grant_type") === "password" &&
          parameters.get("username") === user?.name &&
          parameters.get("password") === user?.password) ||
        (parameters.get("grant_type") === "refresh_token" &&
          refreshTokens.has(parameters.get("refresh_token") ?? ""))
      : authorization !== undefined && authorization === basic;
  if (!isUser && (method === "POST" || authorization !== undefined)) {
    reply(401, { errors: [{ code: "UNAUTHORIZED", message: "incorrect username or password" }] });
    return;
  }
  const scopes = parameters
    .getAll("scope")
    .flatMap((scope) => scope.split(" "))
    .filter((scope) => scope !== "");
  const access = scopes.map((scope) => {
    const [type, name, actions = ""] = scope.split(":");
    const allowed = actions.split(",").filter((action) => isUser || anonymousActions.includes(action));
    return { type, name, actions: allowed };
  });
  const token = signToken(signer, access, lifetime || 60);
  const offline = parameters.get("access_type") === "offline" || parameters.get("offline_token") === "true";
  const refresh = offline && isUser && oauth === "yes" ? randomUUID() : undefined;
  if (refresh !== undefined) refreshTokens.add(refresh);
  reply(200, {
    ...(method === "POST" ? { access_token: token } : { token }),
    ...(lifetime === 0 ? {} : { expires_in: lifetime }),
    ...(refresh === undefined ? {} : { refresh_token: refresh }),
  });
}

function signToken({ cert, key }: KeyPair, access: object, lifetime: number): string {
  const now = Math.floor(Date.now() / 1000);
  const header = { typ: "JWT", alg: "ES256", x5c: [new X509Certificate(cert).raw.toString("base64")] };
  const claims = {
    iss: ISSUER,
    aud: SERVICE,
    sub: "",
    exp: now + lifetime,
    nbf: now - 10,
    iat: now,
    jti: randomUUID(),
    access,
  };
  const text = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = sign("sha256", Buffer.from(text), {
    key: createPrivateKey(key),
    dsaEncoding: "ieee-p1363",
  });
  return `${text}.${signature.toString("base64url")}`;
}
