/** Gets manifests: which digest a tag stands for now, and the document of a digest, checked. */

import { repositoryScope } from "../../spec/distribution/token.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import { type Digest, digestOf, isDigest } from "../../spec/image/digest.ts";
import { algorithmOf } from "../../spec/image/digest-parts.ts";
import { parseImageDocument, schema1Refusal } from "../../spec/image/document.ts";
import {
  DOCKER_INDEX,
  DOCKER_MANIFEST,
  essenceOf,
  INDEX,
  isIndex,
  isManifest,
  isSchema1,
  MANIFEST,
} from "../../spec/image/media-types.ts";
import { failure, refusal, type Task } from "./failure.ts";
import { type HttpResponse, headerOf, lengthOf, readSmall } from "./response.ts";
import type { Session } from "./session.ts";

/** No manifest is longer: registries take 4 MiB, some a little more. */
export const MANIFEST_LIMIT_BYTES = 4 * 1024 * 1024 + 256 * 1024;

/**
 * An Accept header with every kind of manifest that runt reads; the rest is taken too, to be refused with
 * better words than a 404. Registries hide OCI's kinds from who does not name them.
 */
export const ANY_MANIFEST = [INDEX, MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST, "*/*"].join(", ");

/** A request for manifests of a repository at one server. */
export interface ManifestQuery {
  readonly session: Session;
  /** Of the repository. */
  readonly path: string;
  readonly task: Task;
  readonly attempts?: number | undefined;
  readonly signal: AbortSignal | undefined;
}

function request(
  query: ManifestQuery,
  method: "HEAD" | "GET",
  identifier: string,
  accept: string,
): Promise<HttpResponse> {
  const { session, path, task, attempts, signal } = query;
  return session.request({
    method,
    target: `${path}/manifests/${identifier}`,
    headers: { accept, "accept-encoding": "identity" },
    scopes: [repositoryScope(path, "pull")],
    task,
    attempts,
    signal,
    ...(method === "GET" ? { limitBytes: MANIFEST_LIMIT_BYTES } : {}),
  });
}

/**
 * What a tag or digest stands for at this server: by HEAD where that answers everything, else by the document.
 * @throws {RuntError} NotFound, PermissionDenied, Unavailable; Unimplemented for docker's schema 1
 */
export async function resolveAt(query: ManifestQuery, identifier: string): Promise<Descriptor> {
  const { task } = query;
  const response = await request(query, "HEAD", identifier, ANY_MANIFEST);
  await response.discard();
  if (response.status === 404) throw await refusal(response, task);
  const mediaType = essenceOf(headerOf(response, "content-type") ?? "");
  const size = lengthOf(response);
  const digest = headerOf(response, "docker-content-digest") ?? "";
  const isKnown = isIndex(mediaType) || isManifest(mediaType);
  if (response.status === 200 && isSchema1(mediaType))
    throw schema1Refusal({ where: task.subject, operation: task.operation });
  if (response.status === 200 && isKnown && size !== undefined && isDigest(digest)) {
    if (isDigest(identifier) && digest !== identifier) throw mismatch(query, identifier, digest);
    return { mediaType, digest, size };
  }
  // Other answers to HEAD have no body: GET may be allowed, or say why not.
  return await resolveByDocument(query, identifier);
}

async function resolveByDocument(query: ManifestQuery, identifier: string): Promise<Descriptor> {
  const { task } = query;
  const response = await request(query, "GET", identifier, ANY_MANIFEST);
  if (response.status !== 200) throw await refusal(response, task);
  const stated = headerOf(response, "docker-content-digest") ?? "";
  const contentType = essenceOf(headerOf(response, "content-type") ?? "");
  const bytes = await readSmall(response, MANIFEST_LIMIT_BYTES, task.subject);
  const algorithm = isDigest(identifier)
    ? algorithmOf(identifier)
    : isDigest(stated)
      ? algorithmOf(stated)
      : "sha256";
  const digest = digestOf(bytes, algorithm);
  const expected = isDigest(identifier) ? identifier : isDigest(stated) ? stated : digest;
  if (digest !== expected) throw mismatch(query, expected, digest);
  return { mediaType: mediaTypeOf(bytes, contentType, task), digest, size: bytes.length };
}

/** The document's own media type, where the server's is only "some JSON". */
function mediaTypeOf(bytes: Uint8Array, contentType: string, task: Task): string {
  if (isIndex(contentType) || isManifest(contentType)) return contentType;
  const known = isSchema1(contentType) ? contentType : "";
  const document = parseImageDocument(bytes, known, { where: task.subject, operation: task.operation });
  return document.kind === "index"
    ? (document.index.mediaType ?? INDEX)
    : (document.manifest.mediaType ?? MANIFEST);
}

/**
 * The bytes that a descriptor of a manifest or index names.
 * @throws {RuntError} NotFound, PermissionDenied, Unavailable, also where other bytes came
 */
export async function fetchManifestAt(query: ManifestQuery, descriptor: Descriptor): Promise<Uint8Array> {
  const { digest, size, mediaType } = descriptor;
  const response = await request(query, "GET", digest, `${mediaType}, */*`);
  if (response.status !== 200) throw await refusal(response, query.task);
  const bytes = await readSmall(response, MANIFEST_LIMIT_BYTES, query.task.subject);
  const found = digestOf(bytes, algorithmOf(digest));
  if (found !== digest) throw mismatch(query, digest, found);
  if (bytes.length !== size)
    throw failure(
      "InvalidArgument",
      query.task,
      `${digest} has ${bytes.length} bytes, not ${size} as its descriptor says`,
    );
  return bytes;
}

function mismatch({ session, task }: ManifestQuery, expected: Digest, found: string): Error {
  const host = session.host.base.host;
  return failure("Unavailable", task, `${host} sent other content: expected ${expected}, got ${found}`);
}
