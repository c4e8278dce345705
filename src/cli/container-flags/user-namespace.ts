/** `--userns`, `--uidmap`, `--gidmap`, `--subuidname`, `--subgidname`. @see podman-run(1) */
import type { IdMaps, UserNamespaceRequest } from "../../engine/request.ts";
import type { LinuxIDMapping } from "../../spec/runtime/id-mapping.ts";
import { cut } from "./environment.ts";
import { flagError } from "./flag-error.ts";

export interface UserNamespaceFlags {
  readonly userns?: string | undefined;
  readonly uidmap: readonly string[];
  readonly gidmap: readonly string[];
  readonly subuidname?: string | undefined;
  readonly subgidname?: string | undefined;
}

type Joined = Extract<UserNamespaceRequest, { container: unknown } | { path: unknown }>;

/** @param joined reads "container:…" and "ns:…" @throws {RuntError} InvalidArgument */
export function userNamespaceOf(
  flags: UserNamespaceFlags,
  joined: (text: string) => Joined | undefined,
): UserNamespaceRequest {
  const mapped = mapsOf(flags);
  const { userns } = flags;
  if (mapped) {
    if (userns !== undefined && userns !== "" && userns !== "private") {
      const why = "and --uidmap, --gidmap, --subuidname, --subgidname exclude each other";
      throw flagError("--userns", userns, why);
    }
    return mapped;
  }
  if (userns === undefined || userns === "" || userns === "host") return "host";
  if (userns === "private") {
    throw flagError(
      "--userns",
      userns,
      "must provide at least one UID or GID mapping: --uidmap, --subuidname",
    );
  }
  const [mode, options] = cut(userns, ":");
  if (mode === "nomap" && options === undefined) return mode;
  if (mode === "auto") return options === undefined ? mode : { auto: automatic(userns, options) };
  if (mode === "keep-id") return options === undefined ? mode : { keepId: keptIds(userns, options) };
  const found = joined(userns);
  if (found) return found;
  throw flagError("--userns", userns, "no such mode");
}

function mapsOf({
  uidmap,
  gidmap,
  subuidname,
  subgidname,
}: UserNamespaceFlags): UserNamespaceRequest | undefined {
  const [uidName, gidName] = [subuidname ?? subgidname, subgidname ?? subuidname];
  if (uidName !== undefined && gidName !== undefined) {
    if (uidmap.length + gidmap.length > 0) {
      throw flagError("--subuidname", uidName, "and --uidmap, --gidmap exclude each other");
    }
    return { subordinate: { uid: uidName, gid: gidName } };
  }
  if (uidmap.length + gidmap.length === 0) return undefined;
  const uid = uidmap.map((text) => mapping("--uidmap", text, text));
  const gid = gidmap.map((text) => mapping("--gidmap", text, text));
  return { maps: { uid: uid.length > 0 ? uid : gid, gid: gid.length > 0 ? gid : uid } };
}

/** "0:100000:65536"; one id where there is no size. @throws {RuntError} InvalidArgument */
function mapping(flag: string, text: string, part: string): LinuxIDMapping {
  const [, containerID, hostID, size] = /^(\d{1,10}):(\d{1,10})(?::(\d{1,10}))?$/.exec(part) ?? [];
  if (containerID === undefined) throw flagError(flag, text, "not container:host:size in numbers");
  const map = { containerID: Number(containerID), hostID: Number(hostID), size: Number(size ?? 1) };
  const last = Math.max(map.containerID, map.hostID) + map.size;
  if (map.size === 0 || last > 2 ** 32 - 1) throw flagError(flag, text, "there are no such ids");
  return map;
}

function automatic(text: string, options: string): { readonly size: number | undefined } & IdMaps {
  let size: number | undefined;
  const maps = { uid: [] as LinuxIDMapping[], gid: [] as LinuxIDMapping[] };
  for (const option of options.split(",")) {
    const [key, value = ""] = cut(option, "=");
    if (key === "size") size = number(text, key, value);
    else if (key === "uidmapping") maps.uid.push(mapping("--userns", text, value));
    else if (key === "gidmapping") maps.gid.push(mapping("--userns", text, value));
    else
      throw flagError(
        "--userns",
        text,
        `unknown option ${JSON.stringify(key)}: size, uidmapping, gidmapping`,
      );
  }
  if (size === 0) throw flagError("--userns", text, "size must be more than 0");
  return { size, ...maps };
}

function keptIds(text: string, options: string) {
  const ids: { uid: number | undefined; gid: number | undefined } = { uid: undefined, gid: undefined };
  for (const option of options.split(",")) {
    const [key, value = ""] = cut(option, "=");
    if (key !== "uid" && key !== "gid") {
      throw flagError("--userns", text, `unknown option ${JSON.stringify(key)}: uid, gid`);
    }
    ids[key] = number(text, key, value);
  }
  return ids;
}

function number(text: string, key: string, value: string): number {
  if (/^\d{1,10}$/.test(value) && Number(value) < 2 ** 32 - 1) return Number(value);
  throw flagError("--userns", text, `${key} must be a number`);
}
