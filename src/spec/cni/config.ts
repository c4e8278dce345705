/** Network configuration lists of plugins. @see CNI spec 1.1.0, section 1 */
import { RuntError } from "../../errors.ts";
import type { Origin } from "../runtime/document-error.ts";
import { flag, nonEmptyText, optionalText, texts } from "../runtime/leaves.ts";
import { readDocument } from "../runtime/parse.ts";
import { array, defaulted, type Infer, leaf, mustBe, object, record, refuse } from "../runtime/schema.ts";
import { compareVersions, newestKnown, supportedVersions } from "./version.ts";

/** Anything: members that the runtime passes on and does not read. */
const anything = leaf((value) => value);

/** What the runtime reads of a plugin's configuration; the plugin gets all of it. */
const KnownPlugin = object(() => ({
  /** Name of the program. */
  type: nonEmptyText,
  /** Which of the runtime's own data it wants in `runtimeConfig`. */
  capabilities: defaulted(record(flag), () => ({})),
}));

/** A plugin's configuration with everything that is in it. */
export interface PluginConfig {
  readonly type: string;
  /** Names of the capabilities that are on. */
  readonly capabilities: ReadonlySet<string>;
  readonly raw: Readonly<Record<string, unknown>>;
}

const KnownList = object(() => ({
  cniVersion: optionalText,
  /** All that the configuration may be read as. */
  cniVersions: texts,
  name: leaf((value) =>
    typeof value === "string" && /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(value)
      ? value
      : refuse(mustBe("letters, digits, '.', '_' and '-', and begin with a letter or digit", value)),
  ),
  disableCheck: flag,
  disableGC: flag,
  plugins: array(anything),
}));

/** A network as a list of plugins, run one after the other. */
export interface NetworkConfigList
  extends Omit<Infer<typeof KnownList>, "plugins" | "cniVersion" | "cniVersions"> {
  /** The newest version that the list may be read as and that we know. */
  readonly cniVersion: string;
  readonly plugins: readonly PluginConfig[];
}

/**
 * Reads a list, or the configuration of a single plugin as a list of one.
 * @throws {RuntError} InvalidArgument; Unimplemented for versions that we do not know
 */
export function readConfigList(value: unknown, origin: Origin): NetworkConfigList {
  const list = readDocument(KnownList, asList(value), origin);
  const { cniVersion = "0.1.0", cniVersions, plugins, ...rest } = list;
  const version = newestKnown([cniVersion, ...cniVersions]);
  if (version === undefined) {
    throw new RuntError(
      "Unimplemented",
      `${origin.where}: cniVersion ${cniVersion} is not among ${supportedVersions.join(", ")}`,
      { operation: origin.operation, subject: origin.where },
    );
  }
  if (plugins.length === 0) {
    throw new RuntError("InvalidArgument", `${origin.where}: plugins: must not be empty`, {
      operation: origin.operation,
      subject: origin.where,
    });
  }
  return { ...rest, cniVersion: version, plugins: plugins.map((plugin) => readPlugin(plugin, origin)) };
}

function asList(value: unknown): unknown {
  if (typeof value !== "object" || value === null || "plugins" in value || !("type" in value)) return value;
  const { name, cniVersion } = value as { name?: unknown; cniVersion?: unknown };
  return { name, cniVersion, plugins: [value] };
}

function readPlugin(value: unknown, origin: Origin): PluginConfig {
  const known = readDocument(KnownPlugin, value, origin);
  if (known.type.includes("/")) {
    throw new RuntError("InvalidArgument", `${origin.where}: plugin type ${known.type} must not have a "/"`, {
      operation: origin.operation,
      subject: origin.where,
    });
  }
  const on = Object.entries(known.capabilities).filter(([, isOn]) => isOn);
  return {
    type: known.type,
    capabilities: new Set(on.map(([name]) => name)),
    raw: value as Record<string, unknown>,
  };
}

/** Whether a list's plugins know an operation that came with `since`. */
export function hasOperation(list: NetworkConfigList, since: string): boolean {
  return compareVersions(list.cniVersion, since) >= 0;
}
