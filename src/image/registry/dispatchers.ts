/** Connections, kept for further requests: one pool for each kind of TLS and each way through a proxy. */
import { Socket } from "node:net";
import type { buildConnector, Dispatcher } from "undici";
import { type HostTls, systemTls } from "./host.ts";
import { proxyFor } from "./proxy.ts";
import { trustFor } from "./trust.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** All connections of one client. Disposing it ends them, those too that do not stand yet. */
export class Dispatchers implements AsyncDisposable {
  readonly #environment: Environment;
  readonly #made = new Map<string, Promise<Dispatcher>>();
  readonly #sockets = new Set<Socket>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /**
   * What sends requests to the host of `url`.
   * @throws {RuntError} InvalidArgument for certificates that OpenSSL does not take
   */
  get(url: URL, tls: HostTls, connectTimeoutMs: number): Promise<Dispatcher> {
    const proxy = proxyFor(url, this.#environment);
    const secured = url.protocol === "https:" ? tls : undefined;
    const key = `${connectTimeoutMs} ${proxy?.href ?? ""} ${JSON.stringify(secured ?? null)}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const made =
      proxy === undefined
        ? this.#direct(secured, connectTimeoutMs)
        : this.#through(proxy, secured, connectTimeoutMs);
    this.#made.set(key, made);
    return made;
  }

  async #direct(tls: HostTls | undefined, timeout: number): Promise<Dispatcher> {
    const { Agent, buildConnector } = await import("undici");
    const connect = buildConnector({
      allowH2: false,
      timeout,
      ...this.#tlsOptions(tls),
    } as buildConnector.BuildOptions);
    return new Agent({
      ...common,
      connect: (options, callback) => this.#remember(connect(options, callback)),
    });
  }

  async #through(proxy: URL, tls: HostTls | undefined, connectTimeout: number): Promise<Dispatcher> {
    const { ProxyAgent } = await import("undici");
    const proxyTls = this.#tlsOptions(proxy.protocol === "https:" ? systemTls : undefined);
    return new ProxyAgent({
      ...common,
      uri: proxy.href,
      connectTimeout,
      requestTls: this.#tlsOptions(tls),
      proxyTls,
    });
  }

  #tlsOptions(tls: HostTls | undefined): object {
    if (tls === undefined) return {};
    return {
      secureContext: trustFor(tls, this.#environment),
      rejectUnauthorized: tls.verify === "certificate",
    };
  }

  /** A connector gives its socket before it is connected, though its type does not say so. */
  #remember(socket: unknown): void {
    if (!(socket instanceof Socket)) return;
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const made = await Promise.allSettled(this.#made.values());
    this.#made.clear();
    await Promise.all(made.map(async (one) => one.status === "fulfilled" && (await one.value.destroy())));
    // undici leaves alone what is still connecting, which would keep the process from ending.
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Time without progress is counted by the watchdog: undici would also count the time that we do not read. */
const common = { headersTimeout: 0, bodyTimeout: 0, allowH2: false };
