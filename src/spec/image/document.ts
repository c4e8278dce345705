/**
 * From the bytes of a manifest or index to its meaning. The bytes are what the digest names, so they are kept
 * by the caller as they came; what is given here is never written back.
 */
import { RuntError } from "../../errors.ts";
import { invalid, type Origin } from "../runtime/document-error.ts";
import { parseJson } from "../runtime/json.ts";
import { readDocument } from "../runtime/parse.ts";
import type { Infer, Schema } from "../runtime/schema.ts";
import { ImageConfig } from "./config.ts";
import { Index } from "./index.ts";
import { Manifest } from "./manifest.ts";
import { isIndex, isManifest, isSchema1 } from "./media-types.ts";

/** A manifest or an index, told apart. */
export type ImageDocument =
  | { readonly kind: "index"; readonly index: Index }
  | { readonly kind: "manifest"; readonly manifest: Manifest };

function parseBytes(bytes: Uint8Array, origin: Origin): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const { operation, where: subject } = origin;
    throw new RuntError("InvalidArgument", `${subject}: not UTF-8 text`, { operation, subject }, cause);
  }
  return parseJson(text, origin);
}

function has(value: unknown, key: string): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key);
}

function member(value: unknown, key: string): unknown {
  return has(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}

/** The error for docker's schema 1, wherever it shows. */
export function schema1Refusal(origin: Origin): RuntError {
  return new RuntError(
    "Unimplemented",
    `${origin.where}: the image has docker's manifest schema 1, which cannot be verified and is not supported`,
    {
      operation: origin.operation,
      subject: origin.where,
      hint: "push the image again with a docker of 2017 or later",
    },
  );
}

/**
 * Reads a manifest or an index, whichever it is.
 *
 * The document's own `mediaType` must agree with what came with the bytes, and it may not be readable as both
 * kinds: else two readers would take the same digest for two images.
 * @param mediaType from the descriptor or the Content-Type; "" where there was none
 * @throws {RuntError} InvalidArgument for a malformed document; Unimplemented for docker's schema 1
 * @see image-spec manifest.md; CVE-2021-41190
 */
export function parseImageDocument(bytes: Uint8Array, mediaType: string, origin: Origin): ImageDocument {
  const value = parseBytes(bytes, origin);
  const own = member(value, "mediaType");
  const stated = typeof own === "string" && own !== "" ? own : mediaType;
  if (isSchema1(stated) || member(value, "schemaVersion") === 1) throw schema1Refusal(origin);
  const kinds: readonly [string, (mediaType: string) => boolean][] = [
    ["an index", isIndex],
    ["a manifest", isManifest],
  ];
  for (const [name, is] of kinds) {
    if (is(mediaType) && !is(stated))
      throw invalid(origin, ["mediaType"], `must be that of ${name}, not ${stated}`);
  }
  const hasManifests = has(value, "manifests");
  const hasLayers = has(value, "layers") || has(value, "config");
  if (hasManifests && hasLayers) throw invalid(origin, [], "is both an index and a manifest");
  if (isIndex(stated) || (!isManifest(stated) && hasManifests)) {
    if (hasLayers) throw invalid(origin, [], "is said to be an index and looks like a manifest");
    return { kind: "index", index: readDocument(Index, value, origin) };
  }
  if (hasManifests) throw invalid(origin, [], "is said to be a manifest and looks like an index");
  return { kind: "manifest", manifest: readDocument(Manifest, value, origin) };
}

/**
 * Reads bytes by a schema of this folder.
 * @throws {RuntError} InvalidArgument for a malformed document
 */
export function parseImageJson<S extends Schema>(schema: S, bytes: Uint8Array, origin: Origin): Infer<S> {
  return readDocument(schema, parseBytes(bytes, origin), origin);
}

/**
 * Reads a manifest.
 * @throws {RuntError} InvalidArgument for a malformed document or an index; Unimplemented for schema 1
 */
export function parseManifest(bytes: Uint8Array, mediaType: string, origin: Origin): Manifest {
  const document = parseImageDocument(bytes, mediaType, origin);
  if (document.kind === "manifest") return document.manifest;
  throw invalid(origin, [], "must be a manifest, not an index");
}

/**
 * Reads an index.
 * @throws {RuntError} InvalidArgument for a malformed document or a manifest; Unimplemented for schema 1
 */
export function parseIndex(bytes: Uint8Array, mediaType: string, origin: Origin): Index {
  const document = parseImageDocument(bytes, mediaType, origin);
  if (document.kind === "index") return document.index;
  throw invalid(origin, [], "must be an index, not a manifest");
}

/**
 * Reads an image config.
 * @throws {RuntError} InvalidArgument for a malformed document
 */
export function parseImageConfig(bytes: Uint8Array, origin: Origin): ImageConfig {
  return parseImageJson(ImageConfig, bytes, origin);
}
