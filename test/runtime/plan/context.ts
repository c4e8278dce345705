/** Contexts for planning without a machine: facts as values, a small config with changes. */

import type { BundleFacts, HostFacts } from "../../../src/runtime/host/facts.ts";
import type { CreateRequest } from "../../../src/runtime/plan/context.ts";
import { PlanContext } from "../../../src/runtime/plan/context.ts";
import { planCreate } from "../../../src/runtime/plan/create.ts";
import type { Plan } from "../../../src/runtime/plan/plan.ts";
import type { Op, Phase } from "../../../src/runtime/wire/ops.ts";
import { readConfig } from "../../../src/spec/runtime/config.ts";
import { type Json, merged } from "../../support/bundle.ts";

/** Root on a machine with every capability. */
export const host: HostFacts = {
  euid: 0,
  egid: 0,
  privileged: true,
  capable: true,
  ownsMounts: true,
  setgroupsDenied: false,
  arch: "x86_64",
  permitted: (1n << 41n) - 1n,
  lastCapability: 40,
  lsm: { apparmor: false, selinux: false },
  kernel: "6.12.0",
};

/** alice, with nothing but her own id. */
export const alice: HostFacts = {
  ...host,
  euid: 1000,
  egid: 1000,
  privileged: false,
  capable: false,
  ownsMounts: false,
  permitted: 0n,
};

export const bundle: BundleFacts = {
  rootfs: "/bundle/rootfs",
  sources: new Map(),
  rootfsMount: "/",
  procMounts: [],
  home: "/",
  joined: new Set(),
  kcore: false,
};

export const request: CreateRequest = {
  id: "c1",
  bundle: "/bundle",
  stateDirectory: "/run/runt/c1",
  console: undefined,
  pivot: "pivot_root",
  keyring: "new",
  preserved: [],
  listenFds: 0,
  stay: "untilReady",
  dieWithRuntime: false,
  notifyDirectory: undefined,
  cgroup: { path: "/sys/fs/cgroup/c1", placement: "clone", writes: [] },
};

export interface Surroundings {
  readonly host?: Partial<HostFacts>;
  readonly bundle?: Partial<BundleFacts>;
  readonly request?: Partial<CreateRequest>;
}

const smallest = {
  ociVersion: "1.2.0",
  root: { path: "rootfs" },
  process: { args: ["/bin/true"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } },
  linux: { namespaces: [{ type: "mount" }] },
};

/** The smallest config with `changes`, in surroundings with changes. */
export function aPlanContext(changes: Json = {}, around: Surroundings = {}): PlanContext {
  const config = readConfig(merged(smallest, changes), "config.json");
  return new PlanContext(
    config,
    { ...host, ...around.host },
    { ...bundle, ...around.bundle },
    { ...request, ...around.request },
  );
}

export function aPlanOf(changes: Json = {}, around: Surroundings = {}): Plan {
  return planCreate(aPlanContext(changes, around), undefined);
}

/** The ops of one name. */
export function ops(plan: Plan, phase: Phase, name: Op["op"]): Op[] {
  return plan.program.ops[phase].filter(({ op }) => op === name);
}

/** The names of all ops of a phase, without the repetition of /dev. */
export function names(plan: Plan, phase: Phase): string[] {
  return plan.program.ops[phase].filter(({ at }) => at !== "/dev").map(({ op }) => op);
}
