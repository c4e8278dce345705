/** `--mount type=…,source=…,target=…`. @see docker run --mount */
import type { MountRequest } from "../../engine/request.ts";
import { parseBool } from "../go-flags.ts";
import { commaList } from "./comma-list.ts";
import { cut } from "./environment.ts";
import { flagError } from "./flag-error.ts";
import { idMapOf } from "./idmap.ts";
import { bytesOf } from "./quantity.ts";
import { absolutePath } from "./surroundings.ts";
import { checkVolumeName, mountPoint, propagationOf } from "./volume.ts";

const flag = "--mount";

const types = ["bind", "volume", "tmpfs", "image"] as const;
type MountType = (typeof types)[number];

/** Words for the same key. */
const aliases: Readonly<Record<string, string>> = {
  source: "source",
  src: "source",
  target: "target",
  dst: "target",
  destination: "target",
  readonly: "readonly",
  ro: "readonly",
  subpath: "subpath",
  "volume-subpath": "subpath",
  "image-subpath": "subpath",
  u: "chown",
};

/** Keys that stand for true without a value. */
const booleans: readonly string[] = [
  "readonly",
  "rw",
  "volume-nocopy",
  "bind-nonrecursive",
  "bind-create-src",
  "idmap",
  "chown",
];

/** Keys beside those that every type has. */
const keysOf: Readonly<Record<MountType, readonly string[]>> = {
  bind: [
    ...["source", "bind-propagation", "bind-nonrecursive", "bind-recursive", "bind-create-src"],
    ...["idmap", "chown"],
  ],
  volume: ["source", "subpath", "volume-nocopy", "volume-label", "volume-driver", "volume-opt", "chown"],
  tmpfs: ["tmpfs-size", "tmpfs-mode"],
  image: ["source", "subpath"],
};
const commonKeys: readonly string[] = ["type", "target", "readonly", "rw", "consistency"];
const repeatable: readonly string[] = ["volume-label", "volume-opt"];

type Fields = ReadonlyMap<string, readonly string[]>;

/**
 * Reads one value of `--mount`.
 * @param cwd what a source like "./data" is relative to
 * @throws {RuntError} InvalidArgument
 */
export function parseMount(text: string, cwd: string): MountRequest {
  const fields = fieldsOf(text);
  const one = (key: string) => fields.get(key)?.at(-1);
  const yes = (key: string) => isTrue(text, key, one(key));
  const type = (one("type") ?? "volume").toLowerCase() as MountType;
  if (!types.includes(type)) throw flagError(flag, text, `type must be one of ${types.join(", ")}`);
  for (const key of fields.keys()) {
    if (!commonKeys.includes(key) && !keysOf[type].includes(key)) {
      throw flagError(flag, text, `${JSON.stringify(key)} is not for mounts of type ${type}`);
    }
  }
  const target = one("target");
  if (target === undefined) throw flagError(flag, text, "target is required");
  const base = { destination: mountPoint(flag, text, target), readonly: yes("readonly") };
  const source = one("source");
  switch (type) {
    case "bind":
      return { ...base, ...bind(text, fields, base.readonly, cwd) };
    case "volume": {
      if (source !== undefined && source !== "") checkVolumeName(flag, text, source);
      const driver = one("volume-driver");
      if (driver !== undefined && driver !== "local") {
        throw flagError(flag, text, "local is the only volume-driver", "Unimplemented");
      }
      return {
        ...base,
        type,
        name: source || undefined,
        copyUp: !yes("volume-nocopy"),
        subpath: one("subpath"),
        driverOptions: pairsOf(fields.get("volume-opt")),
        labels: pairsOf(fields.get("volume-label")),
        ...(yes("chown") && { chown: true }),
      };
    }
    case "tmpfs":
      return { ...base, type, options: tmpfsOptions(text, one("tmpfs-size"), one("tmpfs-mode")) };
    case "image":
      if (!source) throw flagError(flag, text, "source is required: the image");
      return { ...base, type, image: source, subpath: one("subpath") };
  }
}

function fieldsOf(text: string): Fields {
  const fields = new Map<string, string[]>();
  const known = new Set([...commonKeys, ...Object.values(keysOf).flat()]);
  for (const field of commaList(flag, text)) {
    const [word, value] = cut(field);
    const key = aliases[word.toLowerCase()] ?? word.toLowerCase();
    if (!known.has(key)) throw flagError(flag, text, `unexpected key ${JSON.stringify(word)}`);
    if (value === undefined && !booleans.includes(key)) {
      throw flagError(flag, text, `${JSON.stringify(field)} must be ${key}=value`);
    }
    const before = repeatable.includes(key) ? (fields.get(key) ?? []) : [];
    fields.set(key, [...before, value ?? "true"]);
  }
  if (fields.has("rw")) {
    const writable = isTrue(text, "rw", fields.get("rw")!.at(-1));
    if (!fields.has("readonly")) fields.set("readonly", [String(!writable)]);
  }
  return fields;
}

function isTrue(text: string, key: string, value: string | undefined): boolean {
  if (value === undefined) return false;
  const read = parseBool(value);
  if (read === undefined) throw flagError(flag, text, `${key} must be true or false`);
  return read;
}

function bind(text: string, fields: Fields, readonly: boolean, cwd: string) {
  const one = (key: string) => fields.get(key)?.at(-1);
  const source = one("source");
  if (!source) throw flagError(flag, text, "source is required: a path of the host");
  if (!source.startsWith("/") && !/^\.{1,2}(\/|$)/.test(source)) {
    throw flagError(flag, text, `the source ${JSON.stringify(source)} is not absolute`);
  }
  const word =
    one("bind-recursive") ??
    (isTrue(text, "bind-nonrecursive", one("bind-nonrecursive")) ? "disabled" : "enabled");
  const recursive = (["enabled", "disabled", "writable", "readonly"] as const).find(
    (known) => known === word,
  );
  if (!recursive) {
    throw flagError(flag, text, "bind-recursive must be one of enabled, disabled, writable, readonly");
  }
  const maps = one("idmap");
  const given = one("bind-propagation");
  const propagation = given === undefined ? "rprivate" : propagationOf(flag, text, given);
  if ((recursive === "writable" || recursive === "readonly") && !readonly) {
    throw flagError(flag, text, `bind-recursive=${recursive} requires readonly`);
  }
  if (recursive === "readonly" && given !== "rprivate") {
    throw flagError(flag, text, "bind-recursive=readonly requires bind-propagation=rprivate");
  }
  return {
    type: "bind",
    source: absolutePath(source, cwd),
    missing: isTrue(text, "bind-create-src", one("bind-create-src")) ? "make" : "refuse",
    propagation,
    recursive,
    options: [],
    ...(maps !== undefined && maps !== "false" && { idMaps: idMapOf(flag, text, maps) }),
    ...(isTrue(text, "chown", one("chown")) && { chown: true }),
  } as const;
}

function tmpfsOptions(text: string, size: string | undefined, mode: string | undefined): string[] {
  if (mode !== undefined && !/^0?[0-7]{1,4}$/.test(mode)) {
    throw flagError(flag, text, "tmpfs-mode must be octal, as in 1777");
  }
  return [
    `mode=${(mode ?? "1777").replace(/^0(?=.)/, "")}`,
    ...(size === undefined ? [] : [`size=${bytesOf(`${flag} tmpfs-size`, size)}`]),
  ];
}

function pairsOf(texts: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const [name, value] = cut(text);
      return [name, value ?? ""];
    }),
  );
}
