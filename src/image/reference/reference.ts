/**
 * Image names: the grammar of `[domain/]path[:tag][@digest]`, and the two ways to write one, for programs and
 * for people. A short name is docker.io's here; `registries-conf/short-name.ts` says where else it is sought.
 * @see distribution reference grammar; distribution-spec spec.md#pulling-manifests
 */
import { RuntError } from "../../errors.ts";
import { type Digest, isDigest, parseDigest } from "../../spec/image/digest.ts";

/** A whole image name: nothing is left to be filled in. */
export interface Reference {
  /** Registry host with port where one was written: "docker.io", "localhost:5000". */
  readonly domain: string;
  /** Repository: "library/busybox". */
  readonly path: string;
  readonly tag?: string;
  /** Decides where both are there; the tag then only tells people where the digest is from. */
  readonly digest?: Digest;
}

/** The registry of names without a domain. */
export const DEFAULT_DOMAIN = "docker.io";
const LEGACY_DEFAULT_DOMAIN = "index.docker.io";
const OFFICIAL = "library/";
const DEFAULT_TAG = "latest";
const LONGEST_PATH = 255;

const LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const DOMAIN = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-fA-F:.]+\\])(?::[0-9]{1,5})?$`);
const PATH = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;

function invalid(text: string, why: string, hint?: string): RuntError {
  const shown = JSON.stringify(text.length <= 200 ? text : `${text.slice(0, 199)}…`);
  const site = { operation: "parse", subject: `image name ${shown}` };
  return new RuntError(
    "InvalidArgument",
    `image name ${shown}: ${why}`,
    hint === undefined ? site : { ...site, hint },
  );
}

/** Whether the first component of a name is a host: as docker decides it. */
function isHost(component: string): boolean {
  return /[.:]/.test(component) || component === "localhost" || component !== component.toLowerCase();
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const [domain, rest] =
    slash >= 0 && isHost(first) ? [first, name.slice(slash + 1)] : [DEFAULT_DOMAIN, name];
  if (domain !== DEFAULT_DOMAIN && domain !== LEGACY_DEFAULT_DOMAIN) return { domain, path: rest };
  return { domain: DEFAULT_DOMAIN, path: rest.includes("/") ? rest : OFFICIAL + rest };
}

/** Why a path is not one, as exactly as is useful. */
function whyNotPath(path: string): string {
  if (path === "" || path.endsWith("/") || path.startsWith("/") || path.includes("//"))
    return "a component of the path is empty";
  if (path !== path.toLowerCase()) return "the path must be lower case";
  return "the path may have a-z and 0-9, with . _ __ or - between them";
}

/**
 * Reads an image name as people write it. Without tag and digest the tag is "latest".
 * @throws {RuntError} InvalidArgument, saying which part is wrong
 */
export function parseReference(text: string): Reference {
  if (text === "") throw invalid(text, "must not be empty");
  const scheme = /^(https?|docker|oci|docker-archive|containers-storage):/.exec(text);
  if (scheme !== null && text.startsWith("//", scheme[0].length))
    throw invalid(text, `a name has no ${scheme[0]}//`, `leave out ${scheme[0]}//`);
  if (/^[0-9a-f]{64}$/.test(text))
    throw invalid(text, "64 hex digits are an ID, not a name", `write NAME@sha256:${text.slice(0, 4)}…`);

  const at = text.indexOf("@");
  const named = at < 0 ? text : text.slice(0, at);
  const digestText = at < 0 ? undefined : text.slice(at + 1);
  if (digestText !== undefined && !isDigest(digestText)) throw digestFault(text, digestText);

  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  const tag = hasTag ? named.slice(colon + 1) : digestText === undefined ? DEFAULT_TAG : undefined;
  if (tag !== undefined && !TAG.test(tag))
    throw invalid(
      text,
      `the tag ${JSON.stringify(tag.slice(0, 140))} may have up to 128 of a-z A-Z 0-9 _ . -`,
    );

  const { domain, path } = splitDomain(hasTag ? named.slice(0, colon) : named);
  if (!DOMAIN.test(domain))
    throw invalid(text, `${JSON.stringify(domain)} is not a host name with an optional port`);
  if (!PATH.test(path)) throw invalid(text, whyNotPath(path));
  if (path.length > LONGEST_PATH) throw invalid(text, `the path is longer than ${LONGEST_PATH} characters`);
  return {
    domain,
    path,
    ...(tag === undefined ? {} : { tag }),
    ...(digestText === undefined ? {} : { digest: digestText }),
  };
}

function digestFault(text: string, digest: string): RuntError {
  try {
    parseDigest(digest);
  } catch (error) {
    return invalid(text, (error as Error).message);
  }
  return invalid(text, "the digest is wrong");
}

/** Whether a name leaves out its registry: "busybox", "user/app:1". */
export function isShortName(text: string): boolean {
  const slash = text.indexOf("/");
  return slash < 0 || !isHost(text.slice(0, slash));
}

/** Registry and repository: "docker.io/library/busybox". */
export function repositoryName({ domain, path }: Reference): string {
  return `${domain}/${path}`;
}

/** The name with nothing left out, for programs: "docker.io/library/busybox:latest". */
export function fullName(reference: Reference): string {
  return repositoryName(reference) + suffixOf(reference);
}

/** The name as docker shows it to people: "busybox:latest", "user/app:1", "quay.io/a/b:1". */
export function familiarName(reference: Reference): string {
  const { domain, path } = reference;
  if (domain !== DEFAULT_DOMAIN) return fullName(reference);
  const official = path.startsWith(OFFICIAL) && !path.includes("/", OFFICIAL.length);
  const short = official ? path.slice(OFFICIAL.length) : path;
  // "docker.io/localhost/x" must not become a name at another host.
  const again = splitDomain(short);
  return (
    (again.domain === domain && again.path === path ? short : repositoryName(reference)) + suffixOf(reference)
  );
}

/** What a registry is asked for: the digest where there is one, else the tag. */
export function identifierOf({ tag, digest }: Reference): string {
  return digest ?? tag ?? DEFAULT_TAG;
}

/** The same repository at another digest or tag. */
export function withIdentifier(
  reference: Reference,
  identifier: { tag: string } | { digest: Digest },
): Reference {
  const { domain, path } = reference;
  return { domain, path, ...identifier };
}

function suffixOf({ tag, digest }: Reference): string {
  return (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
}
