/** What stands between a person and a process in the foreground: signals, and where asked for a terminal. */
import { constants } from "node:os";
import { RuntError } from "../../errors.ts";
import type { TerminalBridge } from "./terminal-bridge.ts";

/**
 * Not passed on: what cannot be caught, what tells of our own children, what the terminal handling takes, and
 * what Node ignores. Of these last a listener that comes and goes leaves the default behind, which is to die.
 */
const kept = new Set([
  "SIGKILL",
  "SIGSTOP",
  "SIGCHLD",
  "SIGURG",
  "SIGWINCH",
  "SIGPROF",
  "SIGPIPE",
  "SIGXFSZ",
]);

/** Calls `send` with the number of every signal that we get. Dispose to be signalled oneself again. */
export function forwardSignals(send: (signal: number) => void): Disposable {
  const stack = new DisposableStack();
  for (const [name, number] of Object.entries(constants.signals)) {
    if (kept.has(name)) continue;
    const listener = (): void => send(number);
    try {
      process.on(name, listener);
      stack.defer(() => process.off(name, listener));
    } catch {
      // A synonym, or a signal that this Node does not let anybody catch.
    }
  }
  return stack;
}

/** Aborts when somebody wants us to end, so that what is half made is taken away again. */
export function abortOnTermination(operation: string): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const stack = new DisposableStack();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) {
    const listener = (): void =>
      controller.abort(new RuntError("Unavailable", `interrupted by ${name}`, { operation }));
    process.once(name, listener);
    stack.defer(() => process.off(name, listener));
  }
  return { signal: controller.signal, [Symbol.dispose]: () => stack.dispose() };
}

/** Streams for a terminal are loaded only where there is one. */
export async function openBridge(): Promise<TerminalBridge> {
  const { TerminalBridge } = await import("./terminal-bridge.ts");
  return new TerminalBridge();
}
