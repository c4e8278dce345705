/** Gives a registry a blob: by mounting it from another repository, in one piece or in chunks. */

import { RuntError } from "../../errors.ts";
import { parseUploadRange } from "../../spec/distribution/ranges.ts";
import { repositoryScope } from "../../spec/distribution/token.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import { ByteCursor } from "./byte-cursor.ts";
import { failure, refusal, type Task } from "./failure.ts";
import type { Patience } from "./options.ts";
import { type HttpResponse, headerOf } from "./response.ts";
import { backOffMs, wait } from "./retry.ts";
import type { Session } from "./session.ts";

/** A repository to write to. */
export interface UploadTarget {
  readonly session: Session;
  readonly path: string;
  readonly task: Task;
  readonly patience: Patience;
  readonly signal: AbortSignal | undefined;
}

/** A blob to send. */
export interface Upload {
  readonly descriptor: Descriptor;
  /** The blob's bytes from the start; called again where sending has to start over. */
  readonly open: () => AsyncIterable<Uint8Array>;
  /** Sends chunks of this many bytes, which can be taken up again where one is lost; 0 is all in one. */
  readonly chunkBytes: number;
  /** Of this blob, how many bytes have been sent. Goes back where sending starts over. */
  readonly onProgress: (bytes: number) => void;
}

/** Whether the repository has the blob. */
export async function hasBlob(target: UploadTarget, digest: string): Promise<boolean> {
  const { session, path, task, signal } = target;
  const response = await session.request({
    method: "HEAD",
    target: `${path}/blobs/${digest}`,
    scopes: [repositoryScope(path, "pull", "push")],
    task,
    signal,
  });
  await response.discard();
  if (response.status === 200) return true;
  if (response.status === 404) return false;
  throw await refusal(response, task);
}

function begin(target: UploadTarget, query: string, scopes: readonly string[]): Promise<HttpResponse> {
  const { session, path, task, signal } = target;
  return session.request({
    method: "POST",
    target: `${path}/blobs/uploads/${query}`,
    scopes: [repositoryScope(path, "pull", "push"), ...scopes],
    body: { length: 0, async *open() {} },
    task,
    signal,
  });
}

function locationOf(response: HttpResponse, task: Task): URL {
  const location = URL.parse(headerOf(response, "location") ?? "", response.url);
  if (location !== null && /^https?:$/.test(location.protocol)) return location;
  throw failure("Unavailable", task, `${response.url.host} names no place for the upload`);
}

/**
 * Has the registry take the blob from another of its repositories.
 * @returns "mounted", or the place of an upload where the registry would rather have the bytes, or "refused"
 */
export async function mountBlob(
  target: UploadTarget,
  digest: string,
  from: string,
): Promise<"mounted" | "refused" | URL> {
  try {
    const query = `?${new URLSearchParams({ mount: digest, from })}`;
    const response = await begin(target, query, [repositoryScope(from, "pull")]);
    await response.discard();
    if (response.status === 201) return "mounted";
    return response.status === 202 ? locationOf(response, target.task) : "refused";
  } catch (error) {
    // Not being allowed to read the other repository does not hinder the upload to this one.
    if (error instanceof RuntError && (error.kind === "PermissionDenied" || error.kind === "NotFound"))
      return "refused";
    throw error;
  }
}

/**
 * Sends a blob; after a lost connection again from the start, or from the last chunk that arrived.
 * @param location of an upload that has been begun already
 * @throws {RuntError} as the registry refuses; InvalidArgument where the content is not what the descriptor says
 */
export async function uploadBlob(target: UploadTarget, upload: Upload, location?: URL): Promise<void> {
  const { patience, signal } = target;
  let place = location;
  for (let n = 1; ; n++) {
    try {
      place ??= await beginUpload(target);
      if (upload.chunkBytes > 0 && upload.descriptor.size > upload.chunkBytes)
        await sendChunks(target, upload, place);
      else await finish(target, upload, place, upload.descriptor.size);
      return;
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      // An upload that is no longer known is begun anew, as is one whose fate is not known.
      const passing = error instanceof RuntError && (error.kind === "Unavailable" || isUnknownUpload(error));
      if (!passing || n >= patience.attempts) throw error;
      await wait(backOffMs(n, patience), signal);
      if (await hasBlob(target, upload.descriptor.digest)) return;
      place = undefined;
    }
  }
}

function isUnknownUpload(error: RuntError): boolean {
  return error.message.includes("BLOB_UPLOAD_UNKNOWN") || error.message.includes("BLOB_UPLOAD_INVALID");
}

async function beginUpload(target: UploadTarget): Promise<URL> {
  const response = await begin(target, "", []);
  if (response.status !== 202) throw await refusal(response, target.task);
  await response.discard();
  return locationOf(response, target.task);
}

/** The last request of an upload: names the digest, and brings the last `length` bytes. */
async function finish(target: UploadTarget, upload: Upload, location: URL, length: number): Promise<void> {
  const { session, path, task, signal } = target;
  const { descriptor, open, onProgress } = upload;
  const place = new URL(location);
  place.searchParams.set("digest", descriptor.digest);
  const response = await session.request({
    method: "PUT",
    target: place,
    headers: { "content-type": "application/octet-stream" },
    body: { length, open: () => (length === 0 ? nothing() : exactly(open(), length, onProgress, task)) },
    scopes: [repositoryScope(path, "pull", "push")],
    task,
    attempts: 1,
    signal,
  });
  if (response.status !== 201 && response.status !== 204) throw await refusal(response, task);
  await response.discard();
  const stored = headerOf(response, "docker-content-digest");
  if (stored !== undefined && stored !== descriptor.digest)
    throw failure("Unavailable", task, `the registry stored ${stored}, not ${descriptor.digest}`);
}

async function* nothing(): AsyncIterable<Uint8Array> {}

async function* exactly(
  source: AsyncIterable<Uint8Array>,
  length: number,
  onProgress: (bytes: number) => void,
  task: Task,
): AsyncIterable<Uint8Array> {
  let sent = 0;
  for await (const chunk of source) {
    sent += chunk.length;
    if (sent > length) break;
    yield chunk;
    onProgress(sent);
  }
  if (sent !== length)
    throw failure("InvalidArgument", task, `its content has not the ${length} bytes its descriptor says`);
}

async function sendChunks(target: UploadTarget, upload: Upload, begun: URL): Promise<void> {
  const { patience, signal } = target;
  const { descriptor, open, chunkBytes, onProgress } = upload;
  await using cursor = new ByteCursor(open);
  let [location, position, vain] = [begun, 0, 0];
  while (position < descriptor.size) {
    const length = Math.min(chunkBytes, descriptor.size - position);
    try {
      const response = await sendChunk(target, cursor, location, position, length);
      location = locationOf(response, target.task);
      position += length;
      vain = 0;
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (!(error instanceof RuntError) || error.kind !== "Unavailable" || ++vain >= patience.attempts)
        throw error;
      await wait(backOffMs(vain, patience), signal);
      const state = await stateOf(target, location);
      if (state.position > position + length) throw error;
      ({ location, position } = state);
    }
    onProgress(position);
  }
  await finish(target, upload, location, 0);
}

async function sendChunk(
  { session, path, task, signal }: UploadTarget,
  cursor: ByteCursor,
  location: URL,
  position: number,
  length: number,
): Promise<HttpResponse> {
  const response = await session.request({
    method: "PATCH",
    target: location,
    headers: {
      "content-type": "application/octet-stream",
      "content-range": `${position}-${position + length - 1}`,
    },
    body: { length, open: () => cursor.read(position, length) },
    scopes: [repositoryScope(path, "pull", "push")],
    task,
    attempts: 1,
    signal,
  });
  if (response.status !== 202 && response.status !== 204 && response.status !== 201)
    throw await refusal(response, task);
  await response.discard();
  return response;
}

/** How far an upload has come, as the registry sees it. */
async function stateOf(
  { session, path, task, signal }: UploadTarget,
  location: URL,
): Promise<{ location: URL; position: number }> {
  const response = await session.request({
    method: "GET",
    target: location,
    scopes: [repositoryScope(path, "pull", "push")],
    task,
    signal,
  });
  if (response.status !== 204) throw await refusal(response, task);
  await response.discard();
  const next = URL.parse(headerOf(response, "location") ?? "", response.url) ?? location;
  return { location: next, position: parseUploadRange(headerOf(response, "range")) };
}
