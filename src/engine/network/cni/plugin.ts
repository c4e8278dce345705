/** Runs one plugin: its configuration goes to its stdin, and what it says comes from its stdout. @see CNI spec section 2 */
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RuntError } from "../../../errors.ts";
import { failureCodes, readPluginFailure } from "../../../spec/cni/error.ts";

/** Where plugins are looked for, in this order. */
export const defaultPluginPath: readonly string[] = ["/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"];

export type CniCommand = "ADD" | "DEL" | "CHECK" | "STATUS" | "GC" | "VERSION";

/** What identifies an attachment to plugins. */
export interface AttachmentParameters {
  readonly containerId: string;
  /** Path of the namespace; "" where it is gone. */
  readonly netns: string;
  readonly ifName: string;
  /** CNI_ARGS, "K=V;K2=V2"; "" for none. */
  readonly args: string;
}

/** A plugin that hangs would hang the container's start. */
const patienceMs = 120_000;
const maxOutputBytes = 4 << 20;
/** Of one that asks to be called again. */
const tries = 5;
const firstDelayMs = 100;

/**
 * @returns what it said; "" where the operation has no answer
 * @throws {RuntError} NotFound: no such program; Unavailable: it says to try later, and did so again; Internal
 */
export async function runPlugin(
  type: string,
  command: CniCommand,
  parameters: AttachmentParameters | undefined,
  config: object,
  pluginPath: readonly string[],
): Promise<string> {
  const program = findPlugin(type, pluginPath);
  for (let attempt = 1; ; attempt++) {
    const { ended, output, errors } = await runOnce(program, command, parameters, config, pluginPath);
    if (ended === "exit 0") return output;
    const failure = readPluginFailure(output);
    const again = failure?.code === failureCodes.tryAgain;
    if (again && attempt < tries) {
      await sleep(firstDelayMs * 2 ** (attempt - 1));
      continue;
    }
    const said = [failure?.msg, failure?.details].filter(Boolean).join("; ");
    const what = said || errors.trim().split("\n").at(-1) || ended;
    const isLater = again || failure?.code === failureCodes.notAvailable;
    throw new RuntError(isLater ? "Unavailable" : "Internal", `plugin ${type} (${command}): ${what}`, {
      operation: "network setup",
      subject: `plugin ${type}`,
      path: program,
      ...(failure && { code: `CNI ${failure.code}` }),
    });
  }
}

/** @throws {RuntError} NotFound */
function findPlugin(type: string, pluginPath: readonly string[]): string {
  for (const directory of pluginPath) {
    const path = join(directory, type);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {} // the next one
  }
  throw new RuntError("NotFound", `plugin ${type} is not in ${pluginPath.join(", ")}`, {
    operation: "network setup",
    subject: `plugin ${type}`,
    hint: "on Debian plugins come with the package containernetworking-plugins",
  });
}

interface Ended {
  readonly ended: string;
  readonly output: string;
  readonly errors: string;
}

function runOnce(
  program: string,
  command: CniCommand,
  parameters: AttachmentParameters | undefined,
  config: object,
  pluginPath: readonly string[],
): Promise<Ended> {
  const env = {
    ...process.env,
    CNI_COMMAND: command,
    CNI_PATH: pluginPath.join(":"),
    ...(parameters && {
      CNI_CONTAINERID: parameters.containerId,
      CNI_NETNS: parameters.netns,
      CNI_IFNAME: parameters.ifName,
      CNI_ARGS: parameters.args,
    }),
  };
  const child = spawn(program, {
    env,
    stdio: ["pipe", "pipe", "pipe"],
    timeout: patienceMs,
    killSignal: "SIGKILL",
  });
  const parts: Record<"output" | "errors", Buffer[]> = { output: [], errors: [] };
  let total = 0;
  const take = (name: keyof typeof parts) => (part: Buffer) => {
    total += part.length;
    if (total > maxOutputBytes) child.kill("SIGKILL");
    else parts[name].push(part);
  };
  child.stdout.on("data", take("output"));
  child.stderr.on("data", take("errors"));
  // One that does not read it has ended, and its exit says more.
  child.stdin.on("error", () => {});
  child.stdin.end(JSON.stringify(config));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      const [output, errors] = [parts.output, parts.errors].map((list) => Buffer.concat(list).toString());
      resolve({
        ended: code === null ? `killed by ${signal ?? "a signal"}` : `exit ${code}`,
        output: output!,
        errors: errors!,
      });
    });
  });
}
