/** The plan of `exec`: one more process in namespaces that are there already. */
import { namespaceFlags } from "../../linux/namespace-flags.ts";
import type { Config } from "../../spec/runtime/config.ts";
import type { Process } from "../../spec/runtime/process.ts";
import type { HostFacts } from "../host/facts.ts";
import type { CompiledSeccomp } from "../seccomp/compile.ts";
import { type Op, Stay } from "../wire/ops.ts";
import { keepFds } from "./create.ts";
import { dedupe, executableCandidates, lookUp } from "./environment.ts";
import { hostId } from "./id-maps.ts";
import type { HostStep, Plan } from "./plan.ts";
import {
  allCapabilities,
  capabilityBits,
  type IdentityOptions,
  identityOps,
  labelOps,
  lateSeccomp,
  oomScoreOps,
  rlimitOps,
  settingOps,
} from "./process.ts";
import { affinityOps, memoryPolicyOps } from "./scheduling.ts";
import { listenerStep, seccompOp } from "./seccomp.ts";

export interface ExecRequest {
  readonly id: string;
  readonly config: Config;
  readonly process: Process;
  /** Of the container's init, on the host. */
  readonly pid: number;
  /** CLONE_NEW* of the namespaces in which init differs from us. */
  readonly namespaceFlags: number;
  readonly joinsUserns: boolean;
  readonly setgroupsDenied: boolean;
  readonly console: { readonly path: string } | { readonly fd: number } | undefined;
  readonly preserved: readonly number[];
  /** Directory of the cgroup to be born in. */
  readonly cgroup: string | undefined;
  readonly home: string;
  readonly keyring: "new" | "inherited";
  readonly stay: "untilExec" | "untilExit";
  readonly dieWithRuntime: boolean;
  /** Whether pipes among its stdio were made for it alone. */
  readonly giveStdio: boolean;
}

/** @see runc-exec(8): the specification has no exec */
export function planExec(request: ExecRequest, host: HostFacts, seccomp: CompiledSeccomp | undefined): Plan {
  const { process } = request;
  const warnings: string[] = [];
  const env = dedupe(process.env);
  if (!lookUp(env, "HOME")) env.push(`HOME=${request.home}`);
  const available = request.joinsUserns ? allCapabilities(host.lastCapability) : host.permitted;
  const identity: IdentityOptions = {
    setgroups: request.setgroupsDenied ? "denied" : "allowed",
    seccomp: seccompOp(seccomp),
    listener: seccomp?.listener ?? false,
    candidates: executableCandidates(process.args[0]!, env),
    bits: capabilityBits(process.capabilities, available, (text) => warnings.push(text)),
  };

  const limits = rlimitOps(process, host);
  const before: HostStep[] = [];
  for (const fd of request.preserved) before.push({ step: "inherit", slot: `preserved-${fd}`, fd });
  before.push({ step: "pidfd", slot: "init", pid: request.pid });
  if (request.cgroup !== undefined)
    before.push({ step: "cgroup", slot: "cgroup", path: request.cgroup, writes: [] });
  const console: Op[] = [];
  if (process.terminal && request.console) {
    before.push(
      "path" in request.console
        ? { step: "connect", slot: "console", path: request.console.path }
        : { step: "inherit", slot: "console", fd: request.console.fd },
    );
    const { height: rows = 0, width: columns = 0 } = process.consoleSize ?? {};
    const at = "process.terminal";
    console.push({
      op: "console",
      socket: "console",
      rows,
      columns,
      uid: process.user.uid,
      gid: 0xffff_ffff,
      bind: 0,
      at,
    });
  } else console.push({ op: "chown_stdio", uid: process.user.uid, gid: 0xffff_ffff, at: "process.user" });

  // Not in the shim: from within the namespace nobody can be born in a cgroup by the host's path (nsdelegate).
  const cgroupNamespace: Op[] =
    request.namespaceFlags & namespaceFlags.cgroup
      ? [{ op: "setns", fd: "init", nstype: namespaceFlags.cgroup }]
      : [];

  const atSync: Record<string, HostStep[]> = {};
  if (seccomp?.listener) {
    atSync.seccomp = [listenerStep(request.config)];
  }
  return {
    before,
    program: {
      cloneFlags: 0,
      cgroup: request.cgroup === undefined ? null : "cgroup",
      stay: Stay[request.stay],
      dieWithRuntime: request.dieWithRuntime,
      inherited: before.flatMap((step) => ("slot" in step && step.slot !== null ? [step.slot] : [])),
      ops: {
        // Undumpable before the first namespace of the container is joined (CVE-2016-9962).
        shim: [
          ...stdioOps(request, host),
          // Once undumpable, the files of shim and child in /proc belong to root; the child inherits this.
          ...(host.euid === 0 ? [] : oomScoreOps(process, host)),
          { op: "undumpable" },
          ...affinityOps(process.execCPUAffinity?.initial, "process.execCPUAffinity.initial"),
          { op: "setns", fd: "init", nstype: request.namespaceFlags & ~namespaceFlags.cgroup },
        ],
        parent: host.euid === 0 ? oomScoreOps(process, host) : [],
        init: [
          ...(request.joinsUserns ? [{ op: "become_root" } as const] : []),
          ...cgroupNamespace,
          { op: "setsid" },
          ...(request.keyring === "new"
            ? [{ op: "session_keyring", name: `_ses.${request.id}` } as const]
            : []),
          { op: "root_is_current" },
          ...console,
          ...affinityOps(process.execCPUAffinity?.final, "process.execCPUAffinity.final"),
          ...memoryPolicyOps(request.config.linux.memoryPolicy),
          ...settingOps(process),
          ...labelOps(process, host, "exec", "exec: process"),
          ...identityOps(process, identity),
          keepFds(request.preserved, null),
          ...limits.init,
          { op: "ready" },
          ...lateSeccomp(process, identity),
          { op: "exec", argv: process.args, env, at: "process.args" },
        ],
        late: limits.late,
      },
    },
    atSync,
    warnings,
  };
}

/** As at create: pipes of the host's root are not the container's to give away, and our caller's are not ours. */
function stdioOps({ config, process, joinsUserns, giveStdio }: ExecRequest, host: HostFacts): Op[] {
  const uid = hostId(config.linux.uidMappings, process.user.uid);
  if (!giveStdio || process.terminal || !joinsUserns || !host.capable || uid === undefined) return [];
  return [{ op: "chown_stdio", uid, gid: 0xffff_ffff, at: "process.user" }];
}
