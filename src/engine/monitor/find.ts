/** What has become of a monitor: the question that every command begins with. */
import { RuntError } from "../../errors.ts";
import { MonitorClient } from "./client.ts";
import { type MonitorExit, readExit } from "./records.ts";

export type FoundMonitor =
  /** It answers. The client is the caller's. Where `exit` is there, the container has ended already. */
  | { readonly state: "alive"; readonly client: MonitorClient; readonly exit: MonitorExit | undefined }
  /**
   * The container has ended and its monitor after it; what its exit command did is to be seen elsewhere. Where
   * `exit.restartMs` is there, that was to start it again: it is about to, or it was killed.
   */
  | { readonly state: "ended"; readonly exit: MonitorExit }
  /**
   * There is neither a monitor nor a record: it was killed, and its container with it, unless that had changed its
   * credentials (a set-user-id program as init). How it ended nobody knows. Or the machine has been started anew.
   */
  | { readonly state: "lost" };

/** @param directory of the monitor's records */
export async function findMonitor(directory: string): Promise<FoundMonitor> {
  try {
    const client = await MonitorClient.connect(directory);
    return { state: "alive", client, exit: readExit(directory) };
  } catch (error) {
    if (!(error instanceof RuntError) || error.kind !== "NotFound") throw error;
  }
  // Looked at only now: it is written before the monitor ends.
  const exit = readExit(directory);
  return exit ? { state: "ended", exit } : { state: "lost" };
}
