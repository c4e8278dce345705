/** `linux.resources.devices`: what the list of allow and deny rules comes to. */
import type { LinuxDeviceCgroup } from "../../spec/runtime/resources.ts";

/** `BPF_DEVCG_ACC_` bits of `<linux/bpf.h>`. */
export const Access = { m: 1, r: 2, w: 4 } as const;
const allAccess = Access.m | Access.r | Access.w;

/** One rule with its access letters as bits. */
export interface DeviceRule {
  readonly allow: boolean;
  readonly type: "b" | "c";
  /** Undefined is any. */
  readonly major?: number;
  readonly minor?: number;
  /** `Access` bits. */
  readonly access: number;
}

/** Which devices may be used: for each bit of access the last rule that matches decides, else the default. */
export interface DevicePolicy {
  readonly allowByDefault: boolean;
  readonly rules: readonly DeviceRule[];
}

const rwm = "rwm";

/**
 * What every container may use, whatever its list says: making device nodes (which does not open them), the
 * devices that the specification puts into every /dev, pseudo-terminals, and the tun device, which
 * containers came to rely on.
 * @see runtime-spec 1.3 config-linux.md#default-devices
 */
const always: readonly LinuxDeviceCgroup[] = [
  { allow: true, type: "c", major: -1, minor: -1, access: "m" },
  { allow: true, type: "b", major: -1, minor: -1, access: "m" },
  { allow: true, type: "c", major: 1, minor: 3, access: rwm }, // null
  { allow: true, type: "c", major: 1, minor: 5, access: rwm }, // zero
  { allow: true, type: "c", major: 1, minor: 7, access: rwm }, // full
  { allow: true, type: "c", major: 1, minor: 8, access: rwm }, // random
  { allow: true, type: "c", major: 1, minor: 9, access: rwm }, // urandom
  { allow: true, type: "c", major: 5, minor: 0, access: rwm }, // tty
  { allow: true, type: "c", major: 5, minor: 2, access: rwm }, // ptmx
  { allow: true, type: "c", major: 136, minor: -1, access: rwm }, // pts/*
  { allow: true, type: "c", major: 10, minor: 200, access: rwm }, // net/tun
];

/**
 * The policy of a list of rules, without the rules that change nothing. As under cgroup v1, a rule of type "a"
 * starts all over, whatever else it says; before the first rule everything is denied.
 */
export function devicePolicy(devices: readonly LinuxDeviceCgroup[]): DevicePolicy {
  const key = JSON.stringify(devices);
  let policy = policies.get(key);
  if (!policy) {
    policy = computePolicy(devices);
    if (policies.size >= kept) policies.clear();
    policies.set(key, policy);
  }
  return policy;
}

/** Most containers have the same list; the same object then leads to the same loaded program. */
const policies = new Map<string, DevicePolicy>();
const kept = 16;

function computePolicy(devices: readonly LinuxDeviceCgroup[]): DevicePolicy {
  const list = [...devices, ...always];
  const restart = list.findLastIndex((rule) => rule.type === "a");
  const allowByDefault = list[restart]?.allow ?? false;
  const rules = list.slice(restart + 1).map(toRule);
  return { allowByDefault, rules: withoutRedundant(rules, allowByDefault) };
}

/** Is there nothing to refuse? */
export function allowsEverything({ allowByDefault, rules }: DevicePolicy): boolean {
  return allowByDefault && rules.every((rule) => rule.allow);
}

function toRule({ allow, type, major, minor, access }: LinuxDeviceCgroup): DeviceRule {
  let bits = 0;
  for (const letter of access as Iterable<keyof typeof Access>) bits |= Access[letter];
  return {
    allow,
    type: type as "b" | "c",
    ...(major >= 0 && { major }),
    ...(minor >= 0 && { minor }),
    access: bits & allAccess,
  };
}

/** Drops rules that a later one overrides and rules that say, before any other, what is the default. */
function withoutRedundant(rules: readonly DeviceRule[], allowByDefault: boolean): DeviceRule[] {
  const effective = rules.filter((rule, i) => !rules.slice(i + 1).some((later) => covers(later, rule)));
  const first = effective.findIndex((rule) => rule.allow !== allowByDefault);
  return first === -1 ? [] : effective.slice(first);
}

function covers(a: DeviceRule, b: DeviceRule): boolean {
  return (
    a.type === b.type &&
    (a.major === undefined || a.major === b.major) &&
    (a.minor === undefined || a.minor === b.minor) &&
    (a.access & b.access) === b.access
  );
}
