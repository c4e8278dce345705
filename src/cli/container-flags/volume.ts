/** `-v [source:]destination[:options]`. @see docker run --volume; podman-run(1) for options that docker does not have */
import type { MountRequest, Propagation } from "../../engine/request.ts";
import { cut } from "./environment.ts";
import { flagError } from "./flag-error.ts";
import { idMapOf } from "./idmap.ts";
import { absolutePath, withoutSlash } from "./surroundings.ts";

const flag = "--volume";

/** As docker and podman check them. */
const volumeName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

const propagations: readonly string[] = [
  "private",
  "rprivate",
  "shared",
  "rshared",
  "slave",
  "rslave",
  "unbindable",
  "runbindable",
] satisfies Propagation[];

/** Of each group one word at most. */
const groups: Readonly<Record<string, readonly string[]>> = {
  access: ["rw", "ro"],
  label: ["z", "Z"],
  copy: ["copy", "nocopy"],
  propagation: propagations,
  recursion: ["bind", "rbind"],
  exec: ["exec", "noexec"],
  dev: ["dev", "nodev"],
  suid: ["suid", "nosuid"],
  owner: ["U"],
};

/** Of podman, and not of ours. */
const unsupported = /^(O|upperdir=.*|workdir=.*|nocreate)$/;

type Words = Readonly<Partial<Record<keyof typeof groups | "idmap", string>>>;

/**
 * Reads one value of `-v`.
 * @param cwd what a source like "./data" is relative to
 * @throws {RuntError} InvalidArgument
 */
export function parseVolume(text: string, cwd: string): MountRequest {
  const parts = text.split(":");
  if (parts.length > 3 || parts.includes("")) {
    throw flagError(flag, text, "not [source:]destination[:options]");
  }
  const [source, destination, options] = parts.length === 1 ? [undefined, ...parts] : parts;
  const words = wordsOf(text, options);
  const base = { destination: mountPoint(flag, text, destination!), readonly: words.access === "ro" };
  if (source === undefined) return { ...base, ...volume(text, undefined, words) };
  if (/^[/.~]/.test(source)) return { ...base, ...bind(text, absolutePath(source, cwd), words) };
  if (!volumeName.test(source)) {
    const why = source.includes("/")
      ? `${JSON.stringify(source)} is no name of a volume: a directory of the host begins with "/" or "./"`
      : `${JSON.stringify(source)} is no name of a volume: [a-zA-Z0-9][a-zA-Z0-9_.-]+`;
    throw flagError(flag, text, why);
  }
  return { ...base, ...volume(text, source, words) };
}

/** Where a mount goes: absolute, and not the root itself. @throws {RuntError} InvalidArgument */
export function mountPoint(flag: string, text: string, path: string): string {
  if (!path.startsWith("/"))
    throw flagError(flag, text, `the destination ${JSON.stringify(path)} is not absolute`);
  const clean = withoutSlash(path);
  if (clean === "/") throw flagError(flag, text, 'the destination cannot be "/"');
  return clean;
}

function wordsOf(text: string, options: string | undefined): Words {
  const words: Record<string, string> = {};
  for (const word of options === undefined ? [] : options.split(",")) {
    if (unsupported.test(word)) {
      throw flagError(
        flag,
        text,
        `the option ${JSON.stringify(word)} of podman is not supported`,
        "Unimplemented",
      );
    }
    if (/^idmap(=|$)/.test(word)) {
      words.idmap = cut(word)[1] ?? "true";
      continue;
    }
    const [group] = Object.entries(groups).find(([, members]) => members.includes(word)) ?? [];
    if (group === undefined) throw flagError(flag, text, `invalid option ${JSON.stringify(word)}`);
    if (words[group] !== undefined && words[group] !== word) {
      throw flagError(flag, text, `both ${JSON.stringify(words[group])} and ${JSON.stringify(word)}`);
    }
    words[group] = word;
  }
  return words;
}

function bind(text: string, source: string, words: Words) {
  if (words.copy) throw flagError(flag, text, `${JSON.stringify(words.copy)} is for volumes`);
  return {
    type: "bind",
    source,
    missing: "make",
    propagation: (words.propagation ?? "rprivate") as Propagation,
    recursive: words.recursion === "bind" ? "disabled" : "enabled",
    options: [words.exec, words.dev, words.suid].filter((word) => word !== undefined),
    ...(words.idmap !== undefined && { idMaps: idMapOf(flag, text, words.idmap) }),
    ...(words.owner && { chown: true }),
  } as const;
}

function volume(text: string, name: string | undefined, words: Words) {
  const foreign = words.propagation ?? words.recursion ?? words.exec ?? words.dev ?? words.suid;
  if (foreign) throw flagError(flag, text, `${JSON.stringify(foreign)} is for directories of the host`);
  // Volumes count as their containers do in any case.
  if (words.idmap !== undefined && words.idmap !== "true") {
    throw flagError(flag, text, "idmap with maps of its own is for directories of the host");
  }
  return {
    type: "volume",
    name,
    copyUp: words.copy !== "nocopy",
    subpath: undefined,
    driverOptions: {},
    labels: {},
    ...(words.owner && { chown: true }),
  } as const;
}

/** @throws {RuntError} InvalidArgument */
export function checkVolumeName(flag: string, text: string, name: string): void {
  if (!volumeName.test(name)) {
    throw flagError(flag, text, `${JSON.stringify(name)} is no name of a volume: [a-zA-Z0-9][a-zA-Z0-9_.-]+`);
  }
}

/** @throws {RuntError} InvalidArgument */
export function propagationOf(flag: string, text: string, word: string): Propagation {
  if (propagations.includes(word)) return word as Propagation;
  throw flagError(flag, text, `bind-propagation must be one of ${propagations.join(", ")}`);
}
