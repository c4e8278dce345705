/** `top`: what runs in a container, as the host's ps(1) sees it. */
import { spawn } from "node:child_process";
import { text as textOf } from "node:stream/consumers";
import { RuntError } from "../../errors.ts";
import { listProcesses } from "../../runtime/container/list.ts";
import type { EngineContext } from "../context.ts";
import { cgroupOfProcess, isForeign } from "./cgroup.ts";
import { findRunning } from "./find.ts";

export interface ProcessTable {
  readonly titles: readonly string[];
  /** As many cells as there are titles. */
  readonly processes: readonly (readonly string[])[];
}

/**
 * @param options for ps; its output needs a column PID
 * @throws {RuntError} FailedPrecondition where the container does not run; InvalidArgument for options that ps refuses
 */
export async function containerProcesses(
  context: EngineContext,
  text: string,
  options: readonly string[] = [],
): Promise<ProcessTable> {
  const { id, run } = findRunning(context, text, "top");
  const pids = isForeign(context, id) ? processesBeside(run.init!.pid) : listProcesses(context.runtime, id);
  const words = options.length > 0 ? options : ["-ef"];
  // By themselves many options mean the processes of our own terminal; and some do not go with a list of pids.
  const listed = await ps([...words, `-q${pids.join()}`]);
  const output = listed.status === 0 ? listed : await ps(words);
  if (output.status !== 0) {
    // What follows is how to call it.
    const [why = ""] = output.stderr.trim().split("\n");
    throw new RuntError("InvalidArgument", `error running ps: ${why.replace(/^error: /, "")}`, {
      operation: "top",
    });
  }
  return parseProcesses(output.stdout, new Set(pids));
}

function processesBeside(pid: number): number[] {
  using cgroup = cgroupOfProcess(pid);
  return cgroup.processes();
}

/** The rows of ps whose PID is one of `pids`. @throws {RuntError} InvalidArgument without that column */
export function parseProcesses(output: string, pids: ReadonlySet<number>): ProcessTable {
  const [title = "", ...lines] = output.split("\n");
  const titles = words(title);
  const column = titles.indexOf("PID");
  if (column < 0) {
    throw new RuntError("InvalidArgument", "couldn't find PID field in ps output", {
      operation: "top",
      hint: "let ps print the PID too",
    });
  }
  const processes = lines
    .map(words)
    .filter((row) => pids.has(Number(row[column])))
    // The last column may have spaces in it, and is mostly the command.
    .map((row) => [...row.slice(0, titles.length - 1), row.slice(titles.length - 1).join(" ")]);
  return { titles, processes };
}

function words(line: string): string[] {
  return line.split(/\s+/).filter((word) => word !== "");
}

async function ps(
  options: readonly string[],
): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  const env = { ...process.env, PATH: `/usr/bin:/bin:${process.env.PATH ?? ""}` };
  const child = spawn("ps", options, { env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", (error) =>
      reject(
        new RuntError(
          "Unavailable",
          `ps: ${error.message}`,
          { operation: "top", hint: "install procps" },
          error,
        ),
      ),
    );
    child.on("close", resolve);
  });
  const [status, stdout, stderr] = await Promise.all([ended, textOf(child.stdout), textOf(child.stderr)]);
  return { status, stdout, stderr };
}
