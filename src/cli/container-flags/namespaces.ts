/** `--pid`, `--ipc`, `--uts`, `--cgroupns`, `--userns` and its maps: what a container shares with the host or with another one. */
import type { NamespaceRequest, Sharing } from "../../engine/request.ts";
import type { OptionSpecs, OptionValues } from "../option.ts";
import { cut } from "./environment.ts";
import { flagError } from "./flag-error.ts";
import { absolutePath, type Surroundings } from "./surroundings.ts";
import { userNamespaceOf } from "./user-namespace.ts";

const group = "Namespaces";

export const namespaceOptions = {
  pid: {
    type: "string",
    value: "mode",
    group,
    summary: "processes: private, host, container:<name>, ns:<path>",
  },
  ipc: {
    type: "string",
    value: "mode",
    group,
    summary: "shared memory: private, shareable, host, none, container:<name>, ns:<path>",
  },
  uts: { type: "string", value: "mode", group, summary: "host name: private, host" },
  cgroupns: { type: "string", value: "mode", group, summary: "view of cgroups: private, host" },
  userns: {
    type: "string",
    value: "mode",
    group,
    summary: "users: host, auto[:size=<n>], private, keep-id, container:<name>, ns:<path>",
  },
  uidmap: {
    type: "strings",
    value: "container:host[:size]",
    group,
    summary: "users of a user namespace of its own; --gidmap if not said otherwise",
  },
  gidmap: {
    type: "strings",
    value: "container:host[:size]",
    group,
    summary: "its groups; --uidmap if not said otherwise",
  },
  subuidname: {
    type: "string",
    value: "name",
    group,
    summary: "the ids of a name in /etc/subuid, from 0 on",
  },
  subgidname: { type: "string", value: "name", group, summary: "the same of /etc/subgid" },
} as const satisfies OptionSpecs;

/** @throws {RuntError} InvalidArgument */
export function namespacesOf(
  { pid, ipc, uts, cgroupns, ...users }: OptionValues<typeof namespaceOptions>,
  { cwd }: Surroundings,
): NamespaceRequest {
  return {
    pid: sharing("--pid", pid, cwd),
    ipc: ipc === "shareable" || ipc === "none" ? ipc : sharing("--ipc", ipc, cwd),
    uts: ownOrHost("--uts", uts),
    cgroup: ownOrHost("--cgroupns", cgroupns),
    user: userNamespaceOf(users, (text) => joined("--userns", text, cwd)),
  };
}

function sharing(flag: string, text: string | undefined, cwd: string): Sharing {
  if (text === undefined || text === "" || text === "private") return "private";
  if (text === "host") return "host";
  return joined(flag, text, cwd) ?? invalid(flag, text);
}

function joined(flag: string, text: string, cwd: string) {
  const [kind, operand] = cut(text, ":");
  if (kind !== "container" && kind !== "ns") return undefined;
  if (!operand) throw flagError(flag, text, kind === "ns" ? "no path" : "no container");
  return kind === "ns" ? { path: absolutePath(operand, cwd) } : { container: operand };
}

function ownOrHost(flag: string, text: string | undefined): "private" | "host" {
  if (text === undefined || text === "" || text === "private") return "private";
  return text === "host" ? text : invalid(flag, text);
}

function invalid(flag: string, text: string): never {
  throw flagError(flag, text, "no such mode");
}
