/** `process`: what execve inherits. Used by create and, with a joined container around it, by exec. */
import { RuntError } from "../../errors.ts";
import { capabilityNumber } from "../../spec/runtime/capabilities.ts";
import type { LinuxCapabilities, Process } from "../../spec/runtime/process.ts";
import { RLIMITS } from "../../spec/runtime/rlimits.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Op } from "../wire/ops.ts";
import { ioPriorityOps, schedulerOps } from "./scheduling.ts";

const CAP_SYS_RESOURCE = 1n << 24n;

/**
 * Resource limits, set by the shim when init needs none of what they limit any more. Limits of a process of
 * another user ask for CAP_SYS_RESOURCE: where there is none, init lowers its own.
 */
export function rlimitOps(process: Process, host: HostFacts): { init: Op[]; late: Op[] } {
  const ops = process.rlimits.map(
    (limit, i): Op => ({
      op: "prlimit",
      resource: RLIMITS[limit.type],
      soft: limit.soft,
      hard: limit.hard,
      at: `process.rlimits[${i}]`,
    }),
  );
  return host.permitted & CAP_SYS_RESOURCE ? { init: [], late: ops } : { init: ops, late: [] };
}

/** Lowering it asks for privileges that init may not have, so the shim writes it. */
export function oomScoreOps(process: Process, host: HostFacts): Op[] {
  if (process.oomScoreAdj === undefined) return [];
  const op: Op = {
    op: "write_proc",
    file: "oom_score_adj",
    data: String(process.oomScoreAdj),
    at: "process.oomScoreAdj",
  };
  // An ordinary user cannot lower it, and engines ask for a plain 0 where nobody asked for anything: a user
  // session that itself has more (systemd's has 100) keeps that.
  return [!host.privileged && process.oomScoreAdj === 0 ? { ...op, optional: true } : op];
}

/** The five sets as bits. */
export interface CapabilityBits {
  readonly bounding: bigint;
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly inheritable: bigint;
  readonly ambient: bigint;
}

/**
 * The sets that can be given. Unknown names, and capabilities that we do not have ourselves, are left out
 * with a warning: the specification wants neither to fail.
 */
export function capabilityBits(
  sets: LinuxCapabilities | undefined,
  available: bigint,
  warn: (text: string) => void,
): CapabilityBits {
  const missing = new Set<string>();
  const bits = (names: readonly string[] = []): bigint => {
    let value = 0n;
    for (const name of names) {
      const number = capabilityNumber(name);
      const bit = number === undefined ? 0n : (1n << BigInt(number)) & available;
      if (bit === 0n) missing.add(name);
      value |= bit;
    }
    return value;
  };
  const permitted = bits(sets?.permitted);
  const inheritable = bits(sets?.inheritable);
  const result = {
    bounding: bits(sets?.bounding),
    effective: bits(sets?.effective) & permitted,
    permitted,
    inheritable,
    // The kernel takes into the ambient set only what is permitted and inheritable.
    ambient: bits(sets?.ambient) & permitted & inheritable,
  };
  if (missing.size > 0) warn(`process.capabilities: not available here: ${[...missing].sort().join(", ")}`);
  return result;
}

/**
 * Labels of a security module; they take effect at execve.
 * @param where what `process` is called in messages: "config.json: process"
 * @throws {RuntError} InvalidArgument for a module that the host has not
 */
export function labelOps(process: Process, host: HostFacts, operation: string, where: string): Op[] {
  const refuse = (property: string, what: string): never => {
    const subject = `${where}.${property}`;
    throw new RuntError("InvalidArgument", `${subject}: ${what}`, { operation, subject });
  };
  if (process.apparmorProfile && process.apparmorProfile !== "unconfined" && !host.lsm.apparmor) {
    refuse("apparmorProfile", "AppArmor is not enabled on this host");
  }
  if (process.selinuxLabel && !host.lsm.selinux) {
    refuse("selinuxLabel", "selinux label is specified in config, but selinux is disabled or not supported");
  }
  const ops: Op[] = [];
  if (process.apparmorProfile && host.lsm.apparmor) {
    ops.push({
      op: "lsm_label",
      file: "apparmor/exec",
      label: `exec ${process.apparmorProfile}`,
      at: "process.apparmorProfile",
      otherwise: [
        {
          op: "lsm_label",
          file: "exec",
          label: `exec ${process.apparmorProfile}`,
          at: "process.apparmorProfile",
        },
      ],
    });
  }
  if (process.selinuxLabel && host.lsm.selinux) {
    ops.push({ op: "lsm_label", file: "exec", label: process.selinuxLabel, at: "process.selinuxLabel" });
  }
  return ops;
}

/** Whether setgroups(2) is allowed in the user namespace; one that is joined by path does not tell. */
export type Setgroups = "allowed" | "denied" | "unknown";

export interface IdentityOptions {
  readonly setgroups: Setgroups;
  readonly seccomp: Op | undefined;
  /** Whether the seccomp listener must be told to the runtime. */
  readonly listener: boolean;
  readonly candidates: readonly string[];
  readonly bits: CapabilityBits;
}

/**
 * From root to the user. The order is the kernel's: the bounding set while we still may, ids with the
 * capabilities kept across, then the sets; a filter without no_new_privs while CAP_SYS_ADMIN is still ours.
 */
export function identityOps(process: Process, options: IdentityOptions): Op[] {
  const { bits } = options;
  const { uid, gid, additionalGids } = process.user;
  const at = "process.user";
  const groups = new Uint8Array(Uint32Array.from(additionalGids).buffer);
  const ops: Op[] = [];
  if (process.noNewPrivileges) ops.push({ op: "no_new_privs", at: "process.noNewPrivileges" });
  ops.push({ op: "cap_bounding", keep: bits.bounding, at: "process.capabilities" });
  if (options.seccomp && !process.noNewPrivileges) {
    ops.push(options.seccomp);
    if (options.listener) ops.push({ op: "sync", point: 4, at: "linux.seccomp" });
  }
  ops.push(
    { op: "chdir", path: process.cwd, optional: true, at: "process.cwd" },
    setUser(options.setgroups, { op: "set_user", uid, gid, groups, setgroups: 1, at }),
    {
      op: "capset",
      effective: bits.effective,
      permitted: bits.permitted,
      inheritable: bits.inheritable,
      at: "process.capabilities",
    },
    ...(bits.ambient === 0n
      ? []
      : [{ op: "cap_ambient", set: bits.ambient, at: "process.capabilities" } as const]),
    { op: "chdir", path: process.cwd, at: "process.cwd" },
    { op: "find_executable", candidates: options.candidates, at: "process.args" },
  );
  if (options.seccomp && process.noNewPrivileges && options.listener) {
    ops.push(options.seccomp, { op: "sync", point: 4, at: "linux.seccomp" });
  }
  return ops;
}

/** Where it may be denied, a user without additional groups can do without setgroups(2). */
function setUser(setgroups: Setgroups, op: Extract<Op, { op: "set_user" }>): Op {
  const without = { ...op, setgroups: 0 };
  if (setgroups === "denied") return without;
  return setgroups === "unknown" && op.groups.length === 0 ? { ...op, otherwise: [without] } : op;
}

/** The filter as the last thing before execve, where it then need not allow anything of ours. */
export function lateSeccomp(process: Process, options: IdentityOptions): Op[] {
  return options.seccomp && process.noNewPrivileges && !options.listener ? [options.seccomp] : [];
}

/** Small settings of the process that need privileges, or do not care. */
export function settingOps(process: Process): Op[] {
  return [
    ...schedulerOps(process.scheduler),
    ...ioPriorityOps(process.ioPriority),
    { op: "umask", mask: process.user.umask ?? 0o022, at: "process.user.umask" },
  ];
}

/** Bits of all capabilities up to `last`. */
export function allCapabilities(last: number): bigint {
  return (1n << BigInt(last + 1)) - 1n;
}
