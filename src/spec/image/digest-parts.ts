/** The two parts of a digest that was read before. */
import type { ChainID, DiffID, Digest, DigestAlgorithm } from "./digest.ts";

/** The part before the colon. */
export function algorithmOf(digest: Digest | DiffID | ChainID): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(":")) as DigestAlgorithm;
}

/** The part after the colon. */
export function hexOf(digest: Digest | DiffID | ChainID): string {
  return digest.slice(digest.indexOf(":") + 1);
}
