/** A tar at a URL, from a web server that does what web servers do, and becomes an image by `importFile`. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, describe, expect, test } from "vitest";
import { type DownloadOptions, download, isUrl } from "../../src/image/download.ts";
import type { ImageProgress } from "../../src/image/progress.ts";
import { Authority } from "../support/certificates.ts";
import { hasty, TemporaryDirectory } from "./registry/fixture.ts";

const body = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i % 251));

/** A server whose answers are told one by one; the last counts for all that follow. */
class Web implements AsyncDisposable {
  readonly seen: IncomingMessage["headers"][] = [];
  readonly #server;
  readonly #scheme: string;

  private constructor(server: ReturnType<typeof createServer>, scheme: string) {
    this.#server = server;
    this.#scheme = scheme;
  }

  static async start(
    answers: readonly ((request: IncomingMessage, response: ServerResponse) => void)[],
    tls?: { cert: string; key: string },
  ): Promise<Web> {
    const server = tls ? createSecureServer(tls) : createServer();
    const web = new Web(server as ReturnType<typeof createServer>, tls ? "https" : "http");
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      web.seen.push(request.headers);
      answers[Math.min(web.seen.length, answers.length) - 1]!(request, response);
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    return web;
  }

  url(path = "/a/root.tar", host = "127.0.0.1"): string {
    return `${this.#scheme}://${host}:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const whole: Answer = (_request, response) => response.end(body);
const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    response.writeHead(code, headers).end("no");

/** The beginning, and then the connection is gone. */
const half =
  (headers: Record<string, string>): Answer =>
  (_request, response) => {
    response.writeHead(200, { ...headers, "content-length": body.length });
    response.write(body.subarray(0, 1_000_000), () => setTimeout(() => response.destroy(), 50));
  };

/** What a range asks for, as long as its condition holds. */
const ranged =
  (tag: string): Answer =>
  ({ headers }, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1]);
    if (headers["if-range"] !== tag) return void response.writeHead(200, { etag: tag }).end(body);
    response.writeHead(206, { "content-range": `bytes ${from}-${body.length - 1}/${body.length}` });
    response.end(body.subarray(from));
  };

const patient = { ...hasty, attempts: 3 };

async function bytesOf(
  url: string,
  options: Partial<DownloadOptions> = {},
  patience = patient,
): Promise<Buffer> {
  const registry = { patience, environment: {}, credentials: async () => undefined };
  const chunks: Buffer[] = [];
  for await (const chunk of download(url, { operation: "import", registry, ...options }).bytes) {
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}

describe("a file at a URL", () => {
  test("comes whole, and says how far it is", async () => {
    await using web = await Web.start([whole]);
    const told: ImageProgress[] = [];
    expect((await bytesOf(web.url(), { onProgress: (one) => told.push(one) })).equals(body)).toBe(true);
    const [first, last] = [told[0], told.at(-1)];
    expect(first).toEqual({
      type: "download",
      name: web.url(),
      status: "downloading",
      current: 0,
      total: body.length,
    });
    expect(last).toMatchObject({ status: "downloaded", current: body.length });
    expect(told.length).toBeGreaterThan(3);
    expect(told.length).toBeLessThan(20);
  });

  test("a lost connection is taken up where it ended, if it still is the same file", async () => {
    await using web = await Web.start([half({ etag: '"1"' }), status(503), ranged('"1"')]);
    expect((await bytesOf(web.url())).equals(body)).toBe(true);
    expect(web.seen).toHaveLength(3);
    expect(web.seen[2]!["if-range"]).toBe('"1"');
    expect(Number(/\d+/.exec(web.seen[2]!.range!)![0])).toBeGreaterThan(0);
  });

  test("a server without ranges sends it again, and what is here is passed over", async () => {
    const since = { "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT" };
    const again: Answer = (_request, response) => response.writeHead(200, since).end(body);
    await using web = await Web.start([half(since), again]);
    expect((await bytesOf(web.url())).equals(body)).toBe(true);
  });

  test("another file than the one that was begun is not added to it", async () => {
    await using web = await Web.start([half({ etag: '"1"' }), ranged('"2"')]);
    await expect(bytesOf(web.url())).rejects.toMatchObject({
      kind: "Unavailable",
      message: expect.stringContaining("it has changed while it was downloaded"),
    });
  });

  test("without a way to tell whether it is the same, a lost connection is the end", async () => {
    await using web = await Web.start([half({ etag: 'W/"1"' }), whole]);
    await expect(bytesOf(web.url())).rejects.toMatchObject({ kind: "Unavailable" });
    expect(web.seen).toHaveLength(1);
  });

  test.each([
    [404, "NotFound", /^cannot download http:\/\/127.*\/a\/root\.tar: not found \(127.* answered 404\)$/],
    [403, "PermissionDenied", /access denied/],
    [401, "PermissionDenied", /a user name and password are wanted/],
    [503, "Unavailable", /answered 503/],
    [418, "FailedPrecondition", /answered 418/],
  ] as const)("%d is %s", async (code, kind, message) => {
    await using web = await Web.start([status(code)]);
    await expect(bytesOf(web.url())).rejects.toMatchObject({ kind, message: expect.stringMatching(message) });
    expect(web.seen).toHaveLength(code === 503 ? 3 : 1);
  });

  test("a server that stands still is left; nobody there is said", async () => {
    const silent: Answer = (_request, response) => void response.writeHead(200).write("x");
    await using web = await Web.start([silent]);
    await expect(bytesOf(web.url(), {}, { ...patient, stallTimeoutMs: 700 })).rejects.toMatchObject({
      message: expect.stringContaining("no progress for 700 ms"),
    });
    await expect(bytesOf("http://127.0.0.1:1/x")).rejects.toMatchObject({
      message: expect.stringContaining("connection refused"),
    });
    const stop = new AbortController();
    const running = bytesOf(web.url(), { signal: stop.signal });
    setTimeout(() => stop.abort(new Error("enough")), 100);
    await expect(running).rejects.toThrow("enough");
  });

  test("user and password go to the server that they are for, and into no message", async () => {
    await using other = await Web.start([whole]);
    await using web = await Web.start([status(302, { location: other.url("/b?token=1", "localhost") })]);
    const url = web.url("/a?secret=2").replace("://", "://me:pa%20ss@");
    expect((await bytesOf(url)).equals(body)).toBe(true);
    expect(web.seen[0]!.authorization).toBe(`Basic ${Buffer.from("me:pa ss").toString("base64")}`);
    expect(other.seen[0]!.authorization).toBeUndefined();
    // A "%" that escapes nothing stands for itself, as curl has it.
    await using odd = await Web.start([whole]);
    expect((await bytesOf(odd.url().replace("://", "://me:50%off@"))).equals(body)).toBe(true);
    expect(odd.seen[0]!.authorization).toBe(`Basic ${Buffer.from("me:50%off").toString("base64")}`);
    await using none = await Web.start([status(404)]);
    const refused = await bytesOf(none.url("/a?secret=2").replace("://", "://me:pass@")).catch(String);
    expect(refused).toMatch(/not found/);
    expect(refused).not.toMatch(/pass|secret/);
  });

  test("a circle of redirects ends", async () => {
    await using web = await Web.start([status(302, { location: "/a/root.tar" })]);
    await expect(bytesOf(web.url())).rejects.toMatchObject({
      message: expect.stringContaining("more than 10 redirects"),
    });
  });

  describe("by TLS", () => {
    const directory = new TemporaryDirectory();
    afterAll(() => directory[Symbol.dispose]());

    test("the certificate must be of an authority of the machine; and nothing leads on to plain HTTP", async () => {
      const authority = new Authority(directory.path);
      const pair = authority.issue("localhost", "127.0.0.1");
      await using web = await Web.start([whole], { cert: pair.cert, key: pair.key });
      const refused = { message: expect.stringContaining("the certificate is not trusted") };
      await expect(bytesOf(web.url())).rejects.toMatchObject(refused);
      const environment = { SSL_CERT_FILE: authority.certFile };
      const registry = { patience: hasty, environment, credentials: async () => undefined };
      expect((await bytesOf(web.url(), { registry })).equals(body)).toBe(true);
      await using down = await Web.start([status(302, { location: "http://192.0.2.1/x" })], {
        cert: pair.cert,
        key: pair.key,
      });
      await expect(bytesOf(down.url(), { registry })).rejects.toMatchObject({
        message: expect.stringContaining("from HTTPS to plain HTTP"),
      });
    });
  });

  test("is what begins with http:// or https://, and what is no URL is refused before anything is done", () => {
    expect(["http://x", "HTTPS://x/y", "./http:/x", "-", "ftp://x"].map(isUrl)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(() => download("http://", { operation: "import" })).toThrow(/is not a URL/);
  });
});
