import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { parseReference } from "../../../src/image/reference/reference.ts";
import { DOCKER_SCHEMA1_SIGNED, INDEX, LAYER, MANIFEST } from "../../../src/spec/image/media-types.ts";
import { Authority } from "../../support/certificates.ts";
import { needs } from "../../support/needs.ts";
import { startRegistry } from "../../support/registry.ts";
import { all, clientFor, content, failureOf, inChunks, TemporaryDirectory, TestImage } from "./fixture.ts";

const withRegistry = needs("program:docker-registry", "program:openssl");
const password = async () => ({ kind: "password", username: "somebody", password: "pass:wörd" }) as const;

/** A server of the test's own; `serve` answers. */
async function startServer(serve: Parameters<typeof createServer>[1]) {
  const server = createServer(serve!);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    domain: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe("a registry with TLS and passwords", () => {
  withRegistry("takes an image and gives it back", async () => {
    using directory = new TemporaryDirectory();
    const authority = new Authority(directory.path);
    await using registry = await startRegistry({
      authority,
      user: { name: "somebody", password: "pass:wörd" },
    });
    const options = {
      hostDirectories: [directory.trust(registry.domain, authority.certFile)],
      credentials: password,
    };
    await using client = await clientFor(`${registry.domain}/some/app`, options);
    const image = new TestImage(2_000_000);
    await client.ping();
    expect(await image.push(client, "1")).toEqual(image.manifest.descriptor);
    await image.push(client, "2");
    await image.pull(client, "1");
    expect((await client.listTags()).sort()).toEqual(["1", "2"]);
    expect(await client.manifestExists(image.manifest.descriptor)).toBe(true);

    const byDigest = parseReference(`${registry.domain}/some/app@${image.manifest.descriptor.digest}`);
    expect(await client.resolve(byDigest)).toEqual(image.manifest.descriptor);
    const rest = await all(await client.fetchBlob(image.layer.descriptor, { offset: 1_999_990 }));
    expect(rest).toEqual(Buffer.from(image.layer.bytes.subarray(1_999_990)));
    expect(await all(await client.fetchBlob(image.layer.descriptor, { offset: 2_000_000 }))).toHaveLength(0);

    await using other = await clientFor(`${registry.domain}/other/app`, options);
    expect(await other.blobExists(image.layer.descriptor)).toBe(false);
    expect(await other.mountBlob(image.layer.descriptor, "some/app")).toBe(true);
    expect(await other.blobExists(image.layer.descriptor)).toBe(true);
    expect(await other.mountBlob(image.config.descriptor, "no/such")).toBe(false);
    await other.uploadBlob(image.config.descriptor, () => inChunks(image.config.bytes));
    await other.putManifest(image.manifest.bytes, MANIFEST, image.manifest.descriptor.digest);
    const index = content(
      JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [image.manifest.descriptor] }),
      INDEX,
    );
    await other.putManifest(index.bytes, INDEX, "all");
    expect(await other.resolve(parseReference(`${registry.domain}/other/app:all`))).toEqual(index.descriptor);
  });

  needs(
    "program:docker-registry",
    "program:openssl",
    "program:skopeo",
  )("skopeo finds what we pushed", async () => {
    using directory = new TemporaryDirectory();
    const authority = new Authority(directory.path);
    await using registry = await startRegistry({ authority, user: { name: "somebody", password: "secret" } });
    const certs = directory.trust(registry.domain, authority.certFile);
    const credentials = async () => ({ kind: "password", username: "somebody", password: "secret" }) as const;
    await using client = await clientFor(`${registry.domain}/app`, { hostDirectories: [certs], credentials });
    const image = new TestImage();
    await image.push(client, "1");
    const args = [
      "inspect",
      "--raw",
      "--creds",
      "somebody:secret",
      "--cert-dir",
      `${certs}/${registry.domain}`,
    ];
    const raw = execFileSync("skopeo", [...args, `docker://${registry.domain}/app:1`]);
    expect(raw).toEqual(Buffer.from(image.manifest.bytes));
  });

  withRegistry("refusals are one line in the registry's words, with what to do", async () => {
    using directory = new TemporaryDirectory();
    const authority = new Authority(directory.path);
    await using registry = await startRegistry({ authority, user: { name: "somebody", password: "secret" } });
    const { domain } = registry;
    const hostDirectories = [directory.trust(domain, authority.certFile)];
    const reference = parseReference(`${domain}/app:1`);
    await using nobody = await clientFor(`${domain}/app`, { hostDirectories });
    expect(await failureOf(nobody.resolve(reference))).toMatchObject({
      kind: "PermissionDenied",
      message: `${domain}/app:1: authentication required (${domain} answered 401 UNAUTHORIZED)`,
      site: { operation: "pull", hint: `runt login ${domain}` },
    });
    await using wrong = await clientFor(`${domain}/app`, { hostDirectories, credentials: password });
    expect(await failureOf(wrong.ping())).toMatchObject({ kind: "PermissionDenied" });
    const credentials = async () => ({ kind: "password", username: "somebody", password: "secret" }) as const;
    await using right = await clientFor(`${domain}/app`, { hostDirectories, credentials });
    const { digest } = content("x", LAYER).descriptor;
    expect(await failureOf(right.resolve(reference))).toMatchObject({
      kind: "NotFound",
      message: `${domain}/app:1: not found (${domain} answered 404)`,
    });
    expect(await failureOf(right.fetchBlob({ mediaType: LAYER, digest, size: 1 }))).toMatchObject({
      kind: "NotFound",
      message: expect.stringContaining(`${domain}/app: blob ${digest}: `),
    });
    expect(await failureOf(right.listTags())).toMatchObject({
      kind: "NotFound",
      message: expect.stringContaining("NAME_UNKNOWN"),
    });
    // Its layer and config were not sent.
    expect(await failureOf(right.putManifest(new TestImage(10).manifest.bytes, MANIFEST, "1"))).toMatchObject(
      {
        kind: "InvalidArgument",
        message: expect.stringContaining("MANIFEST_BLOB_UNKNOWN"),
      },
    );
  });
});

describe("a blob that is sent in chunks", () => {
  needs("program:docker-registry")("arrives whole, whatever the sizes", async () => {
    await using registry = await startRegistry();
    await using client = await clientFor(`${registry.domain}/app`);
    for (const [size, chunkBytes] of [
      [100_000, 30_000],
      [100_000, 50_000],
      [100_000, 100_000],
      [10, 1_000],
      [0, 0],
    ] as const) {
      const blob = content(randomBytes(size), LAYER);
      const progress: number[] = [];
      const onProgress = (bytes: number) => progress.push(bytes);
      await client.uploadBlob(blob.descriptor, () => inChunks(blob.bytes, 7_000), { chunkBytes, onProgress });
      expect(await all(await client.fetchBlob(blob.descriptor))).toEqual(Buffer.from(blob.bytes));
      expect(progress.at(-1) ?? 0).toBe(size);
    }
  });

  needs("program:docker-registry")("content that is not what its descriptor says is refused", async () => {
    await using registry = await startRegistry();
    await using client = await clientFor(`${registry.domain}/app`, { patience: { attempts: 2 } });
    const blob = content(randomBytes(1000), LAYER);
    for (const chunkBytes of [0, 300]) {
      const send = (bytes: Uint8Array) =>
        client.uploadBlob(blob.descriptor, () => inChunks(bytes, 100), { chunkBytes });
      await expect(send(blob.bytes.subarray(0, 900))).rejects.toThrow();
      await expect(send(randomBytes(1000))).rejects.toMatchObject({
        message: expect.stringContaining("DIGEST_INVALID"),
      });
      if (chunkBytes === 0) await expect(send(randomBytes(1100))).rejects.toThrow();
    }
    expect(await client.blobExists(blob.descriptor)).toBe(false);
  });
});

describe("what servers do", () => {
  const image = new TestImage(100_000);
  const { layer, manifest } = image;

  test("no digest header on HEAD, or no HEAD at all: the document is hashed", async () => {
    for (const headStatus of [200, 405, 403]) {
      await using server = await startServer((request, response) => {
        if (request.method === "HEAD")
          response.writeHead(headStatus, { "content-type": "application/json" }).end();
        else response.writeHead(200, { "content-type": "application/json" }).end(manifest.bytes);
      });
      await using client = await clientFor(`${server.domain}/app`);
      expect(await client.resolve(parseReference(`${server.domain}/app:1`))).toEqual(manifest.descriptor);
    }
  });

  test("403 on HEAD: GET tells why", async () => {
    await using server = await startServer((request, response) => {
      response.writeHead(403, { "content-type": "application/json" });
      response.end(
        request.method === "HEAD" ? "" : '{"errors":[{"code":"DENIED","message":"you are not on the list"}]}',
      );
    });
    await using client = await clientFor(`${server.domain}/app`);
    expect(await failureOf(client.resolve(parseReference(`${server.domain}/app:1`)))).toMatchObject({
      kind: "PermissionDenied",
      message: `${server.domain}/app:1: you are not on the list (${server.domain} answered 403 DENIED)`,
      site: { hint: `runt login ${server.domain}` },
    });
  });

  test("docker's schema 1 is refused in so many words", async () => {
    await using server = await startServer((_, response) => {
      response.writeHead(200, { "content-type": DOCKER_SCHEMA1_SIGNED, "content-length": "2" }).end("{}");
    });
    await using client = await clientFor(`${server.domain}/app`);
    expect(await failureOf(client.resolve(parseReference(`${server.domain}/app:1`)))).toMatchObject({
      kind: "Unimplemented",
      message: expect.stringContaining("schema 1"),
    });
  });

  test("a manifest without an end is not read to its end", async () => {
    let sent = 0;
    await using server = await startServer((_, response) => {
      response.writeHead(200, { "content-type": MANIFEST });
      const more = (): void => {
        sent += 65_536;
        if (!response.destroyed) response.write(Buffer.alloc(65_536, 0x20), () => setImmediate(more));
      };
      more();
    });
    await using client = await clientFor(`${server.domain}/app`);
    const failure = await failureOf(client.fetchManifest(manifest.descriptor));
    expect(failure).toMatchObject({
      kind: "FailedPrecondition",
      message: expect.stringContaining("longer than the limit"),
    });
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  test("a size that is not the content's is refused", async () => {
    await using server = await startServer((request, response) => {
      const isManifest = request.url!.includes("/manifests/");
      response.writeHead(200).end(isManifest ? manifest.bytes : layer.bytes);
    });
    await using client = await clientFor(`${server.domain}/app`);
    await expect(client.fetchManifest({ ...manifest.descriptor, size: 5 })).rejects.toThrow(
      "not 5 as its descriptor says",
    );
    await expect(client.fetchBlob({ ...layer.descriptor, size: 5 }).then(all)).rejects.toThrow("not 5");
    await expect(client.fetchBlob({ ...layer.descriptor, size: 500_000 }).then(all)).rejects.toThrow(
      "of 500000 bytes",
    );
  });

  test("ranges that are ignored or wrong: the bytes are skipped", async () => {
    const answers: Record<
      string,
      (from: number) => [status: number, headers: Record<string, string>, body: Uint8Array]
    > = {
      ignored: () => [200, {}, layer.bytes],
      refused: (from) => (from > 0 ? [416, {}, Buffer.alloc(0)] : [200, {}, layer.bytes]),
      other: (from) =>
        from > 0
          ? [206, { "content-range": "bytes 5-99999/100000" }, layer.bytes.subarray(5)]
          : [200, {}, layer.bytes],
      unsaid: (from) => (from > 0 ? [206, {}, layer.bytes.subarray(from)] : [200, {}, layer.bytes]),
      right: (from) =>
        from > 0
          ? [206, { "content-range": `bytes ${from}-99999/100000` }, layer.bytes.subarray(from)]
          : [200, {}, layer.bytes],
    };
    for (const [name, answer] of Object.entries(answers)) {
      await using server = await startServer((request, response) => {
        const [status, headers, body] = answer(Number(/\d+/.exec(request.headers.range ?? "0")![0]));
        response.writeHead(status, headers).end(body);
      });
      await using client = await clientFor(`${server.domain}/app`);
      const rest = await all(await client.fetchBlob(layer.descriptor, { offset: 60_000 }));
      expect(rest.equals(layer.bytes.subarray(60_000)), name).toBe(true);
    }
  });

  test("an encoding for the way is taken off, and a range is not asked of it", async () => {
    for (const [encoding, pack] of [
      ["gzip", gzipSync],
      ["zstd", zstdCompressSync],
    ] as const) {
      await using server = await startServer((_, response) => {
        response.writeHead(200, { "content-encoding": encoding }).end(pack(layer.bytes));
      });
      await using client = await clientFor(`${server.domain}/app`);
      for (const offset of [0, 70_000]) {
        const bytes = await all(await client.fetchBlob(layer.descriptor, { offset }));
        expect(bytes.equals(layer.bytes.subarray(offset))).toBe(true);
      }
    }
  });

  test("content that the descriptor brings along is not asked for, unless it is wrong", async () => {
    await using server = await startServer(
      (_, response) => void response.writeHead(200).end(image.config.bytes),
    );
    await using client = await clientFor(`${server.domain}/app`);
    const data = Buffer.from(image.config.bytes).toString("base64");
    await using nowhere = await clientFor("127.0.0.1:1/app", { patience: { attempts: 1 } });
    expect(await all(await nowhere.fetchBlob({ ...image.config.descriptor, data }))).toEqual(
      Buffer.from(image.config.bytes),
    );
    expect(await nowhere.fetchManifest({ ...image.config.descriptor, data })).toEqual(
      Buffer.from(image.config.bytes),
    );
    const wrong = { ...image.config.descriptor, data: Buffer.from("other").toString("base64") };
    await expect(nowhere.fetchBlob(wrong)).rejects.toMatchObject({ kind: "Unavailable" });
    expect(await all(await client.fetchBlob(wrong))).toEqual(Buffer.from(image.config.bytes));
  });

  test("a layer that a registry may not have comes from its own places, without our name", async () => {
    const seen: (string | undefined)[] = [];
    await using place = await startServer((request, response) => {
      seen.push(request.headers.authorization);
      response
        .writeHead(request.url === "/layer" ? 200 : 404)
        .end(request.url === "/layer" ? layer.bytes : "");
    });
    await using client = await clientFor("127.0.0.1:1/app", {
      credentials: password,
      patience: { attempts: 1 },
    });
    const mediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    const urls = ["file:///etc/passwd", `http://${place.domain}/gone`, `http://${place.domain}/layer`];
    const bytes = await all(await client.fetchBlob({ ...layer.descriptor, mediaType, urls }));
    expect(bytes.equals(layer.bytes)).toBe(true);
    expect(seen).toEqual([undefined, undefined]);
    await expect(client.fetchBlob({ ...layer.descriptor, urls })).rejects.toMatchObject({
      kind: "Unavailable",
    });
  });

  test("tags come in pages, from one server only", async () => {
    await using server = await startServer((request, response) => {
      const last = new URL(request.url!, "http://x").searchParams.get("last");
      const next =
        last === null
          ? '</v2/app/tags/list?last=b>; rel="next"'
          : last === "b"
            ? '<list?last=c>; rel="next"'
            : undefined;
      const tags = { null: ["a", "b"], b: ["c"], c: null }[String(last)];
      response
        .writeHead(200, next === undefined ? {} : { link: next })
        .end(JSON.stringify({ name: "app", tags }));
    });
    await using client = await clientFor(`${server.domain}/app`);
    expect(await client.listTags()).toEqual(["a", "b", "c"]);
    await using trap = await startServer((_, response) => {
      response
        .writeHead(200, { link: `<http://${server.domain}/v2/app/tags/list>; rel="next"` })
        .end('{"tags":["x"]}');
    });
    await using fooled = await clientFor(`${trap.domain}/app`);
    await expect(fooled.listTags()).rejects.toThrow("at another server");
  });

  test("an upload's place may be at another server; who we are stays here", async () => {
    const seen: string[] = [];
    const blob = content("some bytes", LAYER);
    await using store = await startServer((request, response) => {
      seen.push(`store ${request.method} ${request.headers.authorization}`);
      request.resume().on("end", () => response.writeHead(201).end());
    });
    await using server = await startServer((request, response) => {
      seen.push(
        `registry ${request.method} ${request.headers.authorization === undefined ? "nobody" : "somebody"}`,
      );
      if (request.headers.authorization === undefined)
        response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
      else response.writeHead(202, { location: `http://${store.domain}/place?state=1` }).end();
    });
    await using client = await clientFor(`${server.domain}/app`, { credentials: password });
    await client.uploadBlob(blob.descriptor, () => inChunks(blob.bytes));
    expect(seen).toEqual(["registry POST nobody", "registry POST somebody", "store PUT undefined"]);
  });
});

describe("redirects", () => {
  const { layer } = new TestImage(1000);

  test("are followed, and the other server does not learn who we are", async () => {
    const seen: string[] = [];
    await using store = await startServer((request, response) => {
      const { authorization, "x-secret": secret, range } = request.headers;
      seen.push(`${request.url} ${authorization} ${secret} ${range}`);
      const from = Number(/\d+/.exec(range ?? "0")![0]);
      response
        .writeHead(from > 0 ? 206 : 200, { "content-range": `bytes ${from}-999/1000` })
        .end(layer.bytes.subarray(from));
    });
    await using server = await startServer((request, response) => {
      if (request.headers.authorization === undefined)
        response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
      else if (!request.url!.startsWith("/here")) response.writeHead(307, { location: "/here" }).end();
      else {
        seen.push(`here ${request.headers.authorization !== undefined} ${request.headers["x-secret"]}`);
        response.writeHead(307, { location: `http://${store.domain}/signed?by=us` }).end();
      }
    });
    using directory = new TemporaryDirectory();
    directory.write(
      `${server.domain}/hosts.toml`,
      `server = "http://${server.domain}"\n[header]\n"X-Secret" = "only for the registry"\n`,
    );
    await using client = await clientFor(`${server.domain}/app`, {
      credentials: password,
      hostDirectories: [directory.path],
    });
    expect(
      (await all(await client.fetchBlob(layer.descriptor, { offset: 10 }))).equals(layer.bytes.subarray(10)),
    ).toBe(true);
    expect(seen).toEqual(["here true only for the registry", "/signed?by=us undefined undefined bytes=10-"]);
  });

  test("in a circle, or to what is not HTTP, are errors", async () => {
    for (const [location, message] of [
      ["/v2/again", "more than 10 redirects"],
      ["ftp://x/y", "which is not HTTP"],
      ["http://", "not a URL"],
    ]) {
      await using server = await startServer(
        (_, response) => void response.writeHead(302, { location: location! }).end(),
      );
      await using client = await clientFor(`${server.domain}/app`);
      expect(await failureOf(client.fetchBlob(layer.descriptor))).toMatchObject({
        kind: "Unavailable",
        message: expect.stringContaining(message!),
      });
    }
  });
});
