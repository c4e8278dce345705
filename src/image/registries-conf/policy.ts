/**
 * Whether policy.json(5) of containers/image lets an image be pulled. Signatures are not looked at here: what must have
 * one is refused, rather than taken without.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { hasCode } from "../../linux/system-error.ts";
import { fullName, type Reference, repositoryName } from "../reference/reference.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type Table = Readonly<Record<string, unknown>>;

/** A user's own file is instead of the machine's. */
export function policyFile(environment: Environment): string {
  const own = join(environment.HOME || homedir(), ".config/containers/policy.json");
  return existsSync(own) ? own : "/etc/containers/policy.json";
}

/**
 * Refuses what the policy does not want, and what it wants proof of. Without a file there is no policy.
 * @throws {RuntError} PermissionDenied for a rejected image; Unimplemented for one that must be signed; InvalidArgument
 *   for a file that cannot be understood, which is no policy to be lenient about
 */
export async function checkPolicy(reference: Reference, file: string): Promise<void> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw refusal("PermissionDenied", `${file} cannot be read`, file, error);
  });
  if (text === undefined) return;
  const name = fullName(reference);
  for (const requirement of requirementsFor(reference, parsed(text, file), file)) {
    const { type } = table(requirement, file, "a requirement");
    if (type === "insecureAcceptAnything") continue;
    if (type === "reject") throw refusal("PermissionDenied", `${name} is rejected by ${file}`, name);
    const what = `${name} must have a signature (${JSON.stringify(type)} in ${file}), which is not verified here`;
    const hint = "allow it in ~/.config/containers/policy.json, or bring it by skopeo, which verifies it";
    throw new RuntError("Unimplemented", what, { operation: "pull", subject: name, hint });
  }
}

function requirementsFor(reference: Reference, policy: Table, file: string): readonly unknown[] {
  const transports = table(policy.transports ?? {}, file, "transports");
  const docker = table(transports.docker ?? {}, file, "transports.docker");
  const scope = [...scopesOf(reference), ""].find((one) => Object.hasOwn(docker, one));
  const found = scope === undefined ? policy.default : docker[scope];
  if (Array.isArray(found) && found.length > 0) return found;
  throw refusal("InvalidArgument", `${file}: ${scope ?? "default"} must be a list of requirements`, file);
}

/** From the image itself to all domains above its host's. */
function scopesOf(reference: Reference): string[] {
  const name = repositoryName(reference);
  const steps = name.split("/");
  // A domain has no port.
  const labels = reference.domain.replace(/:\d+$/, "").split(".");
  return [
    fullName(reference),
    ...steps.map((_, i) => steps.slice(0, steps.length - i).join("/")),
    ...labels.slice(1).map((_, i) => `*.${labels.slice(i + 1).join(".")}`),
  ];
}

function parsed(text: string, file: string): Table {
  try {
    return table(JSON.parse(text), file, "it");
  } catch (error) {
    if (error instanceof RuntError) throw error;
    throw refusal("InvalidArgument", `${file}: ${(error as Error).message}`, file, error);
  }
}

function table(value: unknown, file: string, what: string): Table {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Table;
  throw refusal("InvalidArgument", `${file}: ${what} must be an object`, file);
}

function refusal(
  kind: "PermissionDenied" | "InvalidArgument",
  what: string,
  subject: string,
  cause?: unknown,
): RuntError {
  return new RuntError(kind, what, { operation: "pull", subject }, cause);
}
