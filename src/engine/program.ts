/** The engine's own program as others run it: a monitor when its container has ended, and for health checks. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { nativePath } from "../linux/native.ts";
import type { HostCommand } from "../runtime/plan/monitor.ts";
import type { EngineLayout } from "./layout.ts";
import type { ContainerRecord } from "./record.ts";

/** `bin/runt` of this installation; beside the sources, what runs them, where nothing is built. */
function runt(name: "runt" | "runt-oci"): string[] {
  const program = fileURLToPath(new URL(`../../bin/${name}`, import.meta.url));
  // A package has no symbolic links: installed from one, the Node that runs us runs it too.
  if (existsSync(program) && existsSync(nativePath("node"))) return [program];
  const bundle = fileURLToPath(new URL(`../../dist/cli/${name}.cjs`, import.meta.url));
  if (existsSync(bundle)) return [process.execPath, bundle];
  return [process.execPath, fileURLToPath(new URL(`../cli/${name}.ts`, import.meta.url))];
}

/** What a program of the host needs to run; nothing else of our environment is the container's business. */
function environment(): string[] {
  const kept = ["PATH", "HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "RUNT_SHIM", "LANG", "TMPDIR"];
  return kept.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [`${name}=${value}`];
  });
}

/** `runt internal after-exit ID`, of these roots. */
export function afterExitCommand(layout: EngineLayout, id: string): HostCommand {
  return unlessAttended(layout, id, internal(layout, "after-exit", id));
}

/** `runt internal health-changed ID`; the monitor adds the status. */
export function healthChangedCommand(layout: EngineLayout, id: string): HostCommand {
  return internal(layout, "health-changed", id);
}

function internal(layout: EngineLayout, verb: string, id: string): HostCommand {
  const argv = [...runt("runt"), "--root", layout.runRoot, "--data-root", layout.root];
  return { argv: [...argv, "internal", verb, id], env: environment() };
}

/** With a client that does it itself nothing is to be run: a small program finds that out. */
export function unlessAttended(layout: EngineLayout, id: string, command: HostCommand): HostCommand {
  const { argv, env } = command;
  return { argv: [nativePath("runt-after"), layout.container(id), ...argv], env };
}

/** `runt-oci exec ID WORDS`, or the same of the container's own runtime. Who kills it kills what it runs, if that is ours. */
export function execInCommand(
  layout: EngineLayout,
  { id, request }: Pick<ContainerRecord, "id" | "request">,
  words: readonly string[],
): HostCommand {
  // The pipe that it writes to is the monitor's, made for it.
  const own = ["--die-with-parent", "--give-stdio"];
  const argv =
    request.runtime === undefined
      ? [...runt("runt-oci"), "--root", layout.runRoot, "exec", ...own, id, ...words]
      : ["/usr/bin/env", request.runtime, "--root", layout.foreignState(id), "exec", id, ...words];
  return { argv, env: environment() };
}
