/**
 * Asks a token server for a token: by OAuth's form where there is something to prove, and by the older GET
 * where the server does not take that. @see distribution docs/spec/auth/token.md, oauth.md
 */

import { messageOf } from "../../../errors.ts";
import { TokenResponse } from "../../../spec/distribution/token.ts";
import { parseDocument } from "../../../spec/runtime/parse.ts";
import type { Credential } from "../credentials/credential.ts";
import { failure, refusal, type Task } from "../failure.ts";
import type { RegistryHost } from "../host.ts";
import type { Patience } from "../options.ts";
import { buffered, type HttpResponse, readSmall } from "../response.ts";
import { persist } from "../retry.ts";
import type { Transport } from "../transport.ts";

/** Who runt is to token servers. */
const CLIENT_ID = "runt";
const LONGEST_ANSWER = 1024 * 1024;
/** What a token is good for where its server does not say, in seconds. */
const DEFAULT_LIFETIME = 60;

/** A token and until when it is used. */
export interface Token {
  readonly value: string;
  /** On the clock of `performance.now()`, a little before the server's own end. */
  readonly expiresAtMs: number;
  /** What can be stored in place of a password, where one was asked for and given. */
  readonly identityToken: string | undefined;
}

/** What is asked, and of whom. */
export interface TokenRequest {
  /** From the challenge. */
  readonly realm: string;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly credential: Exclude<Credential, { kind: "registry-token" }> | undefined;
  /** "identity" also asks for a token that can stand for the password from now on. */
  readonly purpose: "access" | "identity";
  readonly host: RegistryHost;
  readonly task: Task;
}

/** Statuses by which a server says that it knows no POST, or that not like this. */
const tryGet = new Set([400, 401, 404, 405]);

/**
 * Gets a token.
 * @throws {RuntError} PermissionDenied where the server refuses; Unavailable where it does not answer
 */
export async function fetchToken(
  request: TokenRequest,
  transport: Transport,
  patience: Patience,
): Promise<Token> {
  const realm = checkRealm(request, transport);
  const { credential } = request;
  let response: HttpResponse | undefined;
  if (credential !== undefined) {
    response = await send(request, realm, formOf(request), undefined, transport, patience);
    if (credential.kind === "password" && tryGet.has(response.status)) {
      await response.discard();
      response = undefined;
    }
  }
  response ??= await send(
    request,
    queryOf(request, realm),
    undefined,
    basicOf(credential),
    transport,
    patience,
  );
  if (response.status !== 200) {
    // That the token server is not found does not mean that the image is not.
    const kind = response.status === 401 || response.status === 403 ? "PermissionDenied" : "Unavailable";
    throw await refusal(response, request.task, "the token server refuses", kind);
  }
  return await readToken(response, request.task);
}

/** A password must not be readable on its way because a registry says where it has to go. */
function checkRealm({ realm, credential, host, task }: TokenRequest, transport: Transport): URL {
  const url = URL.parse(realm);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:"))
    throw failure("Unavailable", task, `${host.base.host} names a token server that is no URL`);
  if (
    credential !== undefined &&
    url.protocol === "http:" &&
    host.base.protocol === "https:" &&
    !transport.mayBePlain(url)
  )
    throw failure(
      "PermissionDenied",
      task,
      `${host.base.host} wants the password sent to ${url.host} without encryption`,
    );
  return url;
}

function formOf({ credential, service, scopes, purpose }: TokenRequest): URLSearchParams {
  const form = new URLSearchParams({ client_id: CLIENT_ID });
  if (service !== undefined) form.set("service", service);
  if (scopes.length > 0) form.set("scope", scopes.join(" "));
  if (purpose === "identity") form.set("access_type", "offline");
  if (credential?.kind === "password") {
    form.set("grant_type", "password");
    form.set("username", credential.username);
    form.set("password", credential.password);
  } else if (credential !== undefined) {
    form.set("grant_type", "refresh_token");
    form.set("refresh_token", credential.token);
  }
  return form;
}

function queryOf({ credential, service, scopes, purpose }: TokenRequest, realm: URL): URL {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (credential?.kind === "password") url.searchParams.set("account", credential.username);
  if (purpose === "identity") {
    url.searchParams.set("client_id", CLIENT_ID);
    url.searchParams.set("offline_token", "true");
  }
  return url;
}

/** The Authorization header of a password; undefined for anybody without one. */
export function basicOf(credential: Credential | undefined): string | undefined {
  if (credential?.kind !== "password") return undefined;
  return `Basic ${Buffer.from(`${credential.username}:${credential.password}`).toString("base64")}`;
}

function send(
  { host }: TokenRequest,
  url: URL,
  form: URLSearchParams | undefined,
  authorization: string | undefined,
  transport: Transport,
  patience: Patience,
): Promise<HttpResponse> {
  const body = form === undefined ? undefined : new TextEncoder().encode(form.toString());
  // Several requests may wait for one token, so the end of one of them does not end this.
  return persist(
    async () => {
      const response = await transport.send({
        method: body === undefined ? "GET" : "POST",
        url,
        headers: {
          accept: "application/json",
          ...(url.host === host.base.host ? host.headers : {}),
          ...(authorization === undefined ? {} : { authorization }),
          ...(body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
        },
        ...(body === undefined ? {} : { body: bytes(body), redirects: "refuse" }),
        tls: transport.tlsFor(url, host),
      });
      return response.status === 200
        ? await buffered(response, LONGEST_ANSWER, `token from ${url.host}`)
        : response;
    },
    patience.attempts,
    patience,
    undefined,
  );
}

function bytes(body: Uint8Array): { length: number; open(): AsyncIterable<Uint8Array> } {
  return {
    length: body.length,
    async *open() {
      yield body;
    },
  };
}

async function readToken(response: HttpResponse, task: Task): Promise<Token> {
  const where = `token from ${response.url.host}`;
  const text = new TextDecoder().decode(await readSmall(response, LONGEST_ANSWER, where));
  const answer = parseToken(text, where, task);
  const value = answer.access_token ?? answer.token;
  if (value === undefined || !/^[\x21-\x7e]+$/.test(value))
    throw failure("Unavailable", task, `${response.url.host} answered without a token`);
  const seconds = answer.expires_in || DEFAULT_LIFETIME;
  return { value, expiresAtMs: performance.now() + seconds * 900, identityToken: answer.refresh_token };
}

function parseToken(text: string, where: string, task: Task): TokenResponse {
  try {
    return parseDocument(TokenResponse, text, { where, operation: task.operation });
  } catch (cause) {
    throw failure("Unavailable", task, messageOf(cause), undefined, cause);
  }
}
