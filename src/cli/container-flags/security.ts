/** `--privileged`, `--cap-add`, `--cap-drop`, `--security-opt`: what a container may do. @see docker run --security-opt */
import type { SecurityRequest } from "../../engine/request.ts";
import { parseBool } from "../go-flags.ts";
import type { OptionSpecs, OptionValues } from "../option.ts";
import { flagError } from "./flag-error.ts";
import { absolutePath, type Surroundings } from "./surroundings.ts";

const group = "Security";

export const securityOptions = {
  privileged: {
    type: "boolean",
    group,
    summary: "all capabilities, all devices, no seccomp, nothing hidden: as powerful as root here",
  },
  capAdd: { type: "strings", value: "capability", group, summary: "give it a capability: NET_ADMIN, or ALL" },
  capDrop: { type: "strings", value: "capability", group, summary: "take a capability from it, or ALL" },
  securityOpt: {
    type: "strings",
    value: "option",
    group,
    summary:
      "no-new-privileges, seccomp=unconfined|<file>, apparmor=<profile>, label=disable|type:…, systempaths=unconfined",
  },
} as const satisfies OptionSpecs;

/** @throws {RuntError} InvalidArgument */
export function securityOf(
  { privileged, capAdd, capDrop, securityOpt }: OptionValues<typeof securityOptions>,
  { cwd }: Surroundings,
): SecurityRequest {
  let request: SecurityRequest = {
    privileged,
    capAdd: capAdd.map((name) => capability("--cap-add", name)),
    capDrop: capDrop.map((name) => capability("--cap-drop", name)),
    noNewPrivileges: false,
    seccomp: "default",
    apparmor: undefined,
    labels: [],
    systemPaths: "hidden",
  };
  for (const text of securityOpt) request = { ...request, ...securityOption(text, request, cwd) };
  return request;
}

/** Whether the kernel knows it, is found out where it is used. */
function capability(flag: string, text: string): string {
  const name = text.toUpperCase();
  if (!/^(ALL|(CAP_)?[A-Z]+(_[A-Z]+)*)$/.test(name)) throw flagError(flag, text, "no name of a capability");
  return name === "ALL" || name.startsWith("CAP_") ? name : `CAP_${name}`;
}

function securityOption(text: string, { labels }: SecurityRequest, cwd: string): Partial<SecurityRequest> {
  // docker's older form has a colon.
  const [, key, value] = /^([a-z-]+)(?:[=:](.*))?$/s.exec(text) ?? [];
  switch (key) {
    case "no-new-privileges": {
      const on = value === undefined ? true : parseBool(value);
      if (on === undefined) throw flagError("--security-opt", text, "true or false");
      return { noNewPrivileges: on };
    }
    case "seccomp":
      if (!value) break;
      if (value === "unconfined") return { seccomp: value };
      return { seccomp: value === "builtin" || value === "default" ? "default" : absolutePath(value, cwd) };
    case "apparmor":
      if (value) return { apparmor: value };
      break;
    case "label":
      if (value && (value === "disable" || /^(user|role|type|level|filetype):.+/.test(value))) {
        return { labels: [...labels, value] };
      }
      break;
    case "systempaths":
      if (value === "unconfined") return { systemPaths: "unconfined" };
      break;
    case "unmask":
      if (value?.toUpperCase() === "ALL") return { systemPaths: "unconfined" };
      throw flagError("--security-opt", text, "unmask is for ALL paths only", "Unimplemented");
    default:
  }
  throw flagError("--security-opt", text, "invalid option");
}
