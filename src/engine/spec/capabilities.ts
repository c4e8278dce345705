/** Capabilities of a container: docker's default set, and `--cap-add`, `--cap-drop`, `--privileged` on top. @see capabilities(7) */
import { RuntError } from "../../errors.ts";
import { defaultCapabilities } from "../../image/unpack/capabilities.ts";

export interface CapabilityRequest {
  /** With or without "CAP_", in any case; "ALL". */
  readonly add: readonly string[];
  readonly drop: readonly string[];
  readonly privileged: boolean;
}

/**
 * The bounding set. What is added counts more than what is dropped, but "ALL" less than a name.
 * @param known all capabilities of this kernel
 * @throws {RuntError} InvalidArgument for a name that nobody knows
 */
export function capabilitiesOf(request: CapabilityRequest, known: readonly string[]): string[] {
  const add = request.add.map((name) => canonical(name, "--cap-add", known));
  const drop = request.drop.map((name) => canonical(name, "--cap-drop", known));
  const base = request.privileged || add.includes("ALL") ? known : defaultCapabilities;
  const kept = drop.includes("ALL")
    ? add.includes("ALL")
      ? known
      : []
    : base.filter((name) => !drop.includes(name));
  const named = add.filter((name) => name !== "ALL");
  return [
    ...new Set([...kept.filter((name) => !drop.includes(name) || named.includes(name)), ...named]),
  ].sort();
}

function canonical(name: string, flag: string, known: readonly string[]): string {
  const upper = name.toUpperCase();
  if (upper === "ALL") return upper;
  const full = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (known.includes(full)) return full;
  throw new RuntError("InvalidArgument", `${flag}: unknown capability ${JSON.stringify(name)}`, {
    operation: "run",
  });
}
