/**
 * Messages in logrus's two formats, to stderr or to the file of `--log`. Callers read the file as a stream of
 * JSON objects and take the last error in it, so that one stray line would hide why a container did not start.
 */
import { closeSync, fstatSync, openSync } from "node:fs";
import { writeAll } from "./output.ts";

export const levels = ["error", "warning", "info", "debug"] as const;
export type Level = (typeof levels)[number];

export interface LogOptions {
  readonly path?: string;
  readonly format: "text" | "json";
  /** Messages less grave than this are dropped. */
  readonly level: Level;
  /** Text on stderr is for people even where that is no terminal: "error: no such image". */
  readonly plain?: boolean;
}

export interface Log extends Disposable {
  (level: Level, message: string): void;
  /** The one line that says why the command failed; on a terminal with the hint. */
  fatal(message: string, hint?: string): void;
}

const stderr = 2;

/**
 * Opens the log.
 * @throws the error of open(2) for `path`
 */
export function openLog(options: LogOptions): Log {
  const toStderr = options.path === undefined || options.path === "" || options.path === "/dev/stderr";
  const fd = toStderr ? stderr : openSync(options.path!, "as", 0o644);
  const onTerminal = toStderr && isTerminal(stderr);
  const pretty = toStderr && options.format === "text" && (onTerminal || options.plain === true);
  const line = options.format === "json" ? jsonLine : textLine;
  const log = (level: Level, message: string) => {
    if (levels.indexOf(level) > levels.indexOf(options.level)) return;
    writeAll(fd, pretty ? prettyLine(level, message, onTerminal) : line(level, message));
  };
  return Object.assign(log, {
    [Symbol.dispose]() {
      if (!toStderr) closeSync(fd);
    },
    fatal(message: string, hint?: string) {
      if (onTerminal && pretty && hint) {
        return writeAll(fd, `${prettyLine("error", message, onTerminal)}  ${hint}\n`);
      }
      log("error", message);
      // Whoever reads the file is not always whoever sees stderr: conmon passes only the latter on.
      if (!toStderr) writeAll(stderr, `${message}\n`);
    },
  });
}

/** RFC 3339 in whole seconds, UTC. */
function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

function jsonLine(level: Level, message: string): string {
  return `${JSON.stringify({ level, msg: message, time: now() })}\n`;
}

function textLine(level: Level, message: string): string {
  const quoted = message === "" || /[^\w\-./@^+]/.test(message) ? JSON.stringify(message) : message;
  return `time="${now()}" level=${level} msg=${quoted}\n`;
}

const colours: Readonly<Record<Level, string>> = { error: "31", warning: "33", info: "36", debug: "90" };

function prettyLine(level: Level, message: string, coloured: boolean): string {
  const word = process.env.NO_COLOR || !coloured ? level : `\x1b[${colours[level]}m${level}\x1b[0m`;
  return `${word}: ${message}\n`;
}

/** Without node:tty, which takes milliseconds to load: no other character device than /dev/null is usual here. */
function isTerminal(fd: number): boolean {
  try {
    const { rdev, mode } = fstatSync(fd);
    const isCharacterDevice = (mode & 0o170000) === 0o020000;
    const major = rdev >> 8;
    return isCharacterDevice && major !== 1;
  } catch {
    return false;
  }
}
