/** `exec`: one more process in a container that runs: in its namespaces, its cgroup, behind its seccomp filter. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { randomHex } from "../../linux/random.ts";
import { readConfigOf } from "../../runtime/container/config-store.ts";
import { processOf, startExec } from "../../runtime/container/exec.ts";
import { type Found, findContainer } from "../../runtime/container/status.ts";
import { exitCode } from "../../runtime/create/exit-status.ts";
import { hostFacts } from "../../runtime/host/measure.ts";
import { ContainerProcess } from "../../runtime/library/process.ts";
import { Stdio } from "../../runtime/library/stdio.ts";
import { CAPABILITIES } from "../../spec/runtime/capabilities.ts";
import type { Config } from "../../spec/runtime/config.ts";
import { parseJson } from "../../spec/runtime/json.ts";
import type { Process } from "../../spec/runtime/process.ts";
import type { EngineContext } from "../context.ts";
import type { ContainerRecord } from "../record.ts";
import { refuse } from "./errors.ts";
import { eventOf } from "./event.ts";
import { findRunning } from "./find.ts";
import { observe } from "./observe.ts";
import { userIn } from "./user-in.ts";
import { openRoot } from "./view.ts";

export interface ExecRequest {
  readonly args: readonly string[];
  /** A terminal of its own: all output is stdout then. */
  readonly tty?: boolean | undefined;
  /** Whether there is a stdin to write to. */
  readonly stdin?: boolean | undefined;
  /** "NAME=value", over the container's own; "NAME" without a value takes away what the container has. */
  readonly env?: readonly string[] | undefined;
  /** The container's by default. */
  readonly workingDir?: string | undefined;
  /** "user", "uid", "user:group", "uid:gid" as the container's files have them; the container's by default. */
  readonly user?: string | undefined;
  /** With all capabilities that there are. */
  readonly privileged?: boolean | undefined;
  /** Size of the terminal in characters. */
  readonly consoleSize?: { readonly width: number; readonly height: number } | undefined;
  /** Whether it is killed when this process dies. */
  readonly dieWithUs?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Starts a process. Resolves when its program runs.
 * @throws {RuntError} FailedPrecondition where the container does not run; `exitCodeOf` says how a shell says the others
 */
export async function execInContainer(
  context: EngineContext,
  text: string,
  request: ExecRequest,
): Promise<ContainerProcess> {
  const { record, found, process } = prepare(context, text, request);
  if (!found) {
    const { execForeign } = await import("../oci/foreign-exec.ts");
    const { tty = false, stdin = false, consoleSize, signal } = request;
    const program = record.request.runtime!;
    const asked = { program, process, tty, stdin, consoleSize, signal };
    const running = await execForeign(context, record.id, asked);
    tellEnd(context, record, tellStart(context, record, request), running);
    return running;
  }
  const stdio = new Stdio(request.tty ? "terminal" : [request.stdin ? "pipe" : "ignore", "pipe", "pipe"]);
  try {
    const launched = await startExec(
      context.runtime,
      found,
      process,
      { stdio: stdio.fds, giveStdio: stdio.own },
      {
        stay: "untilExit",
        dieWithRuntime: request.dieWithUs ?? false,
        waiting: "events",
        consoleFd: stdio.console,
        signal: request.signal,
      },
    );
    stdio.connect();
    const running = new ContainerProcess(launched, stdio);
    tellEnd(context, record, tellStart(context, record, request), running);
    return running;
  } catch (error) {
    stdio.destroy();
    throw error;
  }
}

/** Starts one that nobody waits for, with nothing to read and nobody to write to. @throws as `execInContainer` */
export async function execDetached(
  context: EngineContext,
  text: string,
  request: ExecRequest,
): Promise<void> {
  const { record, found, process } = prepare(context, text, { ...request, tty: false });
  if (!found) {
    const { execForeignDetached } = await import("../oci/foreign-exec.ts");
    await execForeignDetached(context, record.id, { program: record.request.runtime!, process });
    tellStart(context, record, request);
    return;
  }
  const stdio = new Stdio("ignore");
  try {
    await startExec(
      context.runtime,
      found,
      process,
      { stdio: stdio.fds },
      { stay: "untilExec", dieWithRuntime: false, waiting: "events", signal: request.signal },
    );
    tellStart(context, record, request);
  } finally {
    stdio.destroy();
  }
}

/** As docker's events have it. @returns the ID that they call it by */
function tellStart({ store }: EngineContext, record: ContainerRecord, { args }: ExecRequest): string {
  const execID = randomHex(32);
  store.transaction(() => {
    for (const action of ["exec_create", "exec_start"])
      store.events.append(eventOf(record, `${action}: ${args.join(" ")}`, { execID }));
  });
  return execID;
}

function tellEnd(
  { store }: EngineContext,
  record: ContainerRecord,
  execID: string,
  process: ContainerProcess,
): void {
  process
    .wait()
    .then((status) => {
      store.events.append(eventOf(record, "exec_die", { execID, exitCode: String(exitCode(status)) }));
    })
    // Nobody knows how it ended, or the engine is closed.
    .catch(() => {});
}

interface Prepared {
  readonly record: ContainerRecord;
  /** Undefined: another runtime's. */
  readonly found: Found | undefined;
  readonly process: Process;
}

function prepare(context: EngineContext, text: string, request: ExecRequest): Prepared {
  const record = findRunning(context, text, "exec");
  if (observe(context, record).status === "paused") {
    throw refuse(
      "exec",
      record.name,
      `container ${record.name} is paused, unpause the container before exec`,
    );
  }
  if (request.args.length === 0 || request.args[0] === "") {
    throw new RuntError("InvalidArgument", "no command specified", { operation: "exec" });
  }
  if (record.request.runtime !== undefined) {
    const path = join(context.layout.container(record.id), "config.json");
    const config = parseJson(readFileSync(path, "utf8"), { where: "config.json", operation: "exec" });
    return { record, found: undefined, process: processFor(record, config as Config, request) };
  }
  const found = findContainer(context.runtime.root, record.id, "exec");
  return { record, found, process: processFor(record, readConfigOf(found.directory), request) };
}

/** The container's process with what is asked for in its place. */
function processFor(record: ContainerRecord, config: Config, request: ExecRequest): Process {
  const { args, tty = false, workingDir, consoleSize } = request;
  const base = config.process;
  const user = request.user === undefined ? base.user : { ...base.user, ...userOf(record, request.user) };
  const held = request.privileged ? allCapabilities() : (base.capabilities?.bounding ?? []);
  const asked = {
    ...config,
    process: {
      ...base,
      env: environment(record.definition.env, request),
      user,
      // As at the container's start: who is not root has what the files that he executes give him.
      capabilities: {
        bounding: held,
        effective: user.uid === 0 || request.privileged ? held : [],
        permitted: user.uid === 0 || request.privileged ? held : [],
        inheritable: [],
        ambient: [],
      },
    },
  } as Config;
  const process = processOf(asked, { args, tty, ...(workingDir !== undefined && { cwd: workingDir }) });
  return tty && consoleSize ? { ...process, consoleSize } : process;
}

function userOf(
  record: ContainerRecord,
  user: string,
): { uid: number; gid: number; additionalGids: number[] } {
  using root = openRoot(record.run.init!);
  const { uid, gid, additionalGids } = userIn(root, user);
  // The own group too, as at the container's start: a file may deny it what others may (CVE-2022-36109).
  return { uid, gid, additionalGids: [...new Set([gid, ...additionalGids])] };
}

/** The container's, then the request's; HOME is that of whoever runs it, unless somebody has said. */
function environment(own: readonly string[], { env = [], tty }: ExecRequest): string[] {
  const variables = new Map<string, string>();
  if (tty) variables.set("TERM", "TERM=xterm");
  for (const entry of [...own, ...env]) {
    // A name alone is that of a variable which the caller has not: docker takes it away.
    if (entry.includes("=")) variables.set(entry.split("=", 1)[0]!, entry);
    else variables.delete(entry);
  }
  return [...variables.values()];
}

function allCapabilities(): string[] {
  const { lastCapability } = hostFacts();
  return Object.entries(CAPABILITIES).flatMap(([name, number]) =>
    Number(number) <= lastCapability ? [name] : [],
  );
}
