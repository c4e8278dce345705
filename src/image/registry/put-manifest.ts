/** Gives a registry a manifest or index, byte for byte, after everything that it names. */
import { repositoryScope } from "../../spec/distribution/token.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import { digestOf, isDigest } from "../../spec/image/digest.ts";
import { algorithmOf } from "../../spec/image/digest-parts.ts";
import { failure, refusal } from "./failure.ts";
import { ANY_MANIFEST } from "./manifest.ts";
import { headerOf } from "./response.ts";
import type { UploadTarget } from "./upload.ts";

/** Whether the repository has a manifest. */
export async function hasManifest(
  { session, path, task, signal }: UploadTarget,
  digest: string,
): Promise<boolean> {
  const response = await session.request({
    method: "HEAD",
    target: `${path}/manifests/${digest}`,
    headers: { accept: ANY_MANIFEST },
    scopes: [repositoryScope(path, "pull", "push")],
    task,
    signal,
  });
  await response.discard();
  if (response.status === 200 || response.status === 404) return response.status === 200;
  throw await refusal(response, task);
}

/**
 * Stores a manifest under a tag, or under its digest only.
 * @throws {RuntError} as the registry refuses; Unavailable where it has got another digest
 */
export async function putManifest(
  { session, path, task, signal }: UploadTarget,
  bytes: Uint8Array,
  mediaType: string,
  identifier: string,
): Promise<Descriptor> {
  const response = await session.request({
    method: "PUT",
    target: `${path}/manifests/${identifier}`,
    headers: { "content-type": mediaType },
    body: { length: bytes.length, open: () => only(bytes) },
    scopes: [repositoryScope(path, "pull", "push")],
    task,
    signal,
  });
  if (response.status !== 201 && response.status !== 200) throw await refusal(response, task);
  await response.discard();
  const digest = digestOf(bytes, isDigest(identifier) ? algorithmOf(identifier) : "sha256");
  const stored = headerOf(response, "docker-content-digest") ?? digest;
  if (stored !== digest) throw failure("Unavailable", task, `the registry stored ${stored}, not ${digest}`);
  return { mediaType, digest, size: bytes.length };
}

async function* only(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
