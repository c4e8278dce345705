/** A monitor for a container that another OCI runtime makes: runc, crun, or one that isolates more than they do. */
import { closeSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Abort } from "../../linux/abort.ts";
import { bindUnix, SOCK_STREAM } from "../../linux/socket.ts";
import type { Waiting } from "../../runtime/create/conversation.ts";
import { type InitProcess, launch } from "../../runtime/create/launch.ts";
import { IdleShim } from "../../runtime/create/shim.ts";
import { HostSteps } from "../../runtime/create/steps.ts";
import { type HostCommand, planForeign } from "../../runtime/plan/monitor.ts";
import { abandonDirectory, type MonitorSettings, prepareDirectory } from "./create.ts";
import { bindMonitor } from "./socket.ts";

export interface ForeignOptions {
  readonly monitor: MonitorSettings;
  /**
   * The runtime's `create` with all its words. It gets the container's stdio.
   * @param pidFile for `--pid-file`
   * @param consoleSocket for `--console-socket`, where `terminal` is set
   */
  readonly command: (pidFile: string, consoleSocket: string | undefined) => HostCommand;
  readonly terminal: boolean;
  /** `memory.events` of the cgroup that the container will have. */
  readonly memoryEvents?: string | undefined;
  readonly waiting?: Waiting;
  readonly signal?: Abort | undefined;
}

/**
 * Runs the runtime's `create` as the monitor's child. Whoever runs its `start` afterwards tells the monitor with
 * `MonitorClient.started`: restarts and health checks begin with that. When this throws, what the runtime has made is
 * its own `delete --force` to undo.
 * @returns init
 * @throws {RuntError} with what the runtime wrote to stderr
 */
export async function createForeign(options: ForeignOptions): Promise<InitProcess> {
  const { monitor, terminal, waiting = "events", signal } = options;
  const { directory } = monitor;
  using shim = new IdleShim();
  prepareDirectory(directory);
  const pidFile = join(directory, "pid");
  const consolePath = terminal ? join(directory, "console.sock") : undefined;
  rmSync(pidFile, { force: true });
  if (consolePath) rmSync(consolePath, { force: true });
  const nothing = openSync("/dev/null", "r+");
  try {
    using socket = bindMonitor(directory);
    // By its real path, because the runtime connects to it: that must be short enough.
    using console = consolePath ? bindUnix(consolePath, SOCK_STREAM) : undefined;
    using steps = new HostSteps({
      operation: "create",
      state: { ociVersion: "1.0.0", id: "", status: "creating", bundle: "", annotations: {} },
      saveState: () => {},
      makeCgroup: () => undefined,
      attachCgroup: async () => {},
    });
    const plan = planForeign(
      { ...monitor, socket: socket.n },
      { ...options.command(pidFile, consolePath), pidFile, consoleSocket: console?.n },
      options.memoryEvents,
    );
    const stdio = [nothing, nothing, nothing] as const;
    const launched = await launch(plan, steps, { operation: "create", shim, stdio, waiting, signal });
    launched.proceed();
    await launched.left();
    launched[Symbol.dispose]();
    return { pid: launched.pid, startTime: launched.startTime };
  } catch (error) {
    abandonDirectory(directory);
    throw error;
  } finally {
    closeSync(nothing);
    if (consolePath) rmSync(consolePath, { force: true });
  }
}
