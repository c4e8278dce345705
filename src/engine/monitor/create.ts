/** Makes a container with a monitor of its own, which stays when we go. */
import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Abort } from "../../linux/abort.ts";
import type { CreateOptions, RuntimeContext } from "../../runtime/api.ts";
import { type Bundle, loadBundle } from "../../runtime/bundle/load.ts";
import { createContainer } from "../../runtime/container/create.ts";
import type { CreateMode } from "../../runtime/container/prepare.ts";
import type { Found } from "../../runtime/container/status.ts";
import type { Waiting } from "../../runtime/create/conversation.ts";
import type { IdleShim } from "../../runtime/create/shim.ts";
import type { MonitorRequest } from "../../runtime/plan/monitor.ts";
import { keptChecks } from "../../runtime/wire/monitor.ts";
import { bindMonitor } from "./socket.ts";

/** What the monitor is told. Its socket and its records are in `directory`, which is made if missing. */
export type MonitorSettings = Omit<MonitorRequest, "socket">;

export interface MonitoredOptions
  extends Omit<CreateOptions, "config" | "consoleSocket" | "stdio" | "preserveFds" | "listenFds"> {
  /** The configuration as a value, in place of `<bundle>/config.json`. */
  readonly config?: object | undefined;
  /** The configuration, where it has been read already. */
  readonly loaded?: Bundle | undefined;
  readonly monitor: MonitorSettings;
  /** "events" by default; "blocking" for a program that does nothing else meanwhile. */
  readonly waiting?: Waiting;
  /** The shim, where it is started already; stays the caller's to dispose of. */
  readonly shim?: IdleShim | undefined;
  readonly meanwhile?: CreateMode["meanwhile"];
  readonly signal?: Abort | undefined;
}

/** What an earlier run of the container left, and what is not true any more once it is made again. */
const staleRecords = new Set([
  "exit",
  ".exit",
  "health",
  ...Array.from({ length: keptChecks }, (_, n) => `health.${n}`),
]);

/** Makes a monitor's directory, or takes the last run's records out of it. */
export function prepareDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Mostly there are none, and to look once takes less than to try them all.
  for (const name of readdirSync(directory)) {
    if (staleRecords.has(name)) rmSync(join(directory, name), { force: true });
  }
}

/** Where no monitor came of it. */
export function abandonDirectory(directory: string): void {
  for (const name of [".exit", "monitor.sock"]) rmSync(join(directory, name), { force: true });
}

/**
 * Makes a container whose parent is its monitor. Its program does not run yet: `startContainer` starts it, from any
 * process; until then nothing is written, so a client that attaches before misses nothing.
 * @throws {RuntError} with nothing left behind but the directory
 */
export async function createMonitored(
  context: RuntimeContext,
  id: string,
  options: MonitoredOptions,
): Promise<Found> {
  const { config, loaded: known, monitor, waiting = "events", shim, meanwhile, signal, ...create } = options;
  const { directory } = monitor;
  const loaded = known ?? (await loadBundle(options.bundle, { config, operation: "create" }));
  prepareDirectory(directory);
  const nothing = openSync("/dev/null", "r+");
  try {
    using socket = bindMonitor(directory);
    const { found, launched } = await createContainer(
      context,
      id,
      { ...create, stdio: [nothing, nothing, nothing] },
      {
        operation: "create",
        stay: "monitor",
        dieWithRuntime: false,
        waiting,
        loaded,
        shim,
        meanwhile,
        monitor: { ...monitor, socket: socket.n },
      },
      signal,
    );
    // It hangs up once it is on its own.
    await launched.left();
    launched[Symbol.dispose]();
    return found;
  } catch (error) {
    abandonDirectory(directory);
    throw error;
  } finally {
    closeSync(nothing);
  }
}
