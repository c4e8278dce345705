/**
 * Names of content by its hash: one text form, three meanings that must not be mixed up.
 * @see image-spec descriptor.md#digests, config.md#layer-chainid
 */
import { createHash } from "node:crypto";
import { RuntError } from "../../errors.ts";
import { show } from "../runtime/document-error.ts";
import { leaf, mustBe, refuse } from "../runtime/schema.ts";

declare const meaning: unique symbol;

/** The hash of bytes as they are stored and sent: of a (compressed) layer blob, a manifest, a config. */
export type Digest = string & { readonly [meaning]: "Digest" };
/** The hash of a layer's uncompressed tar stream. */
export type DiffID = string & { readonly [meaning]: "DiffID" };
/** The hash of a layer together with all layers below it: names a stack of layers. */
export type ChainID = string & { readonly [meaning]: "ChainID" };

/** A hash that content may be named by. */
export type DigestAlgorithm = "sha256" | "sha512";

/** Hex digits of each algorithm. A digest of another one cannot be verified here, so it is refused. */
const HEX_LENGTH: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 };

function whyNot(text: string): string | undefined {
  const [, algorithm, hex] = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/.exec(text) ?? [];
  if (algorithm === undefined || hex === undefined)
    return `must be a digest such as sha256:…, not ${show(text)}`;
  if (!Object.hasOwn(HEX_LENGTH, algorithm))
    return `has the digest algorithm ${algorithm}; runt knows sha256 and sha512`;
  const length = HEX_LENGTH[algorithm as DigestAlgorithm];
  if (hex.length === length && /^[0-9a-f]+$/.test(hex)) return undefined;
  return `must have ${length} lower-case hex digits after ${algorithm}:, not ${show(hex)}`;
}

/** Whether `text` is a digest that `parseDigest` takes. */
export function isDigest(text: string): text is Digest {
  return whyNot(text) === undefined;
}

/**
 * Reads "sha256:<64 hex>" or "sha512:<128 hex>".
 * @throws {RuntError} InvalidArgument for anything else
 */
export function parseDigest(text: string): Digest {
  const problem = whyNot(text);
  if (problem === undefined) return text as Digest;
  throw new RuntError("InvalidArgument", `digest ${problem}`, {
    operation: "parse",
    subject: text.slice(0, 200),
  });
}

/** The digest of `bytes`. */
export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = "sha256"): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}` as Digest;
}

/** The chainID of every layer of a stack, bottom first: the first is the diffID itself. */
export function chainIDs(diffIDs: readonly DiffID[]): ChainID[] {
  const chain: ChainID[] = [];
  for (const diffID of diffIDs) {
    const below = chain.at(-1);
    const id: string = below === undefined ? diffID : digestOf(`${below} ${diffID}`);
    chain.push(id as ChainID);
  }
  return chain;
}

/** In a document: a digest of stored bytes. */
export const digest = leaf<Digest>((value) => {
  if (typeof value !== "string") return refuse(mustBe("a digest", value));
  const problem = whyNot(value);
  return problem === undefined ? (value as Digest) : refuse(problem);
});

/** In a document: a digest of an uncompressed layer. */
export const diffID = leaf<DiffID>((value) => {
  if (typeof value !== "string") return refuse(mustBe("a digest", value));
  const problem = whyNot(value);
  return problem === undefined ? (value as DiffID) : refuse(problem);
});
