/**
 * Talks to one server of a registry: adds who we are, tries again, and finds out whether it speaks TLS. What
 * comes back is the server's final answer, whatever it is.
 */
import { Authorizer } from "./auth/authorizer.ts";
import { fetchToken } from "./auth/token.ts";
import { codeOf, saysPlainHttp } from "./connection-error.ts";
import { connectionFailure, type Task } from "./failure.ts";
import type { RegistryHost } from "./host.ts";
import type { RegistrySettings } from "./options.ts";
import { buffered, type HttpResponse, headersOf } from "./response.ts";
import { persist } from "./retry.ts";
import type { HttpRequest, Transport } from "./transport.ts";

/** A request to a server, relative to its base. */
export interface SessionRequest {
  readonly method: HttpRequest["method"];
  /** Below the base, or a whole URL that the server gave (the place of an upload, the next page). */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: NonNullable<HttpRequest["body"]>;
  /** What a token for it must allow. */
  readonly scopes: readonly string[];
  readonly task: Task;
  /** Reads the body of a good answer too before it counts as one, if it is no longer than this. */
  readonly limitBytes?: number;
  /** Tries in all; the settings' when absent. */
  readonly attempts?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a session is made from. */
export interface SessionSetup {
  readonly host: RegistryHost;
  /** The registry that the server is or stands for. A mirror's credentials are those of its own host. */
  readonly domain: string;
  /** The repository as this server calls it; credentials may be for a part of a registry. */
  readonly path: string;
  /** "mirror" for one of registries.conf, which has no namespace; "registry" unless said. */
  readonly standing?: "mirror" | "registry";
  readonly transport: Transport;
  readonly settings: RegistrySettings;
  /** "identity" has token servers give something to store in place of the password. */
  readonly purpose?: "access" | "identity";
}

/** More refusals than this mean that the server contradicts itself. */
const MOST_REFUSALS = 2;

/** One server, with what has been learnt about it. */
export class Session {
  /** Its scheme is the one that answered. */
  host: RegistryHost;
  /** Of the repository, at this server. */
  readonly path: string;
  /** Not a mirror of any kind. */
  readonly isOrigin: boolean;
  /** The last that a token server gave. */
  identityToken: string | undefined = undefined;
  readonly #transport: Transport;
  readonly #settings: RegistrySettings;
  readonly #authorizer: Authorizer;
  /** Whether the scheme is settled. */
  #answered = false;

  constructor(setup: SessionSetup) {
    const { host, domain, path, standing, transport, settings, purpose = "access" } = setup;
    this.host = host;
    this.path = path;
    this.isOrigin = host.namespace === undefined && standing !== "mirror";
    this.#transport = transport;
    this.#settings = settings;
    this.#authorizer = new Authorizer({
      credential: () => settings.credentials(host.namespace === undefined ? domain : host.base.host, path),
      token: async (request) => {
        const token = await fetchToken(
          { ...request, purpose, host: this.host },
          transport,
          settings.patience,
        );
        this.identityToken = token.identityToken ?? this.identityToken;
        return token;
      },
    });
  }

  /**
   * Sends a request until its answer is final.
   * @throws {RuntError} Unavailable where there is no answer; PermissionDenied where a token is refused; the
   *   signal's reason
   */
  async request(request: SessionRequest): Promise<HttpResponse> {
    const { patience } = this.#settings;
    const { limitBytes, task } = request;
    const send = async (): Promise<HttpResponse> => {
      const response = await this.#authorized(request);
      return limitBytes === undefined || response.status !== 200
        ? response
        : await buffered(response, limitBytes, task.subject);
    };
    try {
      return await persist(send, request.attempts ?? patience.attempts, patience, request.signal);
    } catch (error) {
      if (request.signal?.aborted) throw request.signal.reason;
      throw connectionFailure(error, task, this.host.base.host);
    }
  }

  async #authorized(request: SessionRequest): Promise<HttpResponse> {
    const { scopes, task, signal } = request;
    for (let refusals = 0; ; refusals++) {
      const sent = await this.#authorizer.header(scopes, task, signal);
      const response = await this.#overEitherScheme(request, sent);
      if (response.status !== 401 || refusals === MOST_REFUSALS) return response;
      // A redirect's own refusal says nothing about this server.
      const own = response.url.host === this.host.base.host;
      const headers = headersOf(response, "www-authenticate");
      if (!own || !this.#authorizer.challenged({ sent, refusals, scopes, task }, headers)) return response;
      if ((await this.#authorizer.header(scopes, task, signal)) === undefined) return response;
      await response.discard();
    }
  }

  async #overEitherScheme(request: SessionRequest, authorization: string | undefined): Promise<HttpResponse> {
    const { host } = this;
    try {
      const response = await this.#send(request, host, authorization);
      this.#answered = true;
      return response;
    } catch (error) {
      // Another request may have found out meanwhile.
      const plain = this.host === host ? this.#plainAlternative(error) : this.host;
      if (plain === undefined || request.signal?.aborted) throw error;
      const response = await this.#send(request, plain, authorization);
      this.host = plain;
      this.#answered = true;
      return response;
    }
  }

  /** The same server without TLS, where that may be and the error says that it has none. */
  #plainAlternative(error: unknown): RegistryHost | undefined {
    const { base, plainHttp } = this.host;
    if (this.#answered || plainHttp === "never" || base.protocol !== "https:") return undefined;
    const otherPort = base.port === "" && codeOf(error) === "ECONNREFUSED";
    if (!otherPort && !saysPlainHttp(error)) return undefined;
    const plain = new URL(base);
    plain.protocol = "http:";
    return { ...this.host, base: plain };
  }

  #send(
    request: SessionRequest,
    host: RegistryHost,
    authorization: string | undefined,
  ): Promise<HttpResponse> {
    const url =
      typeof request.target === "string" ? new URL(request.target, host.base) : new URL(request.target);
    // A server may name its upload places elsewhere; what is secret between us stays between us.
    const own = url.origin === host.base.origin;
    if (own && host.namespace !== undefined) url.searchParams.set("ns", host.namespace);
    return this.#transport.send({
      method: request.method,
      url,
      headers: {
        ...(own ? host.headers : {}),
        ...request.headers,
        ...(own && authorization !== undefined ? { authorization } : {}),
      },
      ...(request.body === undefined ? {} : { body: request.body }),
      tls: this.#transport.tlsFor(url, host),
      connectTimeoutMs: host.connectTimeoutMs,
      signal: request.signal,
    });
  }
}
