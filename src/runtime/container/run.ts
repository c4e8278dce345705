/** `run`: create, start, and in the foreground wait and delete. @see runc-run(8) */
import { RuntError } from "../../errors.ts";
import type { ExitStatus, RunOptions, RuntimeContext } from "../api.ts";
import { loadBundle } from "../bundle/load.ts";
import { type Created, createContainer } from "./create.ts";
import { deleteContainer } from "./delete.ts";
import { abortOnTermination, forwardSignals, openBridge } from "./foreground.ts";
import { signalProcess } from "./kill.ts";
import { relayNotify } from "./notify.ts";
import type { CreateMode } from "./prepare.ts";
import { afterStart, release, waitBlocking } from "./start.ts";

/** Resolves with the exit status, or with nothing as soon as the process runs where it is detached. */
export async function runContainer(
  context: RuntimeContext,
  id: string,
  options: RunOptions,
): Promise<ExitStatus | undefined> {
  const detach = options.detach ?? false;
  const loaded = await loadBundle(options.bundle, { config: options.config, operation: "run" });
  const terminal = !detach && options.consoleSocket === undefined && loaded.config.process.terminal;
  if (!detach && options.consoleSocket !== undefined) {
    throw new RuntError(
      "InvalidArgument",
      "cannot use console socket if runc will not detach or allocate tty",
      {
        operation: "run",
      },
    );
  }
  using bridge = terminal ? await openBridge() : undefined;
  const created = await createUnlessInterrupted(context, id, options, {
    operation: "run",
    stay: detach ? "untilReady" : "untilExit",
    dieWithRuntime: false,
    waiting: "blocking",
    consoleFd: bridge?.sendEnd.n,
    loaded,
  });
  if (detach) {
    await created.launched.left();
    await startOrDelete(context, id, created);
    return undefined;
  }
  using _signals = forwardSignals((signal) => signalProcess(created.found.state.init, signal));
  try {
    bridge?.connect();
    await startOrDelete(context, id, created);
    if (bridge) created.launched.listen();
    const status = await created.launched.exited();
    await bridge?.drained();
    return status;
  } finally {
    created.launched[Symbol.dispose]();
    if (!options.keep) await deleteContainer(context, id, { force: true });
  }
}

async function createUnlessInterrupted(
  context: RuntimeContext,
  id: string,
  options: RunOptions,
  mode: CreateMode,
): Promise<Created> {
  using termination = abortOnTermination("run");
  return await createContainer(context, id, options, mode, termination.signal);
}

/** A container whose program cannot be started is of no use to anybody. */
async function startOrDelete(context: RuntimeContext, id: string, { found }: Created): Promise<void> {
  try {
    const relay = found.state.notifySocket
      ? relayNotify(found.directory, found.state.notifySocket)
      : undefined;
    await release(found, waitBlocking);
    await afterStart(context, found);
    await relay?.run(found.state.init!.pid, found.state.init!.startTime);
  } catch (error) {
    await deleteContainer(context, id, { force: true }).catch(() => {});
    throw error;
  }
}
