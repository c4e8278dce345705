/**
 * The features document: what a runtime is able to do, whatever the host offers.
 *
 * Every field may be absent, which says "unknown", not "no".
 *
 * @see runtime-spec 1.3 features.md, features-linux.md
 */
import { boolean, text } from "./leaves.ts";
import { parseDocument } from "./parse.ts";
import { array, type Infer, object, optional, record } from "./schema.ts";

const names = optional(array(text));
const maybe = optional(boolean);
/** A feature that is there or not. */
const Switch = object(() => ({ enabled: maybe }));

export const CgroupFeatures = object(() => ({
  v1: maybe,
  v2: maybe,
  systemd: maybe,
  /** The systemd of a user without privileges. */
  systemdUser: maybe,
  rdma: maybe,
}));

export const SeccompFeatures = object(() => ({
  enabled: maybe,
  actions: names,
  operators: names,
  archs: names,
  knownFlags: names,
  /** The known flags that kernel and library have too. */
  supportedFlags: names,
}));

export const LinuxFeatures = object(() => ({
  namespaces: names,
  capabilities: names,
  cgroup: optional(CgroupFeatures),
  seccomp: optional(SeccompFeatures),
  apparmor: optional(Switch),
  selinux: optional(Switch),
  intelRdt: optional(object(() => ({ enabled: maybe, schemata: maybe, monitoring: maybe }))),
  memoryPolicy: optional(object(() => ({ modes: names, flags: names }))),
  mountExtensions: optional(object(() => ({ idmap: optional(Switch) }))),
  netDevices: optional(Switch),
}));
export type LinuxFeatures = Infer<typeof LinuxFeatures>;

export const Features = object(() => ({
  ociVersionMin: text,
  ociVersionMax: text,
  hooks: names,
  mountOptions: names,
  linux: optional(LinuxFeatures),
  annotations: optional(record(text)),
  /** Annotations that can harm the host; one that ends with "." is a prefix. */
  potentiallyUnsafeConfigAnnotations: names,
}));
export type Features = Infer<typeof Features>;

/** @throws {RuntError} InvalidArgument */
export function parseFeatures(text: string, where: string, operation = "features"): Features {
  return parseDocument(Features, text, { where, operation });
}
