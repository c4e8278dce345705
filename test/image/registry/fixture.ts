/** A small image in memory, and ways to put it into a registry and get it back. */
import { randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseReference } from "../../../src/image/reference/reference.ts";
import { openRegistry, type RegistryClient } from "../../../src/image/registry/client.ts";
import type { RegistryOptions } from "../../../src/image/registry/options.ts";
import type { Descriptor } from "../../../src/spec/image/descriptor.ts";
import { digestOf } from "../../../src/spec/image/digest.ts";
import { CONFIG, LAYER, MANIFEST } from "../../../src/spec/image/media-types.ts";

/** Waits short enough for a test; the stall limit leaves a busy machine time. */
export const hasty = { firstWaitMs: 5, longestWaitMs: 20, stallTimeoutMs: 30_000, connectTimeoutMs: 30_000 };

/** A directory that goes away with the test. */
export class TemporaryDirectory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "runt-test-"));

  /** Writes a file in it, with its folders. */
  write(name: string, text: string): string {
    const path = join(this.path, name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /** Trusts an authority for a host, in docker's way; gives the directory for `hostDirectories`. */
  trust(domain: string, certFile: string): string {
    mkdirSync(join(this.path, "certs.d", domain), { recursive: true });
    copyFileSync(certFile, join(this.path, "certs.d", domain, "ca.crt"));
    return join(this.path, "certs.d");
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Content with its descriptor. */
export interface Content {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** Describes bytes. */
export function content(bytes: Uint8Array | string, mediaType: string): Content {
  const buffer = Buffer.from(bytes as string);
  return { descriptor: { mediaType, digest: digestOf(buffer), size: buffer.length }, bytes: buffer };
}

/** An image of one config and one layer of random bytes. */
export class TestImage {
  readonly config = content(
    JSON.stringify({
      os: "linux",
      architecture: "amd64",
      rootfs: { type: "layers" },
      author: randomBytes(8).toString("hex"),
    }),
    CONFIG,
  );
  readonly layer: Content;
  readonly manifest: Content;

  constructor(layerBytes = 300_000) {
    this.layer = content(randomBytes(layerBytes), LAYER);
    const layers = [this.layer.descriptor];
    this.manifest = content(
      JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config: this.config.descriptor, layers }),
      MANIFEST,
    );
  }

  /** Config and layers before the manifest. */
  async push(client: RegistryClient, tag: string, signal?: AbortSignal): Promise<Descriptor> {
    for (const { descriptor, bytes } of [this.config, this.layer]) {
      if (!(await client.blobExists(descriptor, signal)))
        await client.uploadBlob(descriptor, () => inChunks(bytes), { signal });
    }
    return await client.putManifest(this.manifest.bytes, MANIFEST, tag, signal);
  }

  /** Everything that a pull asks for; throws where something is not what it should be. */
  async pull(client: RegistryClient, tag: string, signal?: AbortSignal): Promise<void> {
    const descriptor = await client.resolve(parseReference(`${client.domain}/${client.path}:${tag}`), signal);
    equal(await client.fetchManifest(descriptor, signal), this.manifest.bytes);
    for (const { descriptor, bytes } of [this.config, this.layer])
      equal(await all(await client.fetchBlob(descriptor, { signal })), bytes);
  }
}

function equal(a: Uint8Array, b: Uint8Array): void {
  if (Buffer.compare(a, b) !== 0)
    throw new Error(`other content: ${a.length} bytes, not ${b.length} or not the same`);
}

/** A stream's bytes. */
export async function all(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Bytes as a stream of many chunks. */
export async function* inChunks(bytes: Uint8Array, size = 16_384): AsyncIterable<Uint8Array> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

/** A client that knows nothing of this machine's own configuration. */
export async function clientFor(name: string, options: RegistryOptions = {}): Promise<RegistryClient> {
  return await openRegistry(parseReference(name), {
    hostDirectories: [],
    credentials: async () => undefined,
    environment: {},
    ...options,
    patience: { ...hasty, ...options.patience },
  });
}

/** What `promise` is rejected with. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<{ kind: string; message: string; site: { hint?: string } }> {
  try {
    await promise;
  } catch (error) {
    return error as { kind: string; message: string; site: { hint?: string } };
  }
  throw new Error("was not refused");
}
