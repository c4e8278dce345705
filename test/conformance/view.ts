/** What is seen in a container, without what is never the same twice: pids, times, inode numbers, names of this run. */
import { readlinkSync } from "node:fs";
import type { MountInfo } from "../../src/linux/mountinfo.ts";
import type { Json } from "../support/bundle.ts";
import { type PathReport, parseReport } from "../support/probe.ts";

/** The names of one run, to be put out of sight. */
export interface Names {
  readonly id: string;
  readonly directory: string;
  /** Of the runtime's state. */
  readonly root: string;
}

/** `text` with the names of the run replaced. */
export function neutral(text: string, names: Names): string {
  return text
    .replaceAll(names.root, "@ROOT@")
    .replaceAll(names.directory, "@DIR@")
    .replaceAll(names.id, "@ID@");
}

/** What one wrote to stdout: the probe's report, another JSON document, or text. */
export function seen(text: string, names: Names, as: "shape" | "text" | undefined): Json {
  const clean = neutral(text, names);
  if (clean.startsWith('{"fds"')) return ofReport(clean);
  if (as === "text") return clean;
  let value: Json;
  try {
    value = JSON.parse(clean);
  } catch {
    return clean;
  }
  if (typeof value !== "object" || value === null) return clean;
  return as === "shape" ? shape(value) : ofDocument(value);
}

const usefulStatus =
  /^(Cap\w+|NoNewPrivs|Seccomp|Seccomp_filters|Speculation_Store_Bypass|\w+_allowed_list)$/;

function ofReport(text: string): Json {
  const report = parseReport(text);
  const {
    clocks: _clocks,
    pid,
    pgid,
    sid,
    paths,
    status,
    mounts,
    namespaces,
    fds,
    tty,
    keyring,
    cgroup,
    ...rest
  } = report;
  return {
    ...rest,
    // How many processes a runtime used up to get there is its own business.
    pid: pid === 1 ? 1 : "not 1",
    session: sid === pid && pgid === pid ? "its own" : "another's",
    fds: mapped(fds, kindOfFile),
    tty: { ...tty, name: kindOfFile(tty.name ?? "none"), foreground: tty.foreground > 0 },
    keyring: keyring.description,
    // Version 1's lines are the host's.
    cgroup: cgroup.filter((line) => line.startsWith("0::")),
    namespaces: mapped(namespaces, (link, file) => whose(file, link)),
    status: Object.fromEntries(Object.entries(status).filter(([name]) => usefulStatus.test(name))),
    // By place; of those on one place, in the order in which they cover each other.
    mounts: mounts
      .toSorted((a, b) => (a.mountPoint < b.mountPoint ? -1 : a.mountPoint > b.mountPoint ? 1 : 0))
      .map(ofMount),
    paths: mapped(paths, ofPath),
  };
}

function mapped<T>(map: Readonly<Record<string, T>>, change: (value: T, key: string) => Json): Json {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]));
}

/** A pipe of the runtime's making and a file of ours are both where output goes. */
function kindOfFile(target: string): string {
  return /^(pipe|socket):|^\/dev\/null$|\.(stdout|stderr)$/.test(target) ? "a pipe or a file" : target;
}

function whose(file: string, link: string | null): string {
  if (link === null) return "none";
  return readlinkSync(`/proc/self/ns/${file}`) === link ? "the host's" : "its own";
}

function ofMount(mount: MountInfo): string {
  const { mountPoint, fsType, root, options, optionalFields, superOptions } = mount;
  // Of what is bound from a disk, the path on that disk says nothing.
  const of =
    root === "/" || root.includes("@DIR@")
      ? ""
      : ` of ${/^\/(tmp|var|work|root|run)\b/.test(root) ? "…" : root}`;
  const shared = optionalFields.map((field) => field.replace(/:\d+$/, "")).sort();
  const words = (list: readonly string[]): string => [...list].sort().join(",");
  const ofFileSystem = /^(tmpfs|devpts|cgroup2|overlay|mqueue|sysfs|proc)$/.test(fsType)
    ? ` (${words(superOptions.filter((word) => !word.startsWith("mode=")))})`
    : "";
  const type = ofFileSystem === "" ? "a disk" : fsType;
  return `${mountPoint} ${type}${of} ${words(options)}${ofFileSystem} ${shared.join(" ")}`.trimEnd();
}

function ofPath(report: PathReport): Json {
  if (report.error !== undefined) return report;
  const { device: _device, inode: _inode, size, entries, fs, flags, ...rest } = report;
  // statfs(2) goes through a link, to wherever this run's output goes.
  if (rest.type === "l") return rest;
  // Which disk a rootfs is on is nobody's doing; ST_VALID and ST_RELATIME come with it.
  const ofFileSystem = { flags: flags & 0xf, ...(fs === 0xef53 || fs === 0x794c7630 ? {} : { fs }) };
  const listed = entries && entries.length < 64 ? { entries: [...entries].sort() } : {};
  return { ...rest, ...ofFileSystem, ...listed, ...(rest.type === "-" ? { size } : {}) };
}

const volatile: Record<string, string> = {
  ociVersion: "a version",
  pid: "a pid",
  created: "a time",
  "systemd-scope": "",
};

/** A document of the runtime's, of which pids and times are only there or not. */
function ofDocument(value: Json): Json {
  if (Array.isArray(value)) {
    if (value.length > 0 && value.every((item) => typeof item === "number" && item > 1))
      return value.map(() => "a number");
    return value.map(ofDocument);
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      key in volatile && member !== 0 ? volatile[key] : ofDocument(member),
    ]),
  );
}

function shape(value: Json): Json {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shape(value[0])];
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shape(member)]));
}
