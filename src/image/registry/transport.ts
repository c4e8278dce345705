/**
 * Sends single requests: connections with their TLS, proxies and time limits, and redirects. Knows HTTP, not
 * registries: nothing here reads what a body says or tries twice.
 */
import type { Readable } from "node:stream";
import { abortable } from "./abortable.ts";
import { Dispatchers } from "./dispatchers.ts";
import { type HostTls, isLoopback, systemTls } from "./host.ts";
import type { RegistrySettings } from "./options.ts";
import type { HttpResponse } from "./response.ts";
import { Watchdog } from "./watchdog.ts";

/** What is sent. `body` is called once for each time it is sent: again after a redirect. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: { readonly length: number; open(): AsyncIterable<Uint8Array> };
  /** TLS of the host that the URL names; another host that a redirect leads to gets none of our keys. */
  readonly tls: HostTls;
  readonly connectTimeoutMs?: number | undefined;
  /** "refuse" gives the redirect itself as the answer: for a body that holds a secret. */
  readonly redirects?: "follow" | "refuse";
  readonly signal?: AbortSignal | undefined;
}

const MOST_REDIRECTS = 10;

/** Headers that go along to another origin. All others, secrets among them, are for the host they were made for. */
const PUBLIC_HEADERS = new Set([
  "accept",
  "accept-encoding",
  "range",
  "if-range",
  "content-type",
  "content-range",
]);

/** A redirect that is not followed. `code` tells it from a failing connection. */
export class RedirectError extends Error {
  readonly code = "ERR_REDIRECT";
}

/** All connections of one client. Disposing it ends them. */
export class Transport {
  readonly #settings: RegistrySettings;
  readonly #dispatchers: Dispatchers;

  constructor(settings: RegistrySettings) {
    this.#settings = settings;
    this.#dispatchers = new Dispatchers(settings.environment);
  }

  /**
   * Sends a request and follows redirects; resolves when the headers of the answer are there, whatever its
   * status. `Authorization` and the host's own headers stay with the origin they are for.
   * @throws the connection's error, a StallError or RedirectError; the signal's reason
   */
  async send(request: HttpRequest): Promise<HttpResponse> {
    let { url, headers, tls } = request;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#sendOnce({ ...request, url, headers, tls });
      if (request.redirects === "refuse") return response;
      const target = redirectTarget(request.method, response);
      if (target === undefined) return response;
      await response.discard();
      if (redirects === MOST_REDIRECTS) throw new RedirectError(`more than ${MOST_REDIRECTS} redirects`);
      this.#check(url, target);
      if (target.origin !== url.origin) headers = onlyPublic(headers);
      tls = this.tlsFor(target, { base: request.url, tls: request.tls });
      url = target;
    }
  }

  /** TLS for `url` when something that `host` said leads there. */
  tlsFor(url: URL, host: { readonly base: URL; readonly tls: HostTls }): HostTls {
    return url.hostname === host.base.hostname
      ? host.tls
      : { ...systemTls, authorities: host.tls.authorities };
  }

  /** Whether the user has asked not to insist on TLS with this host. */
  mayBePlain(url: URL): boolean {
    const { insecure } = this.#settings;
    return (
      isLoopback(url.hostname) || insecure.has("*") || insecure.has(url.host) || insecure.has(url.hostname)
    );
  }

  #check(from: URL, to: URL): void {
    if (to.protocol !== "https:" && to.protocol !== "http:")
      throw new RedirectError(`redirected to ${to.protocol}, which is not HTTP`);
    if (from.protocol === "https:" && to.protocol === "http:" && !this.mayBePlain(to))
      throw new RedirectError(`redirected from HTTPS to plain HTTP at ${to.host}`);
  }

  async #sendOnce({
    method,
    url,
    headers,
    body,
    tls,
    connectTimeoutMs,
    signal,
  }: HttpRequest): Promise<HttpResponse> {
    const { request } = await import("undici");
    const { patience, userAgent } = this.#settings;
    const dispatcher = await this.#dispatchers.get(url, tls, connectTimeoutMs ?? patience.connectTimeoutMs);
    const watchdog = new Watchdog(patience.stallTimeoutMs, signal);
    const sending = { done: false };
    watchdog.arm();
    const answer = request(url, {
      method,
      headers: {
        "user-agent": userAgent,
        ...headers,
        ...(body === undefined ? {} : { "content-length": String(body.length) }),
      },
      dispatcher,
      signal: watchdog.signal,
      ...(body === undefined ? {} : { body: fed(body.open(), watchdog, sending) as unknown as Readable }),
    });
    try {
      // undici hears of the signal only when there is a connection.
      const { statusCode, headers: received, body: stream } = await abortable(watchdog.signal, answer);
      // An aborted request reports here too, when nobody reads any more.
      stream.on("error", () => {});
      const discard = async (): Promise<void> => void stream.destroy();
      return { status: statusCode, headers: received, url, body: watched(stream, watchdog), discard };
    } finally {
      sending.done = true;
      watchdog.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatchers[Symbol.asyncDispose]();
  }
}

function onlyPublic(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => PUBLIC_HEADERS.has(name)));
}

/** Where a response sends a request on to. A body is only sent on by 307 and 308, which say "the same again". */
function redirectTarget(method: string, response: HttpResponse): URL | undefined {
  const reads = method === "GET" || method === "HEAD";
  const follows = reads ? [301, 302, 303, 307, 308] : [307, 308];
  const { location } = response.headers;
  if (!follows.includes(response.status) || typeof location !== "string") return undefined;
  const target = URL.parse(location, response.url);
  if (target === null) throw new RedirectError("redirected to what is not a URL");
  return target;
}

/** A body on its way out: that the server takes the next chunk is progress. */
async function* fed(
  source: AsyncIterable<Uint8Array>,
  watchdog: Watchdog,
  sending: { readonly done: boolean },
): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    yield chunk;
    if (!sending.done) watchdog.arm();
  }
}

/** A body on its way in: only the wait for the next chunk counts. */
async function* watched(source: AsyncIterable<Uint8Array>, watchdog: Watchdog): AsyncIterable<Uint8Array> {
  try {
    watchdog.arm();
    for await (const chunk of source) {
      watchdog.rest();
      yield chunk;
      watchdog.arm();
    }
  } finally {
    watchdog.end();
  }
}
