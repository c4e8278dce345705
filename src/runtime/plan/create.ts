/** The plan of `create`: the parts of the config, put into the order in which they must happen. */

import { RuntError } from "../../errors.ts";
import type { CompiledSeccomp } from "../seccomp/compile.ts";
import { Make, type Op, Stay, type SyncPoint, syncPoints } from "../wire/ops.ts";
import type { PlanContext } from "./context.ts";
import { bringsDev, planDev } from "./dev.ts";
import { dedupe, executableCandidates, lookUp } from "./environment.ts";
import { planHiddenPaths } from "./hidden-paths.ts";
import { type HookState, hookOps, hookSteps } from "./hooks.ts";
import { hostId } from "./id-maps.ts";
import { monitorOps } from "./monitor.ts";
import { planMounts } from "./mounts.ts";
import { planNamespaces, setgroupsOf } from "./namespaces.ts";
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
import { planReadonlyRoot, planRootfs } from "./rootfs.ts";
import { memoryPolicyOps } from "./scheduling.ts";
import { listenerStep, seccompOp } from "./seccomp.ts";

const personalities = { LINUX: 0x0000, LINUX32: 0x0008 } as const;
const keepGid = 0xffff_ffff;

/** The op that waits for the runtime at `point`. */
export function syncOp(point: SyncPoint, at: string): Op {
  return { op: "sync", point: syncPoints.indexOf(point), at };
}

/**
 * Everything that creating this container takes. Pure: it looks at its arguments only.
 * @param seccomp the compiled filter where the config has one
 * @throws {RuntError} InvalidArgument, NotFound, Unimplemented for what no plan can be made of
 */
export function planCreate(context: PlanContext, seccomp: CompiledSeccomp | undefined): Plan {
  checkPlannable(context);
  const { config, request, host } = context;
  const { process } = config;
  const warnings: string[] = [];
  const before: HostStep[] = [{ step: "state", directory: request.stateDirectory }];
  const atSync: Partial<Record<SyncPoint, readonly HostStep[]>> = {};

  const namespaces = planNamespaces(context);
  const rootfs = planRootfs(context);
  const mounts = planMounts(context);
  const notify = planNotify(context);
  const dev = planDev(context);
  const hidden = planHiddenPaths(context);
  const env = processEnvironment(context);
  const bits = capabilityBits(
    process.capabilities,
    context.hasUserns ? allCapabilities(host.lastCapability) : host.permitted,
    (text) => warnings.push(text),
  );
  const identity: IdentityOptions = {
    setgroups: setgroupsOf(context),
    seccomp: seccompOp(seccomp),
    listener: seccomp?.listener ?? false,
    candidates: executableCandidates(process.args[0]!, env),
    bits,
  };

  if (identity.setgroups === "denied" && process.user.additionalGids.length > 0) {
    warnings.push(
      "process.user.additionalGids: passed over, because setgroups(2) is denied in this user namespace",
    );
  }

  // The fds that the process keeps come first, so that their slots are consecutive.
  for (const fd of request.preserved) before.push({ step: "inherit", slot: `preserved-${fd}`, fd });
  const cgroupSlot = request.cgroup.placement === "clone" ? "cgroup" : null;
  if (request.cgroup.path !== undefined)
    before.push({
      step: "cgroup",
      slot: cgroupSlot,
      path: request.cgroup.path,
      writes: request.cgroup.writes,
    });
  before.push({ step: "fifo", slot: "start", path: `${request.stateDirectory}/exec.fifo` });
  before.push(...namespaces.before);
  const console = planConsole(context, before);
  const monitor = planMonitor(context, before);

  const state = (status: "creating" | "created"): HookState => ({
    ociVersion: config.ociVersion,
    id: request.id,
    status,
    bundle: request.bundle,
    annotations: config.annotations,
  });

  const sync: Op[] = [];
  if (request.cgroup.placement === "attach") {
    atSync.cgroup = [{ step: "attach-cgroup" }];
    sync.push(syncOp("cgroup", "linux.cgroupsPath"));
  }
  const netDevices = Object.entries(config.linux.netDevices);
  const moveDevices: Op[] = [];
  if (netDevices.length > 0) {
    atSync.network = netDevices.map(([device, { name }]) => ({
      step: "move-network-device",
      device,
      name: name || device,
    }));
    moveDevices.push(syncOp("network", "linux.netDevices"));
  }
  const runtimeHooks = [...hookSteps(config, "prestart"), ...hookSteps(config, "createRuntime")];
  if (runtimeHooks.length > 0) atSync.hooks = runtimeHooks;
  if (seccomp?.listener) {
    atSync.seccomp = [listenerStep(config)];
  }

  const undumpable: Op = { op: "undumpable" };
  const limits = rlimitOps(process, host);
  const init: Op[] = [
    ...namespaces.dumpable,
    // An ordinary user must stay dumpable until its id maps are written.
    ...(host.euid === 0 ? [] : [undumpable]),
    ...sync,
    ...namespaces.init,
    { op: "setsid" },
    ...(request.keyring === "new" ? [{ op: "session_keyring", name: `_ses.${request.id}` } as const] : []),
    ...moveDevices,

    ...hidden.open,
    ...rootfs.attach,
    ...mounts.init,
    ...notify.init,
    ...dev.init,
    ...makeCwd(context),
    ...(runtimeHooks.length > 0 ? [syncOp("hooks", "hooks")] : []),
    ...hookOps(config, "createContainer", state("creating"), []),

    ...rootfs.enter,
    ...console,
    ...mounts.final,
    ...sysctlOps(context),
    ...hidden.init,
    ...planReadonlyRoot(context),

    ...memoryPolicyOps(config.linux.memoryPolicy),
    ...(config.linux.personality
      ? [
          {
            op: "personality",
            persona: personalities[config.linux.personality.domain],
            at: "linux.personality",
          } as const,
        ]
      : []),
    ...settingOps(process),
    ...labelOps(process, host, "create", "config.json: process"),
    ...identityOps(process, identity),

    keepFds(request.preserved, "start"),
    ...limits.init,
    { op: "ready" },
    { op: "wait_start" },
    ...hookOps(config, "startContainer", state("created"), env),
    ...lateSeccomp(process, identity),
    { op: "exec", argv: process.args, env, at: "process.args" },
  ];

  return {
    before,
    program: {
      cloneFlags: namespaces.cloneFlags,
      cgroup: cgroupSlot,
      stay: Stay[request.stay],
      dieWithRuntime: request.dieWithRuntime,
      inherited: before.flatMap((step) => ("slot" in step && step.slot !== null ? [step.slot] : [])),
      ops: {
        shim: [
          ...monitor,
          ...stdioOps(context),
          ...(host.euid === 0 ? [undumpable] : []),
          ...rootfs.shim,
          ...mounts.shim,
          ...notify.shim,
          ...dev.shim,
          ...hidden.shim,
          ...namespaces.shim,
        ],
        parent: [...namespaces.parent, ...oomScoreOps(process, host)],
        init,
        late: limits.late,
      },
    },
    atSync: { ...namespaces.atSync, ...atSync },
    warnings,
  };
}

/** `preserved` are the first slots of a program, so they follow one another. */
export function keepFds(preserved: readonly number[], start: string | null): Op {
  return {
    op: "keep_fds",
    first: preserved.length > 0 ? `preserved-${preserved[0]}` : null,
    count: preserved.length,
    start,
  };
}

/** What the schema allows, the host or this version does not. */
function checkPlannable(context: PlanContext): void {
  const { config, request, host } = context;
  const refuse = (subject: string, what: string): never => {
    throw new RuntError("InvalidArgument", `config.json: ${subject}: ${what}`, {
      operation: "create",
      subject: `config.json: ${subject}`,
    });
  };
  if (context.namespace("mount") === undefined)
    refuse("linux.namespaces", "a container needs a mount namespace");
  if (config.process.terminal && !request.console && !request.monitor) {
    refuse("process.terminal", "cannot allocate tty if runc will detach without setting console socket");
  }
  if (!config.process.terminal && request.console && "path" in request.console) {
    refuse("process.terminal", "cannot use console socket if runc will not detach or allocate tty");
  }
  if (config.linux.intelRdt) {
    const subject = "config.json: linux.intelRdt";
    throw new RuntError("Unimplemented", `${subject}: Intel RDT is not supported`, {
      operation: "create",
      subject,
    });
  }
  if (!host.capable && !context.hasUserns) {
    refuse("linux.namespaces", "an ordinary user needs a user namespace to make a container");
  }
  if (context.namespace("user") === "new") {
    for (const kind of ["uidMappings", "gidMappings"] as const) {
      if (hostId(config.linux[kind], 0) === undefined) {
        refuse(
          `linux.${kind}`,
          "id 0 of the container is not mapped: root of the user namespace makes the container",
        );
      }
    }
  }
}

function planConsole(context: PlanContext, before: HostStep[]): Op[] {
  const { config, request } = context;
  const { terminal, user } = config.process;
  if (terminal && request.monitor) return [consoleOp(context)];
  if (!terminal || !request.console) {
    return [{ op: "chown_stdio", uid: user.uid, gid: keepGid, at: "process.user" }];
  }
  before.push(
    "path" in request.console
      ? { step: "connect", slot: "console", path: request.console.path }
      : { step: "inherit", slot: "console", fd: request.console.fd },
  );
  return [consoleOp(context)];
}

/**
 * Root of a user namespace may not give away what belongs to nobody there: pipes that the host's root has made. Only those
 * that were made for the container: what our caller has as its own streams is not ours to give, and others use it too.
 */
function stdioOps(context: PlanContext): Op[] {
  const { monitor, giveStdio = false } = context.request;
  if (!monitor && !giveStdio) return [];
  const { terminal, user } = context.config.process;
  const uid = hostId(context.config.linux.uidMappings, user.uid);
  if (terminal || uid === undefined || context.sourcePhase !== "shim") return [];
  return [{ op: "chown_stdio", uid, gid: keepGid, at: "process.user" }];
}

function consoleOp(context: PlanContext): Op {
  const { user, consoleSize } = context.config.process;
  return {
    op: "console",
    socket: "console",
    rows: consoleSize?.height ?? 0,
    columns: consoleSize?.width ?? 0,
    uid: user.uid,
    gid: keepGid,
    bind: bringsDev(context) ? 0 : 1,
    at: "process.terminal",
  };
}

function planMonitor({ config, request }: PlanContext, before: HostStep[]): Op[] {
  if (!request.monitor) return [];
  before.push({ step: "inherit", slot: "monitor", fd: request.monitor.socket });
  const { path } = request.cgroup;
  return monitorOps(
    request.monitor,
    path === undefined ? undefined : `${path}/memory.events`,
    config.process.terminal ? "console" : undefined,
  );
}

/** The container's end of the NOTIFY_SOCKET relay. */
function planNotify(context: PlanContext): { shim: Op[]; init: Op[] } {
  const directory = context.request.notifyDirectory;
  if (directory === undefined) return { shim: [], init: [] };
  const open: Op[] = [
    { op: "open_tree", out: "notify", dir: null, path: directory, flags: 1, at: "NOTIFY_SOCKET" },
    {
      op: "tree_setattr",
      tree: "notify",
      at_flags: 0,
      set: 0xf,
      clear: 0,
      propagation: 0,
      userns: null,
      at: "NOTIFY_SOCKET",
    },
  ];
  const place: Op = {
    op: "move_mount",
    tree: "notify",
    path: "/run/notify",
    make: Make.directory,
    strict: 0,
    at: "NOTIFY_SOCKET",
  };
  return context.sourcePhase === "shim"
    ? { shim: open, init: [place] }
    : { shim: [], init: [...open, place] };
}

function makeCwd({ config }: PlanContext): Op[] {
  return config.process.cwd === "/"
    ? []
    : [{ op: "mkdir", path: config.process.cwd, mode: 0o755, at: "process.cwd" }];
}

/** "net.ipv4.ip_forward" and "net/ipv4/ip_forward" are the same file. */
function sysctlOps({ config }: PlanContext): Op[] {
  return Object.entries(config.linux.sysctl).map(([key, value]) => ({
    op: "sysctl",
    file: `sys/${sysctlFile(key)}`,
    value,
    at: `linux.sysctl["${key}"]`,
  }));
}

/** sysctl(8): the first separator tells which of the two is the separator; the other stands for itself. */
export function sysctlFile(key: string): string {
  const first = /[./]/.exec(key)?.[0];
  if (first === "/") return key;
  return key.replaceAll(/[./]/g, (separator) => (separator === "." ? "/" : "."));
}

function processEnvironment(context: PlanContext): string[] {
  const { config, bundle, request } = context;
  const env = dedupe(config.process.env);
  if (!lookUp(env, "HOME")) env.push(`HOME=${bundle.home}`);
  if (request.listenFds > 0) env.push(`LISTEN_FDS=${request.listenFds}`, "LISTEN_PID=1");
  if (request.notifyDirectory !== undefined) env.push("NOTIFY_SOCKET=/run/notify/notify.sock");
  return dedupe(env);
}
