/** Hangs a device policy on a cgroup, through bpf(2). */
import { readFileSync } from "node:fs";
import {
  BPF_CGROUP_DEVICE,
  BPF_PROG_TYPE_CGROUP_DEVICE,
  bpfProgAttach,
  bpfProgDetach,
  bpfProgGetFdById,
  bpfProgLoad,
  bpfProgQuery,
} from "../../linux/bpf.ts";
import type { Fd } from "../../linux/fd.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { Cgroup } from "./cgroup.ts";
import { deviceProgram } from "./device-program.ts";
import { allowsEverything, type DevicePolicy } from "./device-rules.ts";
import { kernelRefusal } from "./errors.ts";

/** Whose devices, and whether it matters much. */
export interface DeviceFilterOptions {
  readonly operation: string;
  /** Runs without privileges: what the kernel does not let us attach is left out. */
  readonly rootless: boolean;
  /** The cgroup is ours and new: there is no older program to look for. */
  readonly fresh: boolean;
}

/**
 * Puts `policy` into force in `cgroup`, in place of an earlier one: the new program is attached before the old one goes, so that there is no moment without either.
 *
 * @returns whether the cgroup has a program now; a policy that allows everything needs none
 * @throws {RuntError} PermissionDenied without CAP_BPF, unless there is a user namespace around us: there a
 *   device node cannot be opened whatever the cgroup says, because the kernel honours none on its mounts
 */
export function applyDevicePolicy(
  cgroup: Cgroup,
  policy: DevicePolicy,
  { operation, rootless, fresh }: DeviceFilterOptions,
): boolean {
  try {
    if (!allowsEverything(policy)) {
      replacePrograms(cgroup, loaded(policy), fresh);
      return true;
    }
    if (!fresh) withAttached(cgroup, (old) => detachAll(cgroup, old));
    return false;
  } catch (error) {
    if (hasCode(error, "EPERM", "EACCES") && (rootless || inUserNamespace())) return false;
    const what = `cannot set the device policy of cgroup ${cgroup.path}`;
    throw kernelRefusal(error, what, { operation, subject: "config.json: linux.resources.devices" });
  }
}

/** Ids of the device programs attached to the cgroup itself. @throws {SystemError} EPERM without CAP_NET_ADMIN */
export function devicePrograms(cgroup: Cgroup): number[] {
  return bpfProgQuery(cgroup.fd, BPF_CGROUP_DEVICE);
}

function replacePrograms(cgroup: Cgroup, program: Fd, fresh: boolean): void {
  const target = cgroup.fd;
  if (fresh) {
    bpfProgAttach(target, program, BPF_CGROUP_DEVICE);
    return;
  }
  withAttached(cgroup, (old) => {
    const [first, ...more] = old;
    const only = more.length === 0 ? first : undefined;
    bpfProgAttach(target, program, BPF_CGROUP_DEVICE, only);
    if (!only) detachAll(cgroup, old);
  });
}

function detachAll(cgroup: Cgroup, programs: readonly Fd[]): void {
  for (const program of programs) bpfProgDetach(cgroup.fd, program, BPF_CGROUP_DEVICE);
}

function withAttached(cgroup: Cgroup, use: (programs: readonly Fd[]) => void): void {
  using stack = new DisposableStack();
  const programs = [];
  for (const id of devicePrograms(cgroup)) {
    try {
      programs.push(stack.use(bpfProgGetFdById(id)));
    } catch (error) {
      // A security module may keep the program of another from us. All programs must allow an access, so one
      // that stays can only make the policy stricter.
      if (!hasCode(error, "EPERM", "EACCES", "ENOENT")) throw error;
    }
  }
  use(programs);
}

/** The verifier takes longer than all the rest: programs are kept, since most containers have the same one. */
const programs = new Map<DevicePolicy, Fd>();
const kept = 8;

/** The program as an fd that stays the cache's to close. */
function loaded(policy: DevicePolicy): Fd {
  const known = programs.get(policy);
  if (known) return known;
  const instructions = deviceProgram(policy);
  const program = bpfProgLoad({ type: BPF_PROG_TYPE_CGROUP_DEVICE, instructions, name: "runt_devices" });
  for (const [oldPolicy, old] of programs) {
    if (programs.size < kept) break;
    old[Symbol.dispose]();
    programs.delete(oldPolicy);
  }
  programs.set(policy, program);
  return program;
}

/** Closes the programs that are kept for the next container; those attached to cgroups stay in force. */
export function closeCachedPrograms(): void {
  for (const program of programs.values()) program[Symbol.dispose]();
  programs.clear();
}

/** Is this another user namespace than the first one? That one maps every id to itself. */
function inUserNamespace(): boolean {
  const map = readFileSync("/proc/self/uid_map", "latin1").trim().split(/\s+/).join(" ");
  return map !== "0 0 4294967295";
}
