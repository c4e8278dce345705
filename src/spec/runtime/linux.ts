/** The `linux` section of config.json. @see runtime-spec 1.3 config-linux.md */
import { LinuxDevice, LinuxNetDevice } from "./devices.ts";
import { idMappings } from "./id-mapping.ts";
import { LinuxIntelRdt } from "./intel-rdt.ts";
import { absolutePath, oneOf, optionalText, readText, textMap, texts } from "./leaves.ts";
import { LinuxMemoryPolicy } from "./memory-policy.ts";
import { LinuxNamespace, TimeOffsets } from "./namespaces.ts";
import { LinuxResources } from "./resources.ts";
import {
  defaulted,
  filled,
  type Infer,
  leaf,
  list,
  mustBe,
  object,
  optional,
  record,
  refuse,
} from "./schema.ts";
import { LinuxSeccomp } from "./seccomp.ts";

/** Execution domain of personality(2). */
export const LinuxPersonality = object(() => ({
  domain: oneOf(["LINUX", "LINUX32"]),
  /** The specification defines none; any is ignored with a warning. */
  flags: texts,
}));
export type LinuxPersonality = Infer<typeof LinuxPersonality>;

/** Propagation of the container's root mount; the "r" forms apply to everything below too. */
export const rootfsPropagations = [
  "private",
  "rprivate",
  "shared",
  "rshared",
  "slave",
  "rslave",
  "unbindable",
  "runbindable",
] as const;
export type RootfsPropagation = (typeof rootfsPropagations)[number];

/** Or "slice:prefix:name" for the systemd driver. */
const cgroupsPath = leaf((value) => {
  const path = readText(value);
  return typeof path === "string" && path.split("/").includes("..")
    ? refuse(mustBe('without ".."', path))
    : path;
});

const paths = list(absolutePath);

export const Linux = object(() => ({
  namespaces: list(LinuxNamespace),
  uidMappings: idMappings,
  gidMappings: idMappings,
  timeOffsets: filled(TimeOffsets),
  /** Devices beyond the ones that every container has. */
  devices: list(LinuxDevice),
  /** By the device's name on the host. */
  netDevices: defaulted(record(LinuxNetDevice), () => ({})),
  /** Absolute: from the root of the hierarchy; relative: where the runtime likes. */
  cgroupsPath: optional(cgroupsPath, ""),
  resources: filled(LinuxResources),
  intelRdt: optional(LinuxIntelRdt),
  memoryPolicy: optional(LinuxMemoryPolicy),
  /** Keys are separated by "." or "/" (see `sysctlPath`). */
  sysctl: textMap,
  seccomp: optional(LinuxSeccomp),
  rootfsPropagation: optional(oneOf(rootfsPropagations), ""),
  /** Paths in the container that are made unreadable. */
  maskedPaths: paths,
  readonlyPaths: paths,
  /** SELinux context of the mounts. */
  mountLabel: optionalText,
  personality: optional(LinuxPersonality),
}));
export type Linux = Infer<typeof Linux>;
