/**
 * Another OCI runtime: runc, crun, or one that isolates more than they do. It gets a bundle on disk, with the root file
 * system mounted on the host, because not every runtime mounts one at "/".
 */
import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { RuntError } from "../../errors.ts";
import type { SnapshotMount } from "../../image/snapshot/overlay.ts";
import { mount, unmount } from "../../linux/mount.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { EngineContext } from "../context.ts";
import { MonitorClient } from "../monitor/client.ts";
import { createForeign } from "../monitor/foreign.ts";
import type { OciRuntime } from "./oci.ts";

export interface ForeignSettings {
  /** Path or name. */
  readonly program: string;
  readonly tty: boolean;
  /** Whether the first mount of the configuration is that of the root file system. */
  readonly ownRoot: boolean;
}

/** @throws {RuntError} NotFound where there is no such program */
export function foreignRuntime(
  { layout }: EngineContext,
  id: string,
  { program, tty, ownRoot }: ForeignSettings,
): OciRuntime {
  const bundle = layout.container(id);
  const rootfs = join(bundle, "rootfs");
  const state = layout.foreignState(id);
  const argv = (...words: string[]) => foreignArgv(layout, id, program, words);
  const run = (...words: string[]) => execute(argv(...words), words[0]!);
  const remove = async (): Promise<void> => {
    if (existsSync(join(state, id))) await run("delete", "--force", id);
    unmountIfThere(rootfs);
    rmSync(state, { recursive: true, force: true });
  };
  return {
    async create({ config, monitor, waiting, signal }) {
      const { mounts, root, ...rest } = config as { mounts: SnapshotMount[]; root: object };
      const [first, ...others] = mounts;
      mkdirSync(state, { recursive: true, mode: 0o711 });
      try {
        if (ownRoot) {
          mkdirSync(rootfs, { recursive: true, mode: 0o755 });
          mount(first!.source, rootfs, first!.type, first!.options.join(","));
        }
        const document = {
          ...rest,
          root: ownRoot ? { ...root, path: rootfs } : root,
          mounts: ownRoot ? others : mounts,
        };
        writeFileSync(join(bundle, "config.json"), JSON.stringify(document, bigints), { mode: 0o600 });
        return await createForeign({
          monitor,
          terminal: tty,
          waiting,
          signal,
          command: (pidFile, consoleSocket) => ({
            argv: argv(
              "create",
              ...["--bundle", bundle, "--pid-file", pidFile],
              ...(consoleSocket ? ["--console-socket", consoleSocket] : []),
              id,
            ),
            env: environment(),
          }),
        });
      } catch (error) {
        await remove().catch(() => {});
        throw error;
      }
    },
    async start() {
      using client = await MonitorClient.connect(bundle);
      await run("start", id);
      try {
        await client.started();
      } catch (error) {
        // It has ended by now, and its monitor after it.
        if (!(error instanceof RuntError)) throw error;
      }
    },
    async kill(signal) {
      await run("kill", id, String(signal));
    },
    delete: remove,
    pause: () => run("pause", id),
    resume: () => run("resume", id),
    async update(resources) {
      const file = join(state, "resources.json");
      writeFileSync(file, JSON.stringify(resources, bigints));
      await run("update", "--resources", file, id);
    },
  };
}

/** Command line of a container's runtime. @throws {RuntError} NotFound where there is no such program */
export function foreignArgv(
  layout: EngineContext["layout"],
  id: string,
  program: string,
  words: readonly string[],
): [string, ...string[]] {
  return [findProgram(program), "--root", layout.foreignState(id), ...words];
}

/** TypeScript has not heard of it yet. @see tc39.es/proposal-json-parse-with-source */
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): object };

/** A limit beyond 2^53 is RLIM_INFINITY, which no number is: written as digits. */
function bigints(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? rawJSON(String(value)) : value;
}

function environment(): string[] {
  return [`PATH=${process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin"}`];
}

function findProgram(program: string): string {
  if (program.includes("/")) return program;
  const directories = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  const found = directories.map((directory) => join(directory, program)).find(isExecutable);
  if (found) return found;
  const site = { operation: "create", path: program, code: "ENOENT" };
  throw new RuntError("NotFound", `unknown or invalid runtime name: ${program}`, site);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function execute([program, ...args]: [string, ...string[]], verb: string): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { encoding: "utf8" }, (error, _stdout, stderr) => {
      if (!error) return resolve();
      const what = stderr.trim().split("\n").at(-1) || error.message;
      reject(new RuntError("FailedPrecondition", `${program} ${verb}: ${what}`, { operation: verb }, error));
    });
  });
}

function unmountIfThere(path: string): void {
  try {
    unmount(path);
  } catch (error) {
    // EINVAL: nothing is mounted there.
    if (!hasCode(error, "EINVAL", "ENOENT")) throw error;
  }
}
