import { describe, expect } from "vitest";
import { parseReference } from "../../../src/image/reference/reference.ts";
import type { Credential } from "../../../src/image/registry/credentials/credential.ts";
import type { CredentialSource } from "../../../src/image/registry/credentials/source.ts";
import { MANIFEST } from "../../../src/spec/image/media-types.ts";
import { Authority } from "../../support/certificates.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { needs } from "../../support/needs.ts";
import { startRegistry } from "../../support/registry.ts";
import {
  ISSUER,
  SERVICE,
  startTokenServer,
  type TokenServer,
  type TokenServerSetup,
} from "../../support/token-server.ts";
import { all, clientFor, failureOf, inChunks, TemporaryDirectory, TestImage } from "./fixture.ts";

const withRegistry = needs("program:docker-registry", "program:openssl");
const user = { name: "somebody", password: "pass:wörd" };
const somebody: CredentialSource = async () => ({
  kind: "password",
  username: user.name,
  password: user.password,
});

/** A registry that sends its clients to a token server; both with TLS of one authority. */
async function start(change: Partial<TokenServerSetup> = {}) {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(new TemporaryDirectory());
  const authority = new Authority(directory.path);
  const setup = {
    signer: authority.issue("signer"),
    keyPair: authority.issue("127.0.0.1"),
    user,
    lifetime: 60,
  };
  const tokens: TokenServer = stack.use(
    await startTokenServer({ ...setup, oauth: "yes", anonymousActions: ["pull"], ...change }),
  );
  const token = {
    realm: tokens.url.href,
    service: SERVICE,
    issuer: ISSUER,
    rootCertFile: authority.certFile,
  };
  const registry = stack.use(await startRegistry({ authority, token }));
  const hostDirectories = [directory.trust(registry.domain, authority.certFile)];
  const moved = stack.move();
  return {
    tokens,
    registry,
    authority,
    client: async (path: string, credentials: CredentialSource) =>
      moved.use(await clientFor(`${registry.domain}/${path}`, { hostDirectories, credentials })),
    reference: (text: string) => parseReference(`${registry.domain}/${text}`),
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

describe("tokens — distribution docs/spec/auth/token.md, oauth.md", () => {
  withRegistry("a user pushes, nobody in particular pulls", async () => {
    await using server = await start();
    const image = new TestImage();
    const writer = await server.client("some/app", somebody);
    await image.push(writer, "1");
    expect(server.tokens.seen.every(({ method }) => method === "POST")).toBe(true);
    expect(server.tokens.seen.map(({ parameters }) => parameters.get("scope"))).toContain(
      "repository:some/app:pull,push",
    );
    expect(server.tokens.seen[0]!.parameters.get("service")).toBe(SERVICE);

    server.tokens.seen.length = 0;
    const reader = await server.client("some/app", async () => undefined);
    await image.pull(reader, "1");
    expect(server.tokens.seen).toHaveLength(1);
    const [{ method, parameters, authorization }] = server.tokens.seen as [(typeof server.tokens.seen)[0]];
    expect([method, parameters.get("scope"), parameters.get("account"), authorization]).toEqual([
      ...["GET", "repository:some/app:pull", null, undefined],
    ]);

    expect(await failureOf(image.push(reader, "2"))).toMatchObject({
      kind: "PermissionDenied",
      site: { hint: `runt login ${server.registry.domain}`, operation: "push" },
    });
  });

  withRegistry("one token is fetched, however many requests want it at once", async () => {
    await using server = await start();
    const image = new TestImage(1000);
    await image.push(await server.client("app", somebody), "1");
    server.tokens.seen.length = 0;
    const reader = await server.client("app", async () => undefined);
    await Promise.all(
      Array.from({ length: 12 }, async () => await all(await reader.fetchBlob(image.layer.descriptor))),
    );
    expect(server.tokens.seen).toHaveLength(1);
  });

  withRegistry("a server that knows no form is asked by GET", async () => {
    await using server = await start({ oauth: "no" });
    const image = new TestImage(1000);
    await image.push(await server.client("app", somebody), "1");
    const methods = server.tokens.seen.map(({ method }) => method);
    expect(methods.slice(0, 2)).toEqual(["POST", "GET"]);
    expect(server.tokens.seen[1]!.parameters.get("account")).toBe(user.name);
    expect(server.tokens.seen[1]!.authorization).toMatch(/^Basic /);
  });

  withRegistry("an identity token is as good as a password", async () => {
    await using server = await start();
    server.tokens.refreshTokens.add("of old");
    const identity: Credential = { kind: "identity-token", token: "of old" };
    const image = new TestImage(1000);
    await image.push(await server.client("app", async () => identity), "1");
    expect(server.tokens.seen[0]!.parameters.get("grant_type")).toBe("refresh_token");

    server.tokens.refreshTokens.clear();
    server.tokens.seen.length = 0;
    const late = await server.client("app", async () => identity);
    expect(await failureOf(late.resolve(server.reference("app:1")))).toMatchObject({
      kind: "PermissionDenied",
      message: expect.stringContaining("incorrect username or password"),
    });
    expect(server.tokens.seen.map(({ method }) => method)).toEqual(["POST"]);
  });

  withRegistry("a wrong password is told in the token server's words, and is not in them", async () => {
    await using server = await start();
    const wrong = await server.client("app", async () => ({
      kind: "password",
      username: "somebody",
      password: "hunter2",
    }));
    const failure = await failureOf(wrong.resolve(server.reference("app:1")));
    expect(failure).toMatchObject({
      kind: "PermissionDenied",
      message: `${server.registry.domain}/app:1: incorrect username or password (${server.tokens.url.host} answered 401 UNAUTHORIZED)`,
      site: { hint: `runt login ${server.registry.domain}` },
    });
    expect(JSON.stringify(failure)).not.toContain("hunter2");
  });

  withRegistry("a token is renewed when it has expired, and when the registry takes it no more", async () => {
    await using server = await start({ lifetime: 1 });
    const image = new TestImage(1000);
    const client = await server.client("app", somebody);
    await image.push(client, "1");
    const before = server.tokens.seen.length;
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await image.pull(client, "1");
    expect(server.tokens.seen.length).toBeGreaterThan(before);

    await using proxy = await FaultProxy.start({
      target: server.registry.url,
      targetAuthority: server.authority.cert,
      tokenServer: server.tokens.url,
    });
    const challenge = `Bearer realm="${proxy.url}token",service="${SERVICE}",scope="repository:app:pull"`;
    const revoked = { status: 401, headers: { "www-authenticate": challenge } };
    await using through = await clientFor(`${proxy.domain}/app`, { credentials: somebody });
    proxy.fail("manifest-head", revoked, 1);
    await through.resolve(parseReference(`${proxy.domain}/app:1`));
    expect(proxy.count("token")).toBe(1);
    proxy.fail("manifest-head", revoked, 1);
    await through.resolve(parseReference(`${proxy.domain}/app:1`));
    expect(proxy.count("token")).toBe(2);
    proxy.fail("manifest-head", revoked).fail("manifest-get", revoked);
    expect(await failureOf(through.resolve(parseReference(`${proxy.domain}/app:1`)))).toMatchObject({
      kind: "PermissionDenied",
    });
    expect(proxy.count("token")).toBeLessThan(8);
  });

  withRegistry("mounting asks for both repositories; being refused one leads to an upload", async () => {
    await using server = await start();
    const image = new TestImage(1000);
    await image.push(await server.client("one", somebody), "1");
    const two = await server.client("two", somebody);
    expect(await two.mountBlob(image.layer.descriptor, "one")).toBe(true);
    const scopes = server.tokens.seen.map(({ parameters }) => parameters.get("scope"));
    expect(scopes).toContain("repository:one:pull repository:two:pull,push");
    expect(await two.mountBlob(image.config.descriptor, "no/such")).toBe(false);
    await two.uploadBlob(image.config.descriptor, () => inChunks(image.config.bytes));
    await two.putManifest(image.manifest.bytes, MANIFEST, "1");
  });

  withRegistry("a password is not sent without encryption because a registry says so", async () => {
    await using server = await start();
    await using proxy = await FaultProxy.start({
      target: server.registry.url,
      keyPair: server.authority.issue("127.0.0.1"),
    });
    const challenge = 'Bearer realm="http://tokens.example/token",service="x"';
    proxy.fail("manifest-head", { status: 401, headers: { "www-authenticate": challenge } });
    await using client = await clientFor(`${proxy.domain}/app`, { credentials: somebody });
    expect(await failureOf(client.resolve(parseReference(`${proxy.domain}/app:1`)))).toMatchObject({
      kind: "PermissionDenied",
      message: `${proxy.domain}/app:1: ${proxy.domain} wants the password sent to tokens.example without encryption`,
    });
  });

  withRegistry("a token server may not send the password on", async () => {
    await using server = await start();
    await using proxy = await FaultProxy.start({ target: server.registry.url });
    const challenge = `Bearer realm="${proxy.url}token",service="x"`;
    proxy.fail("manifest-head", { status: 401, headers: { "www-authenticate": challenge } });
    proxy.fail("token", { status: 307, headers: { location: `${server.tokens.url}` } });
    await using client = await clientFor(`${proxy.domain}/app`, { credentials: somebody });
    await expect(client.resolve(parseReference(`${proxy.domain}/app:1`))).rejects.toThrow("answered 307");
    expect(server.tokens.seen).toEqual([]);
  });

  withRegistry("a proof that runt does not know is named", async () => {
    await using server = await start();
    await using proxy = await FaultProxy.start({ target: server.registry.url });
    proxy.fail("manifest-head", { status: 401, headers: { "www-authenticate": "Negotiate, NTLM" } });
    await using client = await clientFor(`${proxy.domain}/app`, { credentials: somebody });
    expect(await failureOf(client.resolve(parseReference(`${proxy.domain}/app:1`)))).toMatchObject({
      kind: "Unimplemented",
      message: expect.stringContaining("authentication by negotiate, ntlm"),
    });
  });
});
