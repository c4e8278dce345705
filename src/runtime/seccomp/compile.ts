/**
 * Turns `linux.seccomp` of config.json into the program and flags for seccomp(2).
 *
 * ```
 * profile ─ rules of each architecture ─ decisions over words ─┐
 *                                number line ─ binary search ──┴ graph ─ struct sock_filter[]
 * ```
 *
 * Import it when a config has the section, not before: it brings the system call tables along.
 *
 * @see runtime-spec 1.3 config-linux.md#seccomp
 */
import { RuntError } from "../../errors.ts";
import type { LinuxSeccomp } from "../../spec/runtime/seccomp.ts";
import type { SeccompAction, SeccompFlag } from "../../spec/runtime/seccomp-words.ts";
import { archsFor, type HostArch } from "./archs.ts";
import { assemble } from "./assemble.ts";
import { BPF, SeccompData } from "./bpf.ts";
import { dispatch, type Outcomes } from "./dispatch.ts";
import { seccompFlags } from "./flags.ts";
import { Graph, type Node } from "./graph.ts";
import { type ArchRules, type RuleEntry, returnValue, ruleEntries, rulesOf } from "./rules.ts";

const ENOSYS = 38;

/** What the machine can do, measured by the caller. */
export interface SeccompHost {
  readonly arch: HostArch;
  /** Flags that seccomp(2) takes here: with SET_MODE_FILTER, the flag and no program it says EFAULT, else EINVAL. */
  readonly supportedFlags: readonly SeccompFlag[];
}

/** What to give to seccomp(2). */
export interface CompiledSeccomp {
  /** struct sock_filter[], little-endian, 8 bytes each. */
  readonly filter: Uint8Array;
  /** SECCOMP_FILTER_FLAG_*, with NEW_LISTENER where a rule notifies. */
  readonly flags: number;
  /** Whether seccomp(2) will return a notification fd, which belongs to the agent at `listenerPath`. */
  readonly listener: boolean;
  /** What of the profile has no effect here, one line each; worth a debug line, not more. */
  readonly warnings: readonly string[];
}

/**
 * The filter for `profile` on `host`. Pure: it reads nothing and changes nothing.
 *
 * Calls of an architecture that is not listed kill the thread. Where the default action refuses, calls newer than the
 * newest one the profile names get ENOSYS, so that programs fall back to older ones.
 *
 * @throws {RuntError} InvalidArgument: SCMP_ACT_NOTIFY as the default, for write(2), or without `listenerPath`;
 *   WAIT_KILLABLE_RECV without SCMP_ACT_NOTIFY; contradicting rules; a filter above 4096 instructions.
 *   Unimplemented: a flag this kernel lacks.
 */
export function compileSeccomp(profile: LinuxSeccomp, host: SeccompHost): CompiledSeccomp {
  const listener = (profile.syscalls ?? []).some((s) => s.action === "SCMP_ACT_NOTIFY");
  checkNotify(profile, listener);
  const flags = seccompFlags(profile, host.supportedFlags, listener);

  const entries = ruleEntries(profile);
  const defaultRet = returnValue(profile.defaultAction, profile.defaultErrnoRet);
  const { archs, foreign } = archsFor(host.arch, profile.architectures ?? []);
  const rules = archs.map((arch) => rulesOf(arch, entries, defaultRet));
  const outcomes: Outcomes = {
    default: defaultRet,
    newer: permissive.includes(profile.defaultAction) ? undefined : returnValue("SCMP_ACT_ERRNO", ENOSYS),
    // libseccomp's choice for calls it has no rules for, which runc keeps.
    badArch: returnValue("SCMP_ACT_KILL_THREAD", undefined),
  };

  return {
    filter: assemble(filterGraph(rules, outcomes)),
    flags,
    listener,
    warnings: [
      ...foreign.map((arch) => `seccomp: ${arch} is ignored: a kernel for ${host.arch} does not run it`),
      ...unknownNames(rules, entries),
    ],
  };
}

/** Default actions under which a new system call works or a tracer deals with it. */
const permissive: readonly SeccompAction[] = ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"];

/** Finds the audit architecture, the native one first, and goes to its part. */
function filterGraph(rules: readonly ArchRules[], outcomes: Outcomes): Node {
  const graph = new Graph();
  let node = graph.ret(outcomes.badArch);
  for (const [audit, siblings] of [...Map.groupBy(rules, (r) => r.arch.audit)].reverse()) {
    node = graph.jump(BPF.JMP_JEQ_K, audit, dispatch(graph, siblings, outcomes), node);
  }
  return graph.load(SeccompData.arch, node);
}

function checkNotify(profile: LinuxSeccomp, listener: boolean): void {
  if (profile.defaultAction === "SCMP_ACT_NOTIFY") {
    throw invalid("SCMP_ACT_NOTIFY cannot be the default action", "defaultAction");
  }
  // Between loading the filter and handing its fd over, the container's first process must write to the runtime.
  const write = (profile.syscalls ?? []).findIndex(
    (s) => s.action === "SCMP_ACT_NOTIFY" && s.names.includes("write"),
  );
  if (write >= 0) throw invalid("SCMP_ACT_NOTIFY cannot be used for write", `syscalls[${write}]`);
  if (listener && !profile.listenerPath) throw invalid("SCMP_ACT_NOTIFY needs listenerPath", "listenerPath");
}

/** Names in no table of the listed architectures: calls of other machines, of newer kernels, or misspelt ones. */
function unknownNames(rules: readonly ArchRules[], entries: readonly RuleEntry[]): string[] {
  const unknown = new Set<string>();
  for (const { names } of entries) {
    for (const name of names) if (!rules.some((r) => r.names.has(name))) unknown.add(name);
  }
  return unknown.size === 0 ? [] : [`seccomp: ignored system calls unknown here: ${[...unknown].join(", ")}`];
}

function site(property: string) {
  return { operation: "create", subject: `config.json: linux.seccomp.${property}` } as const;
}

function invalid(what: string, property: string): RuntError {
  return new RuntError("InvalidArgument", `seccomp: ${what}`, site(property));
}
