/**
 * The registry client: one repository, seen through its mirrors and its registry. What it gives is checked
 * against the digest (manifests) or the size (blobs) that was asked for.
 */
import type { Descriptor } from "../../spec/image/descriptor.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { fullName, identifierOf, type Reference, repositoryName } from "../reference/reference.ts";
import { embeddedContent, openBlob } from "./blob.ts";
import { foreignSources, serverSource } from "./blob-sources.ts";
import { refusal, type Task } from "./failure.ts";
import { fetchManifestAt, resolveAt } from "./manifest.ts";
import { type Patience, type RegistryOptions, settingsOf } from "./options.ts";
import { placesOf, sessionsAt } from "./places.ts";
import { hasManifest, putManifest } from "./put-manifest.ts";
import { Servers } from "./servers.ts";
import { listTagsAt } from "./tags.ts";
import { Transport } from "./transport.ts";
import { hasBlob, mountBlob, uploadBlob } from "./upload.ts";

/** What a blob is read with. */
export interface FetchBlobOptions {
  /** First byte that is wanted; 0 when absent. */
  readonly offset?: number;
  /** "origin" leaves out the mirrors: after one has sent other content than the digest says. */
  readonly from?: "any" | "origin";
  readonly signal?: AbortSignal | undefined;
}

/** How a blob is sent. */
export interface UploadBlobOptions {
  /** Bytes of one chunk; 0 or absent is all in one request. */
  readonly chunkBytes?: number;
  /** Bytes of this blob sent so far. */
  readonly onProgress?: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A client for the repository of `reference`. Configuration is read now, connections are made when needed.
 * @throws {RuntError} InvalidArgument for a configuration of the registry that cannot be read
 */
export async function openRegistry(
  reference: Reference,
  options: RegistryOptions = {},
): Promise<RegistryClient> {
  const settings = settingsOf(options, reference.domain);
  const { patience } = settings;
  const places = await placesOf(reference, settings);
  const insecure = new Set(places.flatMap((place) => [...place.settings.insecure]));
  const transport = new Transport({ ...settings, insecure });
  const sessions = await Promise.all(places.map((place) => sessionsAt(place, transport)));
  return new RegistryClient(reference, {
    servers: new Servers(sessions.flat(), patience),
    transport,
    patience,
  });
}

/** What a client is made from. */
export interface ClientParts {
  readonly servers: Servers;
  readonly transport: Transport;
  readonly patience: Patience;
}

/** A repository at a registry. Made by `openRegistry`; disposing it ends its connections. */
export class RegistryClient {
  readonly domain: string;
  readonly path: string;
  readonly #servers: Servers;
  readonly #transport: Transport;
  readonly #patience: Patience;
  readonly #repository: string;
  /** Uploads that a refused mount has begun, by digest. */
  readonly #begun = new Map<Digest, URL>();

  constructor(reference: Reference, { servers, transport, patience }: ClientParts) {
    this.domain = reference.domain;
    this.path = reference.path;
    this.#repository = repositoryName(reference);
    this.#servers = servers;
    this.#transport = transport;
    this.#patience = patience;
  }

  /**
   * What a tag or digest stands for.
   * @throws {RuntError} NotFound, PermissionDenied, Unavailable; Unimplemented for docker's schema 1; the
   *   signal's reason
   */
  async resolve(reference: Reference, signal?: AbortSignal): Promise<Descriptor> {
    const task = this.#task("pull", fullName(reference));
    // A digest needs no authority on names: a mirror that only has content will do.
    const capability = reference.digest === undefined ? "resolve" : "pull";
    return await this.#servers.ask(capability, task, signal, (query) =>
      resolveAt(query, identifierOf(reference)),
    );
  }

  /**
   * The bytes of a manifest or index, digest and size checked.
   * @throws {RuntError} as `resolve`
   */
  async fetchManifest(descriptor: Descriptor, signal?: AbortSignal): Promise<Uint8Array> {
    const embedded = embeddedContent(descriptor);
    if (embedded !== undefined) return embedded;
    const task = this.#task("pull", `${this.#repository}@${descriptor.digest}`);
    return await this.#servers.ask("pull", task, signal, (query) => fetchManifestAt(query, descriptor));
  }

  /**
   * A blob as a stream to be read once; lost connections are taken up again inside. Length is checked, the
   * digest is left to whoever stores the bytes.
   * @throws {RuntError} as `resolve`, here or while reading
   */
  async fetchBlob(
    descriptor: Descriptor,
    options: FetchBlobOptions = {},
  ): Promise<AsyncIterable<Uint8Array>> {
    const { offset = 0, from = "any", signal } = options;
    const task = this.#blobTask("pull", descriptor.digest);
    const query = { descriptor, task, signal };
    const servers = this.#servers.capable("pull");
    const wanted = from === "any" ? servers : servers.filter(({ session }) => session.isOrigin);
    return await openBlob({
      descriptor,
      sources: [
        ...foreignSources(query, this.#transport, this.#patience),
        ...wanted.map(({ session, attempts }) => serverSource(session, attempts, query)),
      ],
      offset,
      task,
      patience: this.#patience,
      signal,
    });
  }

  /** All tags of the repository. @throws {RuntError} as `resolve` */
  async listTags(signal?: AbortSignal): Promise<string[]> {
    return await this.#servers.ask("resolve", this.#task("list tags", this.#repository), signal, listTagsAt);
  }

  /** Whether the registry has a blob in this repository. @throws {RuntError} PermissionDenied, Unavailable */
  async blobExists({ digest }: Descriptor, signal?: AbortSignal): Promise<boolean> {
    return await hasBlob(this.#servers.uploadTarget(this.#blobTask("push", digest), signal), digest);
  }

  /** Whether the registry has a manifest in this repository. @throws {RuntError} PermissionDenied, Unavailable */
  async manifestExists({ digest }: Descriptor, signal?: AbortSignal): Promise<boolean> {
    const task = this.#task("push", `${this.#repository}@${digest}`);
    return await hasManifest(this.#servers.uploadTarget(task, signal), digest);
  }

  /**
   * Has the registry take a blob from another repository of its own.
   * @param from path of that repository: "library/busybox"
   * @returns whether it has; if not, the blob must be sent
   */
  async mountBlob({ digest }: Descriptor, from: string, signal?: AbortSignal): Promise<boolean> {
    const result = await mountBlob(
      this.#servers.uploadTarget(this.#blobTask("push", digest), signal),
      digest,
      from,
    );
    if (result instanceof URL) this.#begun.set(digest, result);
    return result === "mounted";
  }

  /**
   * Sends a blob, again from the start where a connection is lost.
   * @param open gives the blob's bytes from the start, as often as it is called
   * @throws {RuntError} as the registry refuses; the signal's reason
   */
  async uploadBlob(
    descriptor: Descriptor,
    open: () => AsyncIterable<Uint8Array>,
    { chunkBytes = 0, onProgress = () => {}, signal }: UploadBlobOptions = {},
  ): Promise<void> {
    const target = this.#servers.uploadTarget(this.#blobTask("push", descriptor.digest), signal);
    const begun = this.#begun.get(descriptor.digest);
    this.#begun.delete(descriptor.digest);
    await uploadBlob(target, { descriptor, open, chunkBytes, onProgress }, begun);
  }

  /**
   * Stores a manifest or index, after all that it names.
   * @param identifier tag, or the digest of the bytes, which is sent as they are
   * @throws {RuntError} as the registry refuses; the signal's reason
   */
  async putManifest(
    bytes: Uint8Array,
    mediaType: string,
    identifier: string,
    signal?: AbortSignal,
  ): Promise<Descriptor> {
    const separator = identifier.includes(":") ? "@" : ":";
    const task = this.#task("push", `${this.#repository}${separator}${identifier}`);
    return await putManifest(this.#servers.uploadTarget(task, signal), bytes, mediaType, identifier);
  }

  /**
   * Asks whether the registry lets us in, with credentials where it wants them.
   * @throws {RuntError} PermissionDenied, Unavailable; NotFound where no registry answers there
   */
  async ping(signal?: AbortSignal): Promise<void> {
    const task = this.#task("pull", this.domain);
    const { session } = this.#servers.uploadTarget(task, signal);
    const response = await session.request({ method: "GET", target: "", scopes: [], task, signal });
    if (response.status !== 200) throw await refusal(response, task);
    await response.discard();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }

  #task(operation: string, subject: string): Task {
    return { operation, subject, domain: this.domain };
  }

  #blobTask(operation: string, digest: Digest): Task {
    return this.#task(operation, `${this.#repository}: blob ${digest}`);
  }
}
