/** Runs a program to its end, with its input closed or on a terminal of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freshName } from "../../support/bundle.ts";

/** What came of a program. */
export interface Outcome {
  /** As a shell counts: 128 and the number of the signal. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One turn at a terminal: when this is seen, that is typed. */
export type Turn = readonly [seen: RegExp, typed: string];

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads; nothing where it is not given. */
  readonly input?: string;
}

const timeoutMs = process.env.RUNT_VM ? 100_000 : 50_000;

/** Where callers look for their helpers; nothing of the test runner's own environment. */
export function environment(directory: string): Record<string, string> {
  return {
    PATH: "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: directory,
    TMPDIR: directory,
    TERM: "xterm",
    LANG: "C.UTF-8",
  };
}

/**
 * Runs `argv`. Its output goes to files in `directory`: through a pipe we would wait for every process that has
 * inherited it.
 */
export async function command(
  directory: string,
  argv: readonly string[],
  { env = {}, input }: CommandOptions = {},
): Promise<Outcome> {
  const files = ["out", "err"].map((kind) => join(directory, `${freshName()}.${kind}`));
  const fds = files.map((file) => openSync(file, "w"));
  try {
    const child = spawn(argv[0]!, argv.slice(1), {
      cwd: "/",
      env: { ...environment(directory), ...env },
      stdio: [input === undefined ? "ignore" : "pipe", fds[0], fds[1]],
    });
    child.stdin?.on("error", () => {}); // it need not read all of it
    child.stdin?.end(input);
    const status = await ended(child, argv);
    const [stdout = "", stderr = ""] = files.map((file) => readFileSync(file, "utf8"));
    return { status, stdout, stderr };
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

const [rows, columns] = [33, 99];

/** A script for a container with a terminal: it waits until that has the caller's size, and says what it then reads. */
export const talking = `until stty size 2>/dev/null | grep "^${rows} ${columns}$"; do sleep 0.3; done; read line; echo "got $line"`;

/** The other side of the dialogue. */
export const talk: readonly Turn[] = [[new RegExp(`^${rows} ${columns}\r`, "m"), "hello\n"]];

/**
 * Runs `argv` on a terminal of its own, by script(1): what is typed comes from `dialogue`, one turn after the other.
 * What is seen there is the outcome's `stdout`.
 */
export async function terminal(
  directory: string,
  argv: readonly string[],
  dialogue: readonly Turn[] = [],
): Promise<Outcome> {
  const words = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  // docker's client says the size once, and too early on a slow machine; then it waits for the next change.
  const seenFile = join(directory, `${freshName()}.seen`);
  const nudges = `(while sleep 1 && ! [ -e ${seenFile} ]; do kill -WINCH 0; done) &`;
  const line = `stty rows ${rows} cols ${columns}; ${nudges} exec ${words.join(" ")}`;
  const child = spawn("script", ["--quiet", "--return", "--flush", "--command", line, "/dev/null"], {
    cwd: "/",
    env: { ...environment(directory), SHELL: "/bin/sh" },
    stdio: ["pipe", "pipe", "ignore"],
  });
  let seen = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    seen += text;
  });
  const end = ended(child, argv, () => seen);
  let over = false;
  void end
    .catch(() => {})
    .finally(() => {
      over = true;
    });
  for (const [pattern, typed] of dialogue) {
    while (!pattern.test(seen) && !over) await sleep(20);
    if (over) break;
    writeFileSync(seenFile, "");
    child.stdin!.write(typed);
  }
  // Each terminal on the way may add a carriage return.
  return { status: await end, stdout: seen.replaceAll(/\r+\n/g, "\n"), stderr: "" };
}

const signalNumbers: Record<string, number> = { SIGKILL: 9, SIGTERM: 15, SIGINT: 2, SIGHUP: 1 };

/** Waits for the end of a child; one that takes too long is killed. */
function ended(child: ChildProcess, argv: readonly string[], said = () => ""): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`no end after ${timeoutMs} ms: ${argv.join(" ")}\n${said()}`));
    }, timeoutMs);
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve(code ?? 128 + (signalNumbers[signal ?? ""] ?? 0));
    });
  });
}
