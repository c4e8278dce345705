/** Runs a program of src/cli as its own process, from the sources. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const sources = join(import.meta.dirname, "../../src/cli");

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** With next to no environment, as podman calls a runtime. */
export function runCli(
  program: "runt-oci" | "runt",
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string; readonly input?: string } = {},
): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(sources, `${program}.ts`), ...args], {
    encoding: "utf8",
    env: options.env ?? {},
    ...(options.cwd && { cwd: options.cwd }),
    input: options.input ?? "",
  });
  return { status, stdout, stderr };
}

/** The one line of a text log, taken apart. */
export function logLine(line: string): { readonly level: string; readonly message: string } {
  const match = /^time="[^"]+" level=(\w+) msg=(.*)\n$/s.exec(line);
  if (!match) throw new Error(`not one log line: ${JSON.stringify(line)}`);
  const message = match[2]!.startsWith('"') ? (JSON.parse(match[2]!) as string) : match[2]!;
  return { level: match[1]!, message };
}
