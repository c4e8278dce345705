/**
 * One layer, from the bytes of its blob to files in a directory: decompressed, hashed, read and written in one go, so
 * that no part of it has to fit into memory.
 */
import { createHash, type Hash } from "node:crypto";
import { constants, openSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import { Fd } from "../../linux/fd.ts";
import { inFirstUserNamespace } from "../../linux/id-map.ts";
import { O_PATH } from "../../linux/openat2.ts";
import type { DiffID, Digest, DigestAlgorithm } from "../../spec/image/digest.ts";
import { type Compression, compressionOf } from "../../spec/image/media-types.ts";
import { decompress } from "./decompress.ts";
import type { DeferredLink } from "./deferred-links.ts";
import { defaultLimits, type LayerLimits, overLimit } from "./limits.ts";
import { TarReader } from "./tar-reader.ts";
import { LayerWriter } from "./writer.ts";

/** How far it is. */
export interface LayerProgress {
  /** Bytes of the blob that have been taken. */
  readonly compressedBytes: number;
  /** Bytes of the archive in it. */
  readonly bytes: number;
  readonly entries: number;
}

export interface ApplyOptions {
  /** Refused where it is no layer's; otherwise the bytes themselves say how they are compressed. */
  readonly mediaType: string;
  /** Exists; empty for an overlay layer. Nobody else may write to it meanwhile. */
  readonly dir: string;
  /** "overlay": only this layer, for OverlayFS to stack. "flat": upon the layers below, which are in `dir` already. */
  readonly target: "overlay" | "flat";
  /** Whether OverlayFS will be mounted with `userxattr`: marks are user.overlay.* then. */
  readonly userXattr: boolean;
  readonly limits?: Partial<LayerLimits>;
  /** Of the digests in the result. */
  readonly algorithm?: DigestAlgorithm;
  /**
   * "skip": not wanted. "known": whoever gives the bytes has it; then the diffID of a layer that is not compressed, which
   * is the same, is left out too.
   */
  readonly compressedDigest?: "compute" | "skip" | "known";
  readonly onProgress?: (progress: LayerProgress) => void;
  readonly signal?: AbortSignal;
}

export interface AppliedLayer {
  /** Of every uncompressed byte, those behind the archive's end too; "" where it was left out. */
  readonly diffID: DiffID;
  /** Undefined unless it was to be computed. */
  readonly compressedDigest: Digest | undefined;
  readonly compression: Compression;
  readonly compressedBytes: number;
  /** Of the uncompressed archive. */
  readonly bytes: number;
  readonly entries: number;
  /** Directories that no entry describes; `settleLayer` gives them the attributes they have in the layers below. */
  readonly implicitParents: readonly string[];
  /** Hard links to files of layers below, for `settleLayer`. */
  readonly deferredLinks: readonly DeferredLink[];
  /** Whiteouts of an overlay layer; `settleLayer` removes those that hide nothing. */
  readonly whiteouts: readonly string[];
  /** All of the layers below is hidden; `settleLayer` writes that down name by name. */
  readonly rootIsOpaque: boolean;
  /** As it was asked for. */
  readonly userXattr: boolean;
  /** What was left out, a line each: attributes that the file system does not take, devices in a user namespace. */
  readonly warnings: readonly string[];
}

/** Enough to see what it is about. */
const maxWarnings = 100;

/**
 * Writes a layer. Layers that go into directories of their own need not wait for each other: what this one needs of
 * those below is in the result, for `settleLayer`. On this thread; `LayerThreads` does the same on others.
 * If it throws, `dir` has a part of the layer in it, which is for the caller to remove.
 * @throws {RuntError} InvalidArgument for an archive that is damaged, or hostile, or over a limit; FailedPrecondition for
 * a full disk; PermissionDenied; Unimplemented; what `blob` throws; the reason of `signal`
 */
export async function applyLayer(
  blob: AsyncIterable<Uint8Array>,
  options: ApplyOptions,
): Promise<AppliedLayer> {
  const { algorithm = "sha256", compressedDigest = "compute", onProgress, signal } = options;
  checkMediaType(options.mediaType);
  const limits: LayerLimits = { ...defaultLimits, ...options.limits };
  const warnings: string[] = [];
  const warn = (text: string) => {
    if (warnings.length < maxWarnings) warnings.push(text);
  };
  using root = new Fd(openSync(options.dir, constants.O_DIRECTORY | constants.O_NOFOLLOW | O_PATH));
  const { target, userXattr } = options;
  using writer = new LayerWriter(root, { target, userXattr, limits, devices: devices(), warn });
  const reader = new TarReader(writer, limits);
  const counted = new Counted(
    blob,
    compressedDigest === "compute" ? createHash(algorithm) : undefined,
    signal,
  );
  const { compression, bytes: chunks } = await decompress(counted);
  // What is not compressed is the same bytes once more.
  const isSame = compression === "none" && counted.hash !== undefined;
  const isKnown = compression === "none" && compressedDigest === "known";
  const hash = isSame ? counted.hash : createHash(algorithm);
  let bytes = 0;
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    bytes += chunk.length;
    checkBytes(bytes, counted.bytes, limits);
    if (!isSame && !isKnown) hash.update(chunk);
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    writer.chunk = buffer;
    reader.write(buffer);
    writer.advance();
    onProgress?.({ compressedBytes: counted.bytes, bytes, entries: reader.entries });
  }
  signal?.throwIfAborted();
  reader.finish();
  writer.finish();
  const diffID = (isKnown ? "" : `${algorithm}:${hash.digest("hex")}`) as DiffID;
  return {
    diffID,
    compressedDigest: isSame
      ? (diffID as string as Digest)
      : counted.hash && (`${algorithm}:${counted.hash.digest("hex")}` as Digest),
    compression,
    compressedBytes: counted.bytes,
    bytes,
    entries: reader.entries,
    implicitParents: writer.implicitParents,
    deferredLinks: writer.deferredLinks,
    whiteouts: writer.whiteouts,
    rootIsOpaque: writer.rootIsOpaque,
    userXattr,
    warnings,
  };
}

/** @throws {RuntError} Unimplemented */
export function checkMediaType(mediaType: string): void {
  if (compressionOf(mediaType) === undefined)
    throw new RuntError("Unimplemented", `layers of type ${JSON.stringify(mediaType)} are unknown`, {
      operation: "unpack",
    });
}

/** @throws {RuntError} InvalidArgument */
function checkBytes(bytes: number, compressedBytes: number, limits: LayerLimits): void {
  if (bytes > limits.bytes) throw overLimit(`it is more than ${limits.bytes} bytes uncompressed`, "bytes");
  if (bytes > limits.ratioFromBytes && bytes > compressedBytes * limits.ratio)
    throw overLimit(`it is more than ${limits.ratio} times its compressed size`, "ratio");
}

let devicesHere: "make" | "skip" | undefined;

/** A user namespace makes no devices, but for whiteouts. */
function devices(): "make" | "skip" {
  devicesHere ??= inFirstUserNamespace() ? "make" : "skip";
  return devicesHere;
}

/** Counts and hashes what passes. */
class Counted implements AsyncIterable<Uint8Array> {
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  readonly hash: Hash | undefined;
  bytes = 0;

  constructor(source: AsyncIterable<Uint8Array>, hash: Hash | undefined, signal: AbortSignal | undefined) {
    this.#source = source;
    this.hash = hash;
    this.#signal = signal;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of this.#source) {
      this.#signal?.throwIfAborted();
      this.bytes += chunk.length;
      this.hash?.update(chunk);
      yield chunk;
    }
  }
}
