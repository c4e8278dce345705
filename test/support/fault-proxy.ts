/**
 * A reverse proxy before a registry that does wrong what it is told to: once or always, for one kind of
 * request. It also keeps a list of what was asked, so that a test can see what a client sends to whom.
 */

import { once } from "node:events";
import {
  createServer as createHttpServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer, request as httpsRequest } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { KeyPair } from "./certificates.ts";

/** The kinds of request that a client makes of a registry and its token server. */
export const requestKinds = [
  "ping",
  "token",
  "manifest-head",
  "manifest-get",
  "manifest-put",
  "config-get",
  "layer-get",
  "blob-head",
  "upload-post",
  "upload-patch",
  "upload-status",
  "upload-put",
  "tags",
  "other",
] as const;
export type RequestKind = (typeof requestKinds)[number];

/** What goes wrong. */
export type Fault =
  /** The connection ends before an answer, or after the first bytes of the request's body. */
  | "drop"
  /** The connection ends in the middle of the answer's body. */
  | "drop-midway"
  /** No answer, and no end either. */
  | "stall"
  /** Half the answer's body, then nothing. */
  | "stall-midway"
  /** One bit of the answer's body, and its digest header, are not as they were. */
  | "wrong-digest"
  /** One byte too many, and a header that says so. */
  | "wrong-length"
  /** One byte too few, in an answer that ends as if that were all. */
  | "truncated"
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };

/** One request as it came. */
export interface SeenRequest {
  readonly kind: RequestKind;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
}

/** How the proxy is set up. */
export interface FaultProxySetup {
  /** The registry. A function where it starts after the proxy, whose address it has to know. */
  readonly target: URL | (() => URL);
  /** The authority of the target's certificate. */
  readonly targetAuthority?: string;
  /** Requests to `/token` go here instead. */
  readonly tokenServer?: URL;
  /** TLS with this certificate; plain HTTP when absent. */
  readonly keyPair?: KeyPair;
}

interface Rule {
  readonly kind: RequestKind;
  readonly fault: Fault;
  left: number;
}

/** A running proxy. Disposing it ends its connections. */
export class FaultProxy implements AsyncDisposable {
  /** "127.0.0.1:PORT". */
  readonly domain: string;
  readonly url: URL;
  /** All requests, in the order in which they came. */
  readonly seen: SeenRequest[] = [];
  readonly #setup: FaultProxySetup;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  readonly #configs = new Set<string>();
  #rules: Rule[] = [];

  private constructor(setup: FaultProxySetup, server: Server, sockets: Set<Socket>) {
    this.#setup = setup;
    this.#server = server;
    this.#sockets = sockets;
    this.domain = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.url = new URL(`${setup.keyPair === undefined ? "http" : "https"}://${this.domain}`);
    server.on("request", (request, response) => this.#serve(request, response));
  }

  /** Starts a proxy; resolves when it listens. */
  static async start(setup: FaultProxySetup): Promise<FaultProxy> {
    const { keyPair } = setup;
    const server =
      keyPair === undefined
        ? createHttpServer()
        : createHttpsServer({ cert: keyPair.cert, key: keyPair.key });
    const sockets = new Set<Socket>();
    const remember = (socket: Socket): void => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    };
    server.on("connection", remember).on("secureConnection", remember);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FaultProxy(setup, server, sockets);
  }

  /** The next `times` requests of the kind go wrong in this way; faults for one kind are used up in turn. */
  fail(kind: RequestKind, fault: Fault, times = Number.POSITIVE_INFINITY): this {
    this.#rules.push({ kind, fault, left: times });
    return this;
  }

  /** Nothing goes wrong any more, and nothing has been seen. */
  reset(): void {
    this.#rules = [];
    this.seen.length = 0;
  }

  /** Tells configs from layers: requests for blobs of other digests are of the kind "layer-get". */
  markConfig(digest: string): void {
    this.#configs.add(digest);
  }

  /** How many requests of a kind there were. */
  count(kind: RequestKind): number {
    return this.seen.filter((request) => request.kind === kind).length;
  }

  #kindOf(method: string, path: string): RequestKind {
    if (path.startsWith("/token")) return "token";
    if (/^\/v2\/?$/.test(path)) return "ping";
    if (/\/tags\/list$/.test(path)) return "tags";
    if (/\/manifests\/[^/]+$/.test(path)) {
      return method === "HEAD" ? "manifest-head" : method === "PUT" ? "manifest-put" : "manifest-get";
    }
    if (/\/blobs\/uploads\//.test(path)) {
      const kinds: Readonly<Record<string, RequestKind>> = {
        POST: "upload-post",
        PATCH: "upload-patch",
        PUT: "upload-put",
      };
      return kinds[method] ?? "upload-status";
    }
    const digest = /\/blobs\/([^/]+)$/.exec(path)?.[1];
    if (digest === undefined) return "other";
    return method === "HEAD"
      ? "blob-head"
      : this.#configs.has(decodeURIComponent(digest))
        ? "config-get"
        : "layer-get";
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { method = "GET", url = "/", headers } = request;
    const kind = this.#kindOf(method, url.split("?", 1)[0]!);
    this.seen.push({ kind, method, url, headers });
    const rule = this.#rules.find((rule) => rule.kind === kind && rule.left > 0);
    if (rule === undefined) {
      this.#forward(request, response, kind, undefined);
      return;
    }
    rule.left -= 1;
    const { fault } = rule;
    if (fault === "drop") {
      // A body is let begin, so that the client is in the middle of sending it.
      if (Number(headers["content-length"] ?? 0) === 0) request.socket.destroy();
      else request.once("data", () => request.socket.destroy());
    } else if (fault === "stall") request.pause();
    else if (typeof fault === "object") {
      request.resume();
      response.writeHead(fault.status, { "content-type": "application/json", ...fault.headers });
      response.end(
        fault.body ?? JSON.stringify({ errors: [{ code: "FAULT", message: "as the test wants it" }] }),
      );
    } else this.#forward(request, response, kind, fault);
  }

  #forward(
    request: IncomingMessage,
    response: ServerResponse,
    kind: RequestKind,
    fault: Fault | undefined,
  ): void {
    const { target, targetAuthority, tokenServer } = this.#setup;
    const registry = typeof target === "function" ? target() : target;
    const base = kind === "token" && tokenServer !== undefined ? tokenServer : registry;
    const url = new URL(request.url ?? "/", base);
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const headers = { ...request.headers, host: base.host };
    const onward = send(
      url,
      { method: request.method, headers, agent: false, ca: targetAuthority },
      (answer) => {
        if (fault === undefined) {
          response.writeHead(answer.statusCode!, answer.headers);
          answer.pipe(response);
        } else {
          // The client may go away while the answer comes.
          spoil(answer, response, fault).catch(() => response.destroy());
        }
      },
    );
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }
}

async function spoil(answer: IncomingMessage, response: ServerResponse, fault: Fault): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const { "content-length": length, "transfer-encoding": _, ...headers } = answer.headers;
  const half = body.subarray(0, body.length >> 1);
  const status = answer.statusCode!;
  const write = (lengthHeader: string | undefined, digest?: string): void => {
    response.writeHead(status, {
      ...headers,
      ...(lengthHeader === undefined ? {} : { "content-length": lengthHeader }),
      ...(digest === undefined || headers["docker-content-digest"] === undefined
        ? {}
        : { "docker-content-digest": digest }),
    });
  };
  if (fault === "drop-midway" || fault === "stall-midway") {
    write(length ?? String(body.length));
    response.write(half, () => fault === "drop-midway" && setTimeout(() => response.socket?.destroy(), 20));
  } else if (fault === "wrong-digest") {
    if (body.length > 0) body[body.length >> 1]! ^= 1;
    write(length ?? String(body.length), `sha256:${"0".repeat(64)}`);
    response.end(body);
  } else if (fault === "wrong-length") {
    write(String(Number(length ?? body.length) + 1));
    if (body.length === 0) response.end();
    else response.end(Buffer.concat([body, Buffer.from(" ")]));
  } else if (fault === "truncated") {
    write(undefined);
    response.end(body.subarray(0, -1));
  }
}
