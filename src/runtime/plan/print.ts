/** `runt plan`: the plan that create would carry out, for people and for programs. */

import * as k from "../../linux/mount-flags.ts";
import { namespaceFlags } from "../../linux/namespace-flags.ts";
import type { RuntimeContext } from "../api.ts";
import { type CreateMode, prepare } from "../container/prepare.ts";
import { type Op, opTable, type Phase, phases, Stay, syncPoints } from "../wire/ops.ts";
import type { HostStep, Plan } from "./plan.ts";

export interface PlanOptions {
  readonly context: RuntimeContext;
  /** Path of the configuration, `<bundle>/config.json` by default. */
  readonly config?: string;
}

/** The plan for a bundle on this host as it is now. Nothing is done. @throws {RuntError} as create would */
export async function planBundle(bundle: string, { context, config }: PlanOptions): Promise<Plan> {
  const mode: CreateMode = {
    operation: "plan",
    stay: "untilReady",
    dieWithRuntime: false,
    waiting: "blocking",
    consoleFd: -1,
  };
  const options = { bundle, ...(config === undefined ? {} : { config }) };
  const { plan, cgroup } = await prepare(context, "ID", options, mode);
  cgroup[Symbol.dispose]();
  return plan;
}

/** One line an op: its number, the part of config.json that asked for it, and what it does. */
export function formatPlan(plan: Plan): string {
  const out: string[] = [];
  const all = phases.flatMap((phase) => plan.program.ops[phase]);
  const width = Math.max(...all.map((op) => op.at?.length ?? 0)) + 1;
  const section = (title: string): void => {
    out.push("", title);
  };
  section("runtime: on the host, before anything runs");
  for (const step of plan.before) out.push(...formatStep(step));

  let number = 0;
  const ops = (title: string, phase: Phase): void => {
    const list = plan.program.ops[phase];
    if (list.length === 0) return;
    section(title);
    const add = (op: Op, lead: string): void => {
      out.push(`${String(number++).padStart(4)} ${(op.at ?? "").padEnd(width)} ${lead}${formatOp(op)}`);
      if (op.op === "sync") {
        for (const step of plan.atSync[syncPoints[Number(op.point)]!] ?? []) {
          for (const line of formatStep(step)) out.push(`${" ".repeat(width + 8)}${line.trimStart()}`);
        }
      }
      for (const fallback of op.otherwise ?? []) add(fallback, "  if that fails: ");
    };
    for (const op of list) add(op, "");
  };
  ops("runt-shim: in the host's namespaces", "shim");
  section(
    `runt-shim: clone3 ${namespaceNames(plan.program.cloneFlags)}${plan.program.cgroup ? ", CLONE_INTO_CGROUP" : ""}`,
  );
  ops("runt-shim: to the new process, which waits", "parent");
  ops("init: in the new namespaces", "init");
  ops("runt-shim: when init is ready", "late");
  const stay = Object.entries(Stay).find(([, value]) => value === plan.program.stay)?.[0];
  section(
    stay === "untilReady"
      ? "runt-shim ends when init is ready; start writes to exec.fifo"
      : stay === "monitor"
        ? "runt-shim stays as the monitor; start writes to exec.fifo"
        : "runt-shim stays until init ends",
  );
  for (const warning of plan.warnings) out.push(`warning: ${warning}`);
  return `${out.join("\n").trimStart()}\n`;
}

function formatStep(step: HostStep): string[] {
  const lead = "     ";
  switch (step.step) {
    case "state":
      return [`${lead}mkdir ${step.directory}, write state.json and config.json`];
    case "cgroup":
      return [
        `${lead}mkdir ${step.path}`,
        ...step.writes.map(({ file, value }) => `${lead}write ${JSON.stringify(value)} to ${file}`),
      ];
    case "open":
      return [`${lead}open ${step.path} as ${step.slot}`];
    case "pidfd":
      return [`${lead}pidfd_open ${step.pid} as ${step.slot}`];
    case "fifo":
      return [`${lead}mkfifo ${step.path}`];
    case "connect":
      return [`${lead}connect to ${step.path}`];
    case "inherit":
      return [`${lead}hand over fd ${step.fd < 0 ? "of a socket pair" : step.fd} as ${step.slot}`];
    case "map-ids":
      return [`${lead}newgidmap PID ${step.gid.join(" ")}`, `${lead}newuidmap PID ${step.uid.join(" ")}`];
    case "attach-cgroup":
      return [`${lead}move the process into its cgroup`];
    case "move-network-device":
      return [`${lead}move network device ${step.device} into the container as ${step.name}`];
    case "hooks":
      return step.hooks.map((hook) => `${lead}run ${step.name} hook ${hook.path}`);
    case "seccomp-listener":
      return [`${lead}send the seccomp listener to ${step.path}`];
  }
}

/** Numbers that are better read as names. */
const readers: Record<string, (value: number | bigint) => string> = {
  nstype: (value) => namespaceNames(Number(value)),
  attrs: attributeNames,
  set: attributeNames,
  clear: attributeNames,
  propagation: (value) => propagationNames[Number(value)] ?? String(value),
  at_flags: (value) => (Number(value) === k.AT_RECURSIVE ? "AT_RECURSIVE" : hex(value)),
  mode: (value) => `0${value.toString(8)}`,
  mask: (value) => `0${value.toString(8)}`,
  type: (value) =>
    Number(value) === 0o020000 ? "character" : Number(value) === 0o060000 ? "block" : String(value),
  gid: (value) => (Number(value) === 0xffff_ffff ? "unchanged" : String(value)),
  point: (value) => syncPoints[Number(value)] ?? String(value),
  make: (value) => ["a directory", "a file", "nothing", "the same"][Number(value)] ?? String(value),
};

/** Arguments that say nothing where they are zero. */
const quietZero = new Set([
  "at_flags",
  "set",
  "clear",
  "propagation",
  "strict",
  "make",
  "rows",
  "columns",
  "attrs",
  "timeout_ms",
]);

function formatOp(op: Op): string {
  const values = op as unknown as Record<string, unknown>;
  const words: string[] = [op.op];
  for (const [name, type] of Object.entries(opTable[op.op].args)) {
    const value = values[name];
    if (quietZero.has(name) && Number(value) === 0) continue;
    if (value === null || value === "") continue;
    words.push(`${name}=${formatValue(op, name, type, value)}`);
  }
  return `${words.join(" ")}${op.optional ? " (may fail)" : ""}`;
}

function formatValue(op: Op, name: string, type: string, value: unknown): string {
  if (type === "strs") return `[${(value as string[]).map(quoted).join(" ")}]`;
  if (type === "bytes") return `<${(value as Uint8Array).length} bytes>`;
  if (type === "str" || type === "slot") return type === "str" ? quoted(String(value)) : String(value);
  const number = value as number | bigint;
  if (name === "flags" && op.op === "unshare") return namespaceNames(Number(number));
  if (name === "flags" && op.op.startsWith("open_tree")) return openTreeNames(Number(number));
  const read = readers[name];
  if (
    read &&
    !(name === "mask" && op.op === "sched_setaffinity") &&
    !(name === "set" && op.op === "cap_ambient")
  )
    return read(number);
  return typeof number === "bigint" ? hex(number) : String(number);
}

function quoted(text: string): string {
  return /^[^\s"]+$/.test(text) ? text : JSON.stringify(text);
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

function namespaceNames(flags: number): string {
  const names = Object.entries(namespaceFlags)
    .filter(([, flag]) => flags & flag)
    .map(([name]) => `CLONE_NEW${name === "mnt" ? "NS" : name.toUpperCase()}`);
  return names.length > 0 ? names.join("|") : "without new namespaces";
}

const propagationNames: Record<number, string> = {
  [k.MS_PRIVATE]: "private",
  [k.MS_SLAVE]: "slave",
  [k.MS_SHARED]: "shared",
  [k.MS_UNBINDABLE]: "unbindable",
};

function openTreeNames(flags: number): string {
  return ["CLONE", ...(flags & k.AT_RECURSIVE ? ["RECURSIVE"] : [])].join("|");
}

const attributes = {
  RDONLY: k.MOUNT_ATTR_RDONLY,
  NOSUID: k.MOUNT_ATTR_NOSUID,
  NODEV: k.MOUNT_ATTR_NODEV,
  NOEXEC: k.MOUNT_ATTR_NOEXEC,
  NODIRATIME: k.MOUNT_ATTR_NODIRATIME,
  IDMAP: k.MOUNT_ATTR_IDMAP,
  NOSYMFOLLOW: k.MOUNT_ATTR_NOSYMFOLLOW,
} as const;

function attributeNames(value: number | bigint): string {
  const flags = Number(value);
  const set = Object.entries(attributes).flatMap(([name, bit]) => (flags & bit ? [name] : []));
  const atime = flags & k.MOUNT_ATTR__ATIME;
  if (atime === k.MOUNT_ATTR__ATIME) set.push("ATIME");
  else if (atime & k.MOUNT_ATTR_NOATIME) set.push("NOATIME");
  else if (atime & k.MOUNT_ATTR_STRICTATIME) set.push("STRICTATIME");
  return set.length > 0 ? set.join("|") : hex(flags);
}
