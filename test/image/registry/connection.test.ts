import { once } from "node:events";
import { createServer as createHttpServer, request as httpRequest } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { parseReference } from "../../../src/image/reference/reference.ts";
import { Authority } from "../../support/certificates.ts";
import { needs } from "../../support/needs.ts";
import { startRegistry } from "../../support/registry.ts";
import { clientFor, failureOf, TemporaryDirectory, TestImage } from "./fixture.ts";

const withRegistry = needs("program:docker-registry", "program:openssl");

describe("TLS", () => {
  withRegistry("of an unknown authority is refused with what to do", async () => {
    using directory = new TemporaryDirectory();
    const authority = new Authority(`${directory.path}/1`);
    const other = new Authority(`${directory.path}/2`, "somebody else");
    await using registry = await startRegistry({ authority });
    const { domain } = registry;
    const hostDirectories = [directory.trust(domain, other.certFile)];
    await using client = await clientFor(`${domain}/app`, { hostDirectories });
    expect(await failureOf(client.ping())).toMatchObject({
      kind: "Unavailable",
      message: expect.stringMatching(/: the certificate of 127\.0\.0\.1:\d+ is not trusted: /),
      site: { hint: `put its authority into /etc/runt/certs.d/${domain}/ca.crt` },
    });
    await using asked = await clientFor(`${domain}/app`, { hostDirectories, insecure: [domain] });
    await asked.ping();
    await using here = await clientFor(`${domain}/app`);
    await here.ping();
    await using known = await clientFor(`${domain}/app`, {
      environment: { SSL_CERT_FILE: authority.certFile },
      hostDirectories,
    });
    await known.ping();
  });

  withRegistry("for another name is refused", async () => {
    using directory = new TemporaryDirectory();
    const authority = new Authority(directory.path);
    await using registry = await startRegistry({ authority });
    const domain = registry.domain.replace("127.0.0.1", "a.localhost");
    const hostDirectories = [directory.trust(domain, authority.certFile)];
    await using client = await clientFor(`${domain}/app`, { hostDirectories });
    const failure = await failureOf(client.ping());
    expect(failure).toMatchObject({ kind: "Unavailable" });
    // Where the name service knows no a.localhost, that comes first.
    expect(failure.message).toMatch(/altnames|no such host/);
  });

  withRegistry("with a certificate of ours, where the registry wants one", async () => {
    using directory = new TemporaryDirectory();
    const authority = new Authority(directory.path);
    await using registry = await startRegistry({ authority, clientAuthority: authority });
    const { domain } = registry;
    const hostDirectories = [directory.trust(domain, authority.certFile)];
    await using stranger = await clientFor(`${domain}/app`, { hostDirectories, patience: { attempts: 1 } });
    expect(await failureOf(stranger.ping())).toMatchObject({ kind: "Unavailable" });
    const { cert, key } = authority.issue();
    directory.write(`certs.d/${domain}/us.cert`, cert);
    directory.write(`certs.d/${domain}/us.key`, key);
    await using client = await clientFor(`${domain}/app`, { hostDirectories });
    const image = new TestImage(1000);
    await image.push(client, "1");
    await image.pull(client, "1");
  });

  withRegistry("certificates that are none are an error that says so", async () => {
    using directory = new TemporaryDirectory();
    const authority = new Authority(directory.path);
    await using registry = await startRegistry({ authority });
    directory.write(`certs.d/${registry.domain}/us.cert`, "no certificate");
    directory.write(`certs.d/${registry.domain}/us.key`, "no key");
    await using client = await clientFor(`${registry.domain}/app`, {
      hostDirectories: [`${directory.path}/certs.d`],
    });
    expect(await failureOf(client.ping())).toMatchObject({
      kind: "InvalidArgument",
      message: expect.stringContaining("TLS certificates are not usable"),
    });
  });
});

describe("without TLS", () => {
  withRegistry("this machine's registry is found out to have none", async () => {
    await using registry = await startRegistry();
    await using client = await clientFor(`${registry.domain}/app`);
    const image = new TestImage(1000);
    await image.push(client, "1");
    await image.pull(client, "1");
  });

  withRegistry("a registry whose configuration says https is not spoken to in plain", async () => {
    await using registry = await startRegistry();
    using directory = new TemporaryDirectory();
    directory.write(`${registry.domain}/hosts.toml`, `server = "https://${registry.domain}"`);
    await using client = await clientFor(`${registry.domain}/app`, { hostDirectories: [directory.path] });
    expect(await failureOf(client.ping())).toMatchObject({ kind: "Unavailable" });
  });
});

describe("connections that do not come to be", () => {
  test("name the host and what is wrong", async () => {
    await using refused = await clientFor("127.0.0.1:1/app", { patience: { attempts: 2 } });
    expect(await failureOf(refused.resolve(parseReference("127.0.0.1:1/app:1")))).toMatchObject({
      kind: "Unavailable",
      message: "127.0.0.1:1/app:1: 127.0.0.1:1: connection refused",
      site: { code: "ECONNREFUSED" },
    });
    await using unknown = await clientFor("no-such-host.invalid/app");
    expect((await failureOf(unknown.ping())).message).toMatch(
      /no-such-host\.invalid: (no such host|the name service)/,
    );
  });

  test("a server that takes the connection and says nothing is left", async () => {
    const server = createServer(() => {});
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const domain = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await using client = await clientFor(`${domain}/app`, {
      patience: { attempts: 1, connectTimeoutMs: 200 },
    });
    expect(await failureOf(client.ping())).toMatchObject({ kind: "Unavailable" });
    const controller = new AbortController();
    const reason = new Error("enough");
    await using slow = await clientFor(`${domain}/app`, {
      patience: { connectTimeoutMs: 1e6, stallTimeoutMs: 1e6 },
    });
    server.once("connection", () => controller.abort(reason));
    await expect(slow.ping(controller.signal)).rejects.toBe(reason);
    server.close();
  });
});

describe("proxies", () => {
  /** A proxy for CONNECT and for whole URLs, which sends everything to one registry and remembers what was asked. */
  async function startProxy(registry: URL) {
    const seen: string[] = [];
    const server = createHttpServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] !== undefined}`);
      const path = new URL(request.url!).pathname;
      const onward = httpRequest(
        new URL(path, registry),
        { method: request.method, headers: request.headers },
        (answer) => {
          response.writeHead(answer.statusCode!, answer.headers);
          answer.pipe(response);
        },
      );
      onward.on("error", () => response.destroy());
      request.pipe(onward);
    });
    const sockets = new Set<{ destroy(): void }>();
    server.on("connect", (request, socket) => {
      seen.push(`CONNECT ${request.url} ${request.headers["proxy-authorization"] !== undefined}`);
      const onward = connect(Number(registry.port), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        onward.pipe(socket).pipe(onward);
      });
      for (const end of [socket, onward]) end.on("error", () => {}) && sockets.add(end);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return {
      url: `http://me:secret@127.0.0.1:${(server.address() as AddressInfo).port}`,
      seen,
      async [Symbol.asyncDispose]() {
        for (const socket of sockets) socket.destroy();
        server.closeAllConnections();
        server.close();
      },
    };
  }

  withRegistry("are used for TLS by a tunnel, of which they see only the host", async () => {
    using directory = new TemporaryDirectory();
    const authority = new Authority(directory.path);
    const user = { name: "somebody", password: "secret" };
    await using registry = await startRegistry({ authority, user });
    await using proxy = await startProxy(registry.url);
    // The certificate is for localhost, the proxy connects wherever it is asked to.
    const hostDirectories = [`${directory.path}/hosts`];
    directory.write("hosts/registry.example/ca.crt", authority.cert);
    const environment = { HTTPS_PROXY: proxy.url };
    const options = {
      environment,
      hostDirectories,
      credentials: async () => ({ kind: "password", username: user.name, password: user.password }) as const,
    };
    await using client = await clientFor("registry.example/app", options);
    expect(await failureOf(client.ping())).toMatchObject({
      message: expect.stringContaining("is not trusted"),
    });
    await using trusting = await clientFor("registry.example/app", {
      ...options,
      insecure: ["registry.example"],
    });
    const image = new TestImage(200_000);
    await image.push(trusting, "1");
    await image.pull(trusting, "1");
    expect(new Set(proxy.seen)).toEqual(new Set(["CONNECT registry.example:443 true"]));
    await using direct = await clientFor("registry.example/app", {
      ...options,
      environment: { ...environment, NO_PROXY: ".example" },
      patience: { attempts: 1 },
    });
    const before = proxy.seen.length;
    expect(await failureOf(direct.ping())).toMatchObject({ kind: "Unavailable" });
    expect(proxy.seen).toHaveLength(before);
  });

  withRegistry("get whole URLs for plain HTTP", async () => {
    await using registry = await startRegistry();
    await using proxy = await startProxy(registry.url);
    using directory = new TemporaryDirectory();
    directory.write("registry.example/hosts.toml", 'server = "http://registry.example"');
    const environment = { http_proxy: proxy.url };
    await using client = await clientFor("registry.example/app", {
      environment,
      hostDirectories: [directory.path],
    });
    await client.ping();
    expect(proxy.seen).toEqual(["GET http://registry.example/v2/ true"]);
  });
});
