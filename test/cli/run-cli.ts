/** Runs a program of src/cli as its own process: as it was built, or from the sources when they are newer. */
import { spawnSync } from "node:child_process";
import { closeSync, globSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** The build starts three times faster, but a test of yesterday's program is none. */
export function isBuilt(): boolean {
  const built = statSync(join(root, "dist/cli/runt.bundle"), { throwIfNoEntry: false });
  const sources = globSync("src/**/*.ts", { cwd: root });
  return built !== undefined && sources.every((name) => statSync(join(root, name)).mtimeMs < built.mtimeMs);
}

/** What to start, and the arguments that come first. */
export const command: (program: string) => [string, string[]] = isBuilt()
  ? (program) => [join(root, "bin", program), []]
  : (program) => [process.execPath, ["--", join(root, "src/cli", `${program}.ts`)]];

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * With next to no environment, as podman calls a runtime. Its output goes to files: through pipes we would wait for
 * the container that inherited them.
 */
export function runCli(
  program: "runt-oci" | "runt",
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Outcome {
  const directory = mkdtempSync(join(tmpdir(), "runt-test-cli-"));
  const [out, err] = [join(directory, "stdout"), join(directory, "stderr")];
  const [outFd, errFd] = [openSync(out, "a"), openSync(err, "a")];
  try {
    const [path, first] = command(program);
    const { status } = spawnSync(path, [...first, ...args], {
      env,
      stdio: ["ignore", outFd, errFd],
      timeout: 60_000,
      killSignal: "SIGKILL",
    });
    return { status, stdout: readFileSync(out, "utf8"), stderr: readFileSync(err, "utf8") };
  } finally {
    closeSync(outFd);
    closeSync(errFd);
    rmSync(directory, { recursive: true });
  }
}

/** The one line of a text log, taken apart. */
export function logLine(line: string): { readonly level: string; readonly message: string } {
  const match = /^time="[^"]+" level=(\w+) msg=(.*)\n$/s.exec(line);
  if (!match) throw new Error(`not one log line: ${JSON.stringify(line)}`);
  const message = match[2]!.startsWith('"') ? (JSON.parse(match[2]!) as string) : match[2]!;
  return { level: match[1]!, message };
}
