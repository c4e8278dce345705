/** Runs one hook in the runtime's namespaces: state on stdin, output into the error if it fails. */
import { spawn } from "node:child_process";
import { RuntError } from "../../errors.ts";
import type { Abort } from "../../linux/abort.ts";
import { keepFdsFromChildren } from "../../linux/process.ts";
import { errnoText } from "../../linux/system-error.ts";
import type { Hook, HookName } from "../../spec/runtime/hooks.ts";
import { oneLine } from "./output.ts";

/** Timers have no room for more; a hook that takes 24 days has no limit to speak of. */
const longestMs = 2 ** 31 - 1;

/** How much of a hook's output is kept for the message. */
const outputLimit = 4096;

/**
 * @param state the state document, with the pid as the host sees it
 * @param abort ends the hook
 * @throws {RuntError} FailedPrecondition: `error running createRuntime hook #1: exit status 3: …`; the reason of `abort`
 * @see runtime-spec 1.3 config.md#posix-platform-hooks
 */
export async function runHook(
  name: HookName,
  index: number,
  hook: Hook,
  state: object,
  abort?: Abort,
): Promise<void> {
  const [argv0, ...args] = hook.args.length > 0 ? hook.args : [hook.path];
  const env = Object.fromEntries((hook.env ?? []).map((entry) => splitEntry(entry)));
  const fail = (what: string): RuntError =>
    new RuntError("FailedPrecondition", `error running ${name} hook #${index}: ${what}`, {
      operation: name,
      subject: `config.json: hooks.${name}[${index}]`,
      path: hook.path,
    });
  abort?.throwIfAborted();
  // What our own caller left open is not the hook's (CVE-2024-21626).
  keepFdsFromChildren();
  return new Promise((resolve, reject) => {
    const child = spawn(hook.path, args, { argv0: argv0!, env, stdio: ["pipe", "pipe", "pipe"], cwd: "/" });
    let output = "";
    const collect = (bytes: Buffer): void => {
      if (output.length < outputLimit) output += bytes.toString("utf8");
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    // A hook need not read its state.
    child.stdin.on("error", () => {});
    child.stdin.end(JSON.stringify(state));
    const kill = () => child.kill("SIGKILL");
    abort?.addEventListener("abort", kill, { once: true });
    let timedOut = false;
    const timer = hook.timeout
      ? setTimeout(
          () => {
            timedOut = true;
            kill();
          },
          Math.min(hook.timeout * 1000, longestMs),
        )
      : undefined;
    const over = () => {
      clearTimeout(timer);
      abort?.removeEventListener("abort", kill);
    };
    child.on("error", (error: NodeJS.ErrnoException) => {
      over();
      reject(fail(`${hook.path}: ${errnoText(-(error.errno ?? 0))}`));
    });
    // "exit" and not "close": a grandchild may hold the pipes for as long as it likes.
    child.on("exit", (code, signal) => {
      over();
      const finish = (): void => {
        child.stdout.destroy();
        child.stderr.destroy();
        const tail = output.trim() === "" ? "" : `: ${oneLine(output)}`;
        if (abort?.aborted) reject(abort.reason);
        else if (timedOut) reject(fail(`${hook.path}: timed out after ${hook.timeout} s${tail}`));
        else if (code !== 0)
          reject(fail(`${hook.path}: ${signal ? `killed by ${signal}` : `exit status ${code}`}${tail}`));
        else resolve();
      };
      // What it wrote last may still be on its way through the pipes.
      setImmediate(finish);
    });
  });
}

function splitEntry(entry: string): [string, string] {
  const at = entry.indexOf("=");
  return at < 0 ? [entry, ""] : [entry.slice(0, at), entry.slice(at + 1)];
}
