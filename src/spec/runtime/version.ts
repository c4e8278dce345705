/** The `ociVersion` field. @see runtime-spec 1.3 config.md#specification-version, Semantic Versioning 2.0.0 */
import { show } from "./document-error.ts";
import { readText } from "./leaves.ts";
import { leaf, mustBe, refuse } from "./schema.ts";

const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*))*)?(\+[\dA-Za-z-]+(\.[\dA-Za-z-]+)*)?$/;

/** A version with major number 1; what a later minor version adds is an unknown property, and ignored. */
export const ociVersion = leaf((value) => {
  const version = readText(value);
  if (typeof version !== "string") return version;
  const match = SEMVER.exec(version);
  if (match === null) return refuse(mustBe("a semantic version", version));
  return match[1] === "1" ? version : refuse(`must have major version 1, not ${show(version)}`);
});
