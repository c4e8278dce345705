/** What `run` and `create` do, apart from their flags. */
import { rmSync, writeFileSync } from "node:fs";
import type { CreatedContainer, CreateOptions as EngineCreateOptions } from "../engine/container/create.ts";
import type { PullOptions } from "../engine/container/image.ts";
import type { Engine } from "../engine/engine.ts";
import type { ContainerRequest } from "../engine/request.ts";
import { RuntError } from "../errors.ts";
import { hasCode } from "../linux/system-error.ts";
import type { Context } from "./command.ts";
import { conflict, flagError } from "./container-flags/flag-error.ts";
import type { Attached } from "./container-flags/program.ts";
import { type containerOptions, containerRequest } from "./container-flags/request.ts";
import { ownSurroundings } from "./container-flags/surroundings.ts";
import { openEngine } from "./engine.ts";
import { toRegistryOptions } from "./images.ts";
import { Interrupted } from "./interrupt.ts";
import type { OptionValues } from "./option.ts";
import { PullView } from "./pull-view.ts";
import type { createFlags, runFlags } from "./run-flags.ts";
import { Signals } from "./signals.ts";

type CreateValues = OptionValues<typeof createFlags & typeof containerOptions>;
type RunValues = OptionValues<typeof runFlags & typeof containerOptions>;

/** @returns the exit status. @throws {RuntError} */
export async function createContainer(
  context: Context,
  operands: readonly string[],
  options: CreateValues,
): Promise<number> {
  const request = requestOf(context, operands, options, "foreground");
  using signals = new Signals();
  return await unlessInterrupted(async () => {
    const engine = await openEngine(context);
    const { id } = await making(context, request, options, async (create, onCreated) => {
      const created = await engine.create(request, { ...create, signal: signals.abort });
      onCreated(created);
      return created;
    });
    context.print(`${id}\n`);
    return 0;
  });
}

/** @returns the exit status. @throws {RuntError} */
export async function runContainer(
  context: Context,
  operands: readonly string[],
  options: RunValues,
): Promise<number> {
  const { detach } = options;
  const streams = streamsOf(options);
  const request = requestOf(context, operands, options, detach ? "detached" : "foreground");
  if (detach && streams.said) throw conflict("--attach and --detach");
  const foreground = detach ? undefined : await import("./foreground.ts");
  const detachKeys = foreground?.detachKeysOf(options.detachKeys) ?? Buffer.alloc(0);
  foreground?.checkTerminal(request.tty, streams.stdin && request.stdin !== "none");
  using signals = new Signals();
  return await unlessInterrupted(async () => {
    const engine = await openEngine(context);
    if (options.replace && request.name !== undefined) await removeNamed(engine, request.name);
    const consoleSize = request.tty ? foreground?.terminalSize() : undefined;
    const attach = {
      stdin: streams.stdin && request.stdin !== "none",
      stdout: streams.stdout,
      stderr: streams.stderr && !request.tty,
      whenSlow: "wait",
    } as const;
    const { stdout, stderr } = attach;
    const onlyOutput = !attach.stdin && !request.tty;
    using started = await making(context, request, options, (create, onCreated) =>
      engine.run(
        { ...request, consoleSize },
        {
          ...create,
          ...(foreground && { ...(onlyOutput ? { output: { stdout, stderr } } : { attach }), attend: true }),
          waiting: "blocking",
          onCreated,
          visible: options.cidfile !== undefined,
          signal: signals.abort,
        },
      ),
    );
    const { id } = started.record;
    if (options.pidfile) writeFileSync(options.pidfile, String(started.record.run.init?.pid ?? 0));
    if (!foreground || !(started.attachment ?? started.output)) {
      context.print(`${id}\n`);
      return 0;
    }
    if (request.tty || !options.sigProxy) signals[Symbol.dispose]();
    else signals.forward((signal) => void engine.kill(id, signal).catch(() => {}));
    const how = started.output
      ? await (await import("./output-only.ts")).passOutput(started.output)
      : await foreground.bridge(started.attachment!, {
          tty: request.tty,
          detachKeys,
          resize: (rows, columns) => foreground.resizeContainer(engine, id, rows, columns),
        });
    return how === "ended" ? await started.finish() : foreground.statusWithoutEnd[how];
  });
}

function requestOf(
  { log }: Context,
  operands: readonly string[],
  options: CreateValues,
  attached: Attached,
): ContainerRequest {
  const warn = (message: string) => log("warning", message);
  return containerRequest(operands, options, attached, ownSurroundings(), warn);
}

/** What `--attach` says; without it everything. */
function streamsOf({ attach }: CreateValues) {
  const streams = ["stdin", "stdout", "stderr"] as const;
  const named = attach.map((text) => {
    const found = streams.find((stream) => stream === text.toLowerCase());
    return found ?? fail(flagError("--attach", text, "stdin, stdout or stderr"));
  });
  const has = (stream: (typeof streams)[number]) => named.length === 0 || named.includes(stream);
  return { said: named.length > 0, stdin: has("stdin"), stdout: has("stdout"), stderr: has("stderr") };
}

function fail(error: Error): never {
  throw error;
}

/** What `create` and `run` need for a container to be made, and what is to be told once it is. */
async function making<T>(
  context: Context,
  request: ContainerRequest,
  options: CreateValues,
  work: (create: EngineCreateOptions, onCreated: (created: CreatedContainer) => void) => Promise<T>,
): Promise<T> {
  const { cidfile, quiet } = options;
  if (cidfile) reserve(cidfile);
  let isMade = false;
  try {
    using view = new PullView(request.image ?? "", quiet);
    const pull: PullOptions = {
      onProgress: view.onProgress,
      choose: async (...which) => (await import("./choose-registry.ts")).chooseRegistry(...which),
      ...(await registryOf(options, request)),
    };
    return await work({ pull }, ({ id, warnings }) => {
      view[Symbol.dispose]();
      for (const warning of warnings) context.log("warning", warning);
      if (cidfile) writeFileSync(cidfile, id);
      isMade = true;
    });
  } catch (error) {
    if (cidfile && !isMade) rmSync(cidfile, { force: true });
    throw error;
  }
}

/** Nothing is loaded for it where nobody has said anything about registries. */
async function registryOf(options: CreateValues, { image }: ContainerRequest) {
  const { tlsVerify, creds, authfile, certDir } = options;
  if (image === undefined || (tlsVerify && [creds, authfile, certDir].every((one) => one === undefined)))
    return {};
  return { registry: await toRegistryOptions(options) };
}

/** @throws {RuntError} AlreadyExists */
function reserve(cidfile: string): void {
  try {
    writeFileSync(cidfile, "", { flag: "wx" });
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw flagError("--cidfile", cidfile, (error as Error).message);
    const why = "there is such a file: make sure the other container is not running, or delete it";
    throw flagError("--cidfile", cidfile, why, "AlreadyExists");
  }
}

async function removeNamed(engine: Engine, name: string): Promise<void> {
  try {
    const { id, name: found } = await engine.find(name, "run");
    if (found === name) await engine.remove(id, { force: true, volumes: true });
  } catch (error) {
    if (!(error instanceof RuntError) || error.kind !== "NotFound") throw error;
  }
}

async function unlessInterrupted(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Interrupted) return error.status;
    throw error;
  }
}
