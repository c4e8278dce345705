/** `--pid`, `--ipc`, `--uts`, `--cgroupns`, `--userns`: what a container shares with the host or with another one. */
import type { NamespaceRequest, Sharing } from "../../engine/request.ts";
import type { OptionSpecs, OptionValues } from "../option.ts";
import { cut } from "./environment.ts";
import { flagError } from "./flag-error.ts";
import { absolutePath, type Surroundings } from "./surroundings.ts";

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
    summary: "users: host, auto[:size=<n>], keep-id, container:<name>, ns:<path>",
  },
} as const satisfies OptionSpecs;

/** @throws {RuntError} InvalidArgument */
export function namespacesOf(
  { pid, ipc, uts, cgroupns, userns }: OptionValues<typeof namespaceOptions>,
  { cwd }: Surroundings,
): NamespaceRequest {
  return {
    pid: sharing("--pid", pid, cwd),
    ipc: ipc === "shareable" || ipc === "none" ? ipc : sharing("--ipc", ipc, cwd),
    uts: ownOrHost("--uts", uts),
    cgroup: ownOrHost("--cgroupns", cgroupns),
    user: userNamespace(userns, cwd),
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

function userNamespace(text: string | undefined, cwd: string): NamespaceRequest["user"] {
  if (text === undefined || text === "" || text === "host") return "host";
  if (text === "auto" || text === "keep-id") return text;
  const size = /^auto:size=(\d{1,10})$/.exec(text)?.[1];
  if (size !== undefined && Number(size) > 0) return { autoSize: Number(size) };
  return joined("--userns", text, cwd) ?? invalid("--userns", text);
}

function invalid(flag: string, text: string): never {
  throw flagError(flag, text, "no such mode");
}
