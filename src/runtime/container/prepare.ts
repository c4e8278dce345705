/** From a bundle to a plan and the driver of its cgroup: all of create that changes nothing. */
import { join } from "node:path";
import { namespaceFlags } from "../../linux/namespace-flags.ts";
import type { Config } from "../../spec/runtime/config.ts";
import type { CreateOptions, RuntimeContext } from "../api.ts";
import { type Bundle, loadBundle } from "../bundle/load.ts";
import { type CgroupPlan, planCgroup } from "../cgroup/cgroup-plan.ts";
import type { CgroupDriver } from "../cgroup/driver.ts";
import { driverFor } from "../cgroup/driver.ts";
import { cgroupFacts } from "../cgroup/facts.ts";
import type { Waiting } from "../create/conversation.ts";
import type { IdleShim } from "../create/shim.ts";
import type { HostFacts } from "../host/facts.ts";
import { bundleFacts, hostFacts } from "../host/measure.ts";
import { PlanContext } from "../plan/context.ts";
import { planCreate } from "../plan/create.ts";
import type { MonitorRequest } from "../plan/monitor.ts";
import { namespaceFile } from "../plan/namespaces.ts";
import type { Plan } from "../plan/plan.ts";
import { builtFilter } from "../seccomp/built-in.ts";
import type { CompiledSeccomp } from "../seccomp/compile.ts";
import { seccompFlags } from "../seccomp/flags.ts";

/** How the caller watches the container. */
export interface CreateMode {
  readonly operation: string;
  readonly stay: "untilReady" | "untilExit" | "monitor";
  /** With `stay: "monitor"`. */
  readonly monitor?: MonitorRequest | undefined;
  readonly dieWithRuntime: boolean;
  readonly waiting: Waiting;
  /** Whether pipes among its stdio were made for it alone. */
  readonly giveStdio?: boolean | undefined;
  /** An fd of ours that gets a terminal's master, where there is no console socket. */
  readonly consoleFd?: number | undefined;
  /** The configuration as a value, in place of a file. */
  readonly config?: object | undefined;
  /** The bundle, where it is loaded already. */
  readonly loaded?: Bundle | undefined;
  /** The shim, where it is started already; stays the caller's to dispose of. */
  readonly shim?: IdleShim | undefined;
  /** Called while init is busy with itself: the time for what the caller will need later. */
  readonly meanwhile?: (() => Promise<void>) | undefined;
}

export interface Prepared {
  readonly bundle: Bundle;
  readonly stateDirectory: string;
  readonly rootfs: string;
  readonly plan: Plan;
  readonly cgroup: CgroupDriver;
  /**
   * CLONE_NEW* of the namespaces that the container does not share with us; without a pid namespace that it joins, where
   * another init reaps: there its own processes outlive it.
   */
  readonly namespaceFlags: number;
}

/** @throws {RuntError} for whatever is known to be wrong before anything is done */
export async function prepare(
  context: RuntimeContext,
  id: string,
  options: CreateOptions,
  mode: CreateMode,
): Promise<Prepared> {
  const { operation } = mode;
  const bundle =
    mode.loaded ?? (await loadBundle(options.bundle, { config: mode.config ?? options.config, operation }));
  const { config } = bundle;
  const host = hostFacts();
  const facts = bundleFacts(config, bundle.path, { noPivot: options.noPivot ?? false, operation });
  const seccomp = await compileFilter(config, host);
  const cgroupPlan = planCgroup(
    config,
    {
      id,
      manager: context.cgroupManager,
      rootless: isRootless(context, host),
      origin: { where: "config.json", operation },
    },
    cgroupFacts(context.cgroupManager),
  );
  const cgroup = driverFor(cgroupPlan);
  const stateDirectory = join(context.root, id);
  const listenFds = options.listenFds ?? 0;
  const count = listenFds + (options.preserveFds ?? 0);
  const plan = planCreate(
    new PlanContext(config, host, facts, {
      id,
      bundle: bundle.path,
      stateDirectory,
      console: consoleOf(options, mode),
      pivot: options.noPivot ? "move" : "pivot_root",
      keyring: options.noNewKeyring ? "inherited" : "new",
      preserved: Array.from({ length: count }, (_, i) => 3 + i),
      listenFds,
      stay: mode.stay,
      monitor: mode.monitor,
      giveStdio: mode.giveStdio,
      dieWithRuntime: mode.dieWithRuntime,
      notifyDirectory: options.notifySocket ? join(stateDirectory, "notify") : undefined,
      cgroup: { path: cgroupDirectory(cgroupPlan), placement: cgroup.placement, writes: cgroupPlan.writes },
    }),
    seccomp,
  );
  return { bundle, stateDirectory, rootfs: facts.rootfs, plan, cgroup, namespaceFlags: flagsOf(config) };
}

function consoleOf(options: CreateOptions, mode: CreateMode): { path: string } | { fd: number } | undefined {
  if (options.consoleSocket !== undefined) return { path: options.consoleSocket };
  return mode.consoleFd === undefined ? undefined : { fd: mode.consoleFd };
}

function cgroupDirectory(plan: CgroupPlan): string | undefined {
  return plan.path === "" ? undefined : `${plan.mountPoint}${plan.path}`;
}

function flagsOf(config: Config): number {
  return config.linux.namespaces
    .filter(({ type, path }) => type !== "pid" || path === undefined)
    .reduce((flags, { type }) => flags | namespaceFlags[namespaceFile[type]], 0);
}

/** The tables of system calls are large, so they are loaded only for a config that has a profile. */
export async function compileFilter(config: Config, host: HostFacts): Promise<CompiledSeccomp | undefined> {
  const profile = config.linux.seccomp;
  if (!profile) return undefined;
  const key = textOf(profile);
  const known = key !== undefined && compiled.get(key);
  if (known) return known;
  const supportedFlags = (await import("../host/seccomp.ts")).supportedSeccompFlags();
  const built = key !== undefined && builtFilter(key, host.arch);
  const filter = built
    ? { ...built, flags: seccompFlags(profile, supportedFlags, built.listener) }
    : (await import("../seccomp/compile.ts")).compileSeccomp(profile, { arch: host.arch, supportedFlags });
  if (key === undefined) return filter;
  if (compiled.size >= keptFilters) compiled.clear();
  compiled.set(key, filter);
  return filter;
}

/** A program that makes many containers has few profiles, and to compile one takes a millisecond. */
const compiled = new Map<string, CompiledSeccomp>();
const keptFilters = 8;

/** Undefined where it has a number that JSON cannot hold. */
function textOf(profile: object): string | undefined {
  try {
    return JSON.stringify(profile);
  } catch {
    return undefined;
  }
}

/** "auto": an ordinary user, or root of a user namespace. */
export function isRootless(context: RuntimeContext, host: HostFacts): boolean {
  return context.rootless === "auto" ? host.euid !== 0 || !host.privileged : context.rootless;
}
