/** The `linux.namespaces` and `linux.timeOffsets` sections. @see runtime-spec 1.3 config-linux.md#namespaces */
import { absolutePath, int64Number, integer, oneOf } from "./leaves.ts";
import { defaulted, type Infer, object, optional } from "./schema.ts";

/** The kinds of namespaces, in the words of the specification. */
export const namespaceTypes = ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"] as const;
export type LinuxNamespaceType = (typeof namespaceTypes)[number];

export const LinuxNamespace = object(() => ({
  type: oneOf(namespaceTypes),
  /** File of the namespace to join; absent: a new one is made. */
  path: optional(absolutePath, ""),
}));
export type LinuxNamespace = Infer<typeof LinuxNamespace>;

/** How far a clock of the container is ahead of the host's. */
export const LinuxTimeOffset = object(() => ({
  secs: defaulted(int64Number, () => 0),
  nanosecs: defaulted(integer(0, 999_999_999), () => 0),
}));
export type LinuxTimeOffset = Infer<typeof LinuxTimeOffset>;

export const TimeOffsets = object(() => ({
  boottime: optional(LinuxTimeOffset),
  monotonic: optional(LinuxTimeOffset),
}));
export type TimeOffsets = Infer<typeof TimeOffsets>;
