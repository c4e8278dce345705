/** One container from create to delete, by one of the ways in which a caller can do it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../src/errors.ts";
import { createContainer } from "../../src/runtime/library/container.ts";
import { isBuilt } from "../cli/run-cli.ts";
import type { Random } from "../native/random.ts";
import { runtime, type Sandbox } from "../safety/containers.ts";

const project = join(import.meta.dirname, "../..");
const command: readonly string[] = isBuilt()
  ? [join(project, "bin/runt-oci")]
  : [process.execPath, join(project, "src/cli/runt-oci.ts")];

/** What all cycles share. */
export interface Works {
  readonly sandbox: Sandbox;
  readonly random: Random;
  /** Configurations, files in the bundle. */
  readonly configs: readonly string[];
  /** Pids of command lines that run now. */
  readonly commands: Set<number>;
  /** An fd of the null device. */
  readonly nothing: number;
}

type Way = (works: Works, id: string, config: string) => Promise<void>;

/** @throws {RuntError} when somebody was struck, and for nothing else */
export const ways: Record<"object" | "verbs" | "commands", Way> = {
  async object({ sandbox, random }, id, config) {
    const value = JSON.parse(readFileSync(config, "utf8"));
    const options = {
      bundle: sandbox.bundle,
      config: value,
      id,
      root: sandbox.root,
      stdio: "ignore",
    } as const;
    await using container = await createContainer(options);
    if (random.below(4) === 0) return;
    await container.start();
    if (random.below(2) === 0) await container.kill("SIGKILL").catch(unlessEnded);
    if (random.below(2) === 0 || config.includes("short")) await container.wait();
  },

  async verbs({ sandbox, random, nothing }, id, config) {
    const stdio = [nothing, nothing, nothing] as const;
    await runtime.create(sandbox.context, id, { bundle: sandbox.bundle, config, stdio });
    if (random.below(4) === 0) return;
    await runtime.start(sandbox.context, id);
    if (random.below(2) === 0) await runtime.kill(sandbox.context, id, 9, { all: false }).catch(unlessEnded);
  },

  async commands(works, id, config) {
    await run(works, ["create", "--bundle", works.sandbox.bundle, "--config", config, id]);
    if (works.random.below(4) > 0) await run(works, ["start", id]);
    await run(works, ["delete", "--force", id]);
  },
};

/** It may have ended by itself. */
function unlessEnded(error: RuntError): void {
  if (error.kind !== "FailedPrecondition") throw error;
}

/** Runs `runt-oci`. A failure is a RuntError with the one line that it prints. */
async function run({ sandbox, commands, nothing }: Works, args: readonly string[]): Promise<void> {
  const file = join(sandbox.directory, `stderr-${args.at(-1)}-${args[0]}`);
  const stderr = openSync(file, "w");
  const [program = "", ...first] = command;
  try {
    const child = spawn(program, [...first, "--root", sandbox.root, ...args], {
      stdio: [nothing, nothing, stderr],
      env: {},
    });
    if (child.pid) commands.add(child.pid);
    const [status, signal] = (await once(child, "exit")) as [number | null, string | null];
    if (child.pid) commands.delete(child.pid);
    if (status === 0) return;
    const text = readFileSync(file, "utf8");
    if (
      signal === null &&
      !/^time="[^"]+" level=error msg=[^\n]+\n$/.test(text.replaceAll(/^.* level=warning .*\n/gm, ""))
    )
      throw new Error(`not one line: ${JSON.stringify(text)}`);
    throw new RuntError("Unavailable", signal ? `killed by ${signal}` : text, { operation: args[0]! });
  } finally {
    closeSync(stderr);
  }
}
