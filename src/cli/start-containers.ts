/** What `start` does, apart from its flags. */
import type { Context } from "./command.ts";
import { conflict } from "./container-flags/flag-error.ts";
import { openEngine } from "./engine.ts";
import type { foregroundOptions } from "./foreground-options.ts";
import { forEach } from "./images.ts";
import { interruptible } from "./interrupt.ts";
import type { OptionValues } from "./option.ts";
import { Signals } from "./signals.ts";

type Values = OptionValues<typeof foregroundOptions> & {
  readonly attach: boolean;
  readonly interactive: boolean;
};

/** @returns the exit status. @throws {RuntError} */
export async function startContainers(
  context: Context,
  containers: readonly string[],
  options: Values,
): Promise<number> {
  const engine = await openEngine(context);
  if (options.attach || options.interactive) {
    if (containers.length > 1) throw conflict("--attach is for one container");
    return await startInForeground(context, containers[0]!, options);
  }
  return await interruptible((signal) =>
    forEach(containers, async (container) => {
      using _started = await engine.start(container, { waiting: "blocking", signal });
      context.print(`${container}\n`);
    }),
  );
}

async function startInForeground(context: Context, container: string, options: Values): Promise<number> {
  const foreground = await import("./foreground.ts");
  const engine = await openEngine(context);
  const { id, request } = await engine.find(container, "start");
  const { tty } = request;
  const stdin = options.interactive && request.stdin !== "none";
  const detachKeys = foreground.detachKeysOf(options.detachKeys);
  foreground.checkTerminal(tty, stdin);
  using signals = new Signals();
  using started = await engine.start(id, {
    attach: { stdin, stdout: true, stderr: !tty, whenSlow: "wait" },
    attend: true,
    waiting: "blocking",
    signal: signals.abort,
  });
  if (!started.attachment) return 0;
  const resize = (rows: number, columns: number) => foreground.resizeContainer(engine, id, rows, columns);
  const size = foreground.terminalSize();
  if (tty && size) await resize(size.height, size.width).catch(() => {});
  if (tty || !options.sigProxy) signals[Symbol.dispose]();
  else signals.forward((signal) => void engine.kill(id, signal).catch(() => {}));
  const how = await foreground.bridge(started.attachment, { tty, detachKeys, resize });
  return how === "ended" ? await started.finish() : foreground.statusWithoutEnd[how];
}
