/** What `exec` does, apart from its flags. */
import type { ExecRequest } from "../engine/container/exec.ts";
import { outputsOf } from "../engine/container/output-end.ts";
import { exitCode } from "../runtime/create/exit-status.ts";
import type { Context } from "./command.ts";
import { openEngine } from "./engine.ts";
import { bridge, checkTerminal, detachKeysOf, terminalSize } from "./foreground.ts";
import { Interrupted } from "./interrupt.ts";
import { brokenPipeStatus } from "./output.ts";
import { Signals } from "./signals.ts";

/** @returns the exit status */
export async function startDetached(
  context: Context,
  container: string,
  request: ExecRequest,
): Promise<number> {
  const engine = await openEngine(context);
  await engine.execDetached(container, request);
  return 0;
}

/** @returns the exit status */
export async function runExec(
  context: Context,
  container: string,
  request: ExecRequest,
  detachKeys: string,
): Promise<number> {
  const keys = detachKeysOf(detachKeys);
  const { tty = false, stdin = false } = request;
  checkTerminal(tty, stdin);
  using signals = new Signals();
  return await unlessInterrupted(async () => {
    const engine = await openEngine(context);
    const consoleSize = tty ? terminalSize() : undefined;
    const process = await engine.exec(container, { ...request, consoleSize, signal: signals.signal });
    if (tty) signals[Symbol.dispose]();
    else signals.forward((signal) => void process.kill(signal));
    const how = await bridge(
      {
        stdin: stdin ? process.stdin : null,
        ...outputsOf(process),
        exited: process.wait(),
      },
      {
        tty,
        detachKeys: keys,
        resize: async (rows, columns) => process.resize(rows, columns),
      },
    );
    if (how === "detached") return 0;
    return how === "closed" ? brokenPipeStatus : exitCode(await process.wait());
  });
}

async function unlessInterrupted(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Interrupted) return error.status;
    throw error;
  }
}
