import { describe, expect } from "vitest";
import { parseReference } from "../../../src/image/reference/reference.ts";
import type { RegistryClient } from "../../../src/image/registry/client.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { needs } from "../../support/needs.ts";
import { startRegistry } from "../../support/registry.ts";
import { all, clientFor, failureOf, TemporaryDirectory, TestImage } from "./fixture.ts";

const withRegistry = needs("program:docker-registry");

/** A registry, a mirror with the same image, and a client that is configured to ask the mirror first. */
async function start(capabilities = '["pull", "resolve"]') {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(new TemporaryDirectory());
  const [originServer, mirrorServer] = [stack.use(await startRegistry()), stack.use(await startRegistry())];
  const origin = stack.use(await FaultProxy.start({ target: originServer.url }));
  const mirror = stack.use(await FaultProxy.start({ target: mirrorServer.url }));
  const image = new TestImage(100_000);
  for (const { domain } of [originServer, mirrorServer]) {
    await using client = await clientFor(`${domain}/some/app`);
    await image.push(client, "1");
  }
  directory.write(
    `${origin.domain}/hosts.toml`,
    `server = "${origin.url}"\n[host."${mirror.url}"]\ncapabilities = ${capabilities}\n`,
  );
  const asked: string[] = [];
  const client: RegistryClient = stack.use(
    await clientFor(`${origin.domain}/some/app`, {
      hostDirectories: [directory.path],
      credentials: async (domain) => {
        asked.push(domain);
        return undefined;
      },
    }),
  );
  const moved = stack.move();
  const reference = parseReference(`${origin.domain}/some/app:1`);
  return {
    origin,
    mirror,
    image,
    client,
    reference,
    asked,
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

describe("mirrors — containerd docs/hosts.md", () => {
  withRegistry("are asked first, on behalf of the registry, and suffice", async () => {
    await using setup = await start();
    const { origin, mirror, image, client, asked } = setup;
    await image.pull(client, "1");
    expect(origin.seen).toEqual([]);
    expect(mirror.seen.map(({ url }) => new URL(url, "http://x").searchParams.get("ns"))).toEqual(
      mirror.seen.map(() => origin.domain),
    );
    mirror.fail("manifest-head", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } }, 1);
    await image.pull(client, "1");
    expect(asked).toEqual([mirror.domain]);
  });

  withRegistry("without authority on names are asked for digests only", async () => {
    await using setup = await start('["pull"]');
    const { origin, mirror, image, client } = setup;
    await image.pull(client, "1");
    expect(origin.seen.map(({ kind }) => kind)).toEqual(["manifest-head"]);
    expect(mirror.seen.map(({ kind }) => kind)).toEqual(["manifest-get", "layer-get", "layer-get"]);
  });

  withRegistry("that fail are passed by, for each thing anew", async () => {
    await using setup = await start();
    const { mirror, image, client } = setup;
    for (const fault of [
      "drop",
      { status: 500 },
      { status: 404 },
      { status: 403 },
      { status: 429, headers: { "retry-after": "9999" } },
    ] as const) {
      for (const kind of ["manifest-head", "manifest-get", "layer-get"] as const) {
        mirror.reset();
        mirror.fail(kind, fault);
        await image.pull(client, "1");
      }
    }
  });

  withRegistry("that break off in the middle are gone on with at the registry", async () => {
    await using setup = await start();
    const { origin, mirror, image, client } = setup;
    mirror.markConfig(image.config.descriptor.digest);
    mirror.fail("layer-get", "drop-midway", 1).fail("layer-get", { status: 404 });
    await image.pull(client, "1");
    const [request] = origin.seen;
    expect(request).toMatchObject({
      kind: "layer-get",
      headers: { range: expect.stringMatching(/^bytes=\d+-$/) },
    });
  });

  withRegistry(
    "that have other content: manifests are refused, blobs can be asked of the registry",
    async () => {
      await using setup = await start();
      const { origin, mirror, image, client } = setup;
      mirror.fail("manifest-get", "wrong-digest").fail("layer-get", "wrong-digest");
      expect(await client.fetchManifest(image.manifest.descriptor)).toEqual(
        Buffer.from(image.manifest.bytes),
      );
      const bytes = async (from: "any" | "origin") =>
        await all(await client.fetchBlob(image.layer.descriptor, { from }));
      expect((await bytes("any")).equals(image.layer.bytes)).toBe(false);
      expect((await bytes("origin")).equals(image.layer.bytes)).toBe(true);
      expect(origin.count("layer-get")).toBe(1);
    },
  );

  withRegistry("are not pushed to", async () => {
    await using setup = await start('["pull", "resolve", "push"]');
    const { origin, mirror, client } = setup;
    await new TestImage(1000).push(client, "2");
    expect(mirror.seen).toEqual([]);
    expect(origin.count("manifest-put")).toBe(1);
  });

  withRegistry("are named in the error when nobody has the image", async () => {
    await using setup = await start();
    const { origin, mirror, client, reference } = setup;
    mirror.fail("manifest-head", "drop");
    origin.fail("manifest-head", { status: 404 });
    expect(await failureOf(client.resolve(reference))).toMatchObject({
      kind: "NotFound",
      message: expect.stringMatching(/ answered 404.*; its mirrors: .*connection lost/),
    });
  });
});
