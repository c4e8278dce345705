/** `exec`: one more process in a container that runs. @see runc-exec(8) */
import { readFileSync, readlinkSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import { type NamespaceFile, namespaceFlags } from "../../linux/namespace-flags.ts";
import { hasCode } from "../../linux/system-error.ts";
import { CAPABILITIES } from "../../spec/runtime/capabilities.ts";
import { type Config, parseProcess } from "../../spec/runtime/config.ts";
import { readDocument } from "../../spec/runtime/parse.ts";
import { Process } from "../../spec/runtime/process.ts";
import { checkProcess } from "../../spec/runtime/validate.ts";
import type { ExecOptions, ExitStatus, RuntimeContext } from "../api.ts";
import { Cgroup } from "../cgroup/cgroup.ts";
import { driverOf } from "../cgroup/driver.ts";
import { cgroupOfProcess, subCgroup } from "../cgroup/join.ts";
import type { Waiting } from "../create/conversation.ts";
import { type Launched, launch } from "../create/launch.ts";
import { IdleShim } from "../create/shim.ts";
import { HostSteps } from "../create/steps.ts";
import { homeOf } from "../host/home.ts";
import { hostFacts } from "../host/measure.ts";
import { planExec } from "../plan/exec.ts";
import { readConfigOf } from "./config-store.ts";
import { sendPidfd, writePidFile } from "./create.ts";
import { forwardSignals, openBridge } from "./foreground.ts";
import { signalProcess } from "./kill.ts";
import { compileFilter } from "./prepare.ts";
import { type Found, findContainer, wrongState } from "./status.ts";

/** How the caller watches the process. */
export interface ExecMode {
  readonly stay: "untilExec" | "untilExit";
  readonly dieWithRuntime: boolean;
  readonly waiting: Waiting;
  readonly consoleFd?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Resolves with the exit status, or with nothing as soon as the process runs where it is detached. */
export async function execInContainer(
  context: RuntimeContext,
  id: string,
  options: ExecOptions,
): Promise<ExitStatus | undefined> {
  const found = findContainer(context.root, id, "exec");
  const process = processOf(readConfigOf(found.directory), options);
  const detach = options.detach ?? false;
  checkConsole(process, options, detach);
  using bridge = process.terminal && !detach && !options.consoleSocket ? await openBridge() : undefined;
  const launched = await startExec(context, found, process, options, {
    stay: detach ? "untilExec" : "untilExit",
    dieWithRuntime: options.dieWithParent ?? false,
    waiting: "blocking",
    consoleFd: bridge?.sendEnd.n,
  });
  using _launched = launched;
  if (detach) return undefined;
  using _signals = forwardSignals((signal) =>
    signalProcess({ pid: launched.pid, startTime: launched.startTime }, signal),
  );
  if (bridge) launched.listen();
  bridge?.connect();
  const status = await launched.exited();
  await bridge?.drained();
  return status;
}

function checkConsole(process: Process, options: ExecOptions, detach: boolean): void {
  const refuse = (what: string): never => {
    throw new RuntError("InvalidArgument", what, { operation: "exec", subject: "process.terminal" });
  };
  if (process.terminal && detach && !options.consoleSocket) {
    refuse("cannot allocate tty if runc will detach without setting console socket");
  }
  if (options.consoleSocket && (!detach || !process.terminal)) {
    refuse("cannot use console socket if runc will not detach or allocate tty");
  }
}

/** Starts it and waits until its program runs. The caller disposes of what it gets. */
export async function startExec(
  context: RuntimeContext,
  found: Found,
  process: Process,
  options: ExecOptions,
  mode: ExecMode,
): Promise<Launched> {
  const { state, status } = found;
  if (status === "stopped") throw wrongState("exec", state.id, "cannot exec in a stopped container");
  if (status === "creating")
    throw wrongState("exec", state.id, "cannot exec in a container that is being created");
  if (status === "paused" && !options.ignorePaused) {
    throw wrongState("exec", state.id, "cannot exec in a paused container (use --ignore-paused to override)");
  }
  using shim = new IdleShim();
  const { pid } = state.init!;
  const config = readConfigOf(found.directory);
  const host = hostFacts();
  using driver = state.cgroup && driverOf(state.cgroup);
  using cgroup = driver?.cgroup && execCgroup(driver.cgroup, options.cgroup ?? [], pid);
  const flags = differingNamespaces(found);
  const consoleOf = options.consoleSocket ? { path: options.consoleSocket } : undefined;
  const plan = planExec(
    {
      id: state.id,
      config,
      process,
      pid,
      namespaceFlags: flags,
      joinsUserns: (flags & namespaceFlags.user) !== 0,
      setgroupsDenied:
        host.setgroupsDenied ||
        ((flags & namespaceFlags.user) !== 0 &&
          readFileSync(`/proc/${pid}/setgroups`, "latin1").startsWith("deny")),
      console: consoleOf ?? (mode.consoleFd === undefined ? undefined : { fd: mode.consoleFd }),
      preserved: Array.from({ length: options.preserveFds ?? 0 }, (_, i) => 3 + i),
      cgroup: cgroup?.dir,
      home: homeOf(`/proc/${pid}/root`, process.user.uid),
      keyring: state.keyring,
      stay: mode.stay,
      dieWithRuntime: mode.dieWithRuntime,
      giveStdio: options.giveStdio ?? false,
    },
    host,
    await compileFilter(config, host),
  );
  for (const warning of plan.warnings) context.log("warning", warning);
  const { ociVersion, id, bundle, annotations } = state;
  using steps = new HostSteps({
    operation: "exec",
    state: { ociVersion, id, status: "running", bundle, annotations },
    saveState: () => {},
    makeCgroup: () => cgroup?.fd,
    attachCgroup: async () => {},
  });
  const { waiting, signal } = mode;
  const launched = await launch(plan, steps, {
    operation: "exec",
    shim,
    stdio: options.stdio ?? [0, 1, 2],
    waiting,
    signal,
  });
  try {
    if (options.pidfdSocket) sendPidfd(options.pidfdSocket, launched.pid, "setns");
    if (options.pidFile) writePidFile(options.pidFile, launched.pid);
    launched.proceed();
    await launched.executing();
    if (mode.stay === "untilExec") launched[Symbol.dispose]();
    return launched;
  } catch (error) {
    launched[Symbol.dispose]();
    throw error;
  }
}

/** `--cgroup PATH`, below the container's own; controllers before a colon are a thing of cgroup v1. */
function execCgroup(own: Cgroup, paths: readonly string[], pid: number): Cgroup {
  const [path] = paths;
  // A cgroup that hands controllers down takes no processes: whoever did that inside has moved init too.
  if (path === undefined) {
    const busy = (own.readIfAny("cgroup.subtree_control") ?? "").trim() !== "";
    return (busy ? cgroupOfProcess(own.mountPoint, pid) : undefined) ?? new Cgroup(own.mountPoint, own.path);
  }
  const refuse = (what: string): RuntError =>
    new RuntError("InvalidArgument", `--cgroup ${path}: ${what}`, { operation: "exec", subject: "--cgroup" });
  if (paths.length > 1) throw refuse("cgroup v2 has one hierarchy, so one path is enough");
  if (path.includes(":")) throw refuse("cgroup v2 has no controllers to choose from");
  const below = subCgroup(own, path);
  if (!below.exists()) throw refuse("no such cgroup in the container's");
  return below;
}

/** Kinds of namespaces in which `pid` is elsewhere than we are. */
function differingNamespaces({ state, status }: Found): number {
  const { pid } = state.init!;
  let flags = 0;
  for (const [file, flag] of Object.entries(namespaceFlags) as [NamespaceFile, number][]) {
    try {
      if (readlinkSync(`/proc/${pid}/ns/${file}`) !== readlinkSync(`/proc/self/ns/${file}`)) flags |= flag;
    } catch (error) {
      if (hasCode(error, "EACCES") && status === "created") {
        throw wrongState(
          "exec",
          state.id,
          "cannot exec in a created container as an ordinary user: start it first",
        );
      }
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
  return flags;
}

/** The container's process with what the options change, or the one in the file. @throws {RuntError} InvalidArgument */
export function processOf(config: Config, options: ExecOptions): Process {
  if (options.process !== undefined) {
    const file = options.process;
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (error) {
      throw new RuntError("NotFound", (error as Error).message, { operation: "exec", path: file }, error);
    }
    const process = parseProcess(text, file);
    return options.tty ? { ...process, terminal: true } : process;
  }
  const base = config.process;
  const [uid, gid] = parseUser(options.user) ?? [base.user.uid, base.user.gid];
  const capabilities = base.capabilities;
  const added = (options.capabilities ?? []).map(capabilityName);
  const withAdded = (set: readonly string[] = []): string[] => [...new Set([...set, ...added])];
  const process = {
    ...base,
    terminal: options.tty ?? false,
    consoleSize: undefined,
    args: [...(options.args ?? [])],
    cwd: options.cwd ?? base.cwd,
    env: [...base.env, ...(options.env ?? [])],
    user: {
      ...base.user,
      uid,
      gid,
      additionalGids: [...base.user.additionalGids, ...(options.additionalGids ?? [])],
    },
    ...(options.processLabel ? { selinuxLabel: options.processLabel } : {}),
    ...(options.apparmor ? { apparmorProfile: options.apparmor } : {}),
    noNewPrivileges: options.noNewPrivs || base.noNewPrivileges,
    capabilities:
      added.length === 0
        ? capabilities
        : {
            bounding: withAdded(capabilities?.bounding),
            effective: withAdded(capabilities?.effective),
            permitted: withAdded(capabilities?.permitted),
            inheritable: capabilities?.inheritable ?? [],
            ambient: capabilities?.ambient ?? [],
          },
  };
  const origin = { where: "exec", operation: "exec" };
  const checked = readDocument(Process, process, origin);
  checkProcess(checked, origin);
  return checked;
}

/** Numbers only, the whole of the text: what cannot be read must not become root. */
function parseUser(user: string | undefined): [number, number] | undefined {
  if (user === undefined) return undefined;
  const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(user);
  const [uid, gid] = [Number(match?.[1]), Number(match?.[2] ?? 0)];
  if (!match || uid >= 2 ** 32 - 1 || gid >= 2 ** 32 - 1) {
    throw new RuntError("InvalidArgument", `--user ${user}: must be UID or UID:GID in numbers`, {
      operation: "exec",
      subject: "--user",
    });
  }
  return [uid, gid];
}

function capabilityName(name: string): string {
  const full = name.toUpperCase().startsWith("CAP_") ? name.toUpperCase() : `CAP_${name.toUpperCase()}`;
  if (!Object.hasOwn(CAPABILITIES, full)) {
    throw new RuntError("InvalidArgument", `--cap ${name}: unknown capability`, {
      operation: "exec",
      subject: "--cap",
    });
  }
  return full;
}
