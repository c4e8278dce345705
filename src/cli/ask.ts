/** Questions to whoever sits at the terminal. */

import { createInterface } from "node:readline";
import { ReadStream } from "node:tty";
import { RuntError } from "../errors.ts";
import { writeAll } from "./output.ts";

const stderr = 2;

function noTerminal(): RuntError {
  return new RuntError("FailedPrecondition", "cannot ask: stdin is not a terminal", {
    operation: "login",
    hint: "--password-stdin reads the password from a pipe",
  });
}

/** Asks for one line. @throws {RuntError} FailedPrecondition where nobody is there */
export function ask(question: string): Promise<string> {
  if (!process.stdin.isTTY) throw noTerminal();
  return answerTo(question);
}

/** Asks whether to go on; a script may answer too: `yes | runt …`. @throws {RuntError} InvalidArgument without an answer */
export async function confirm(question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await answerTo(`${question} [y/N] `)).trim());
}

async function answerTo(question: string): Promise<string> {
  const terminal = process.stdin.isTTY ?? false;
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal });
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      const closed = () => {
        writeAll(stderr, "\n");
        reject(new RuntError("InvalidArgument", "no answer", { operation: "ask" }));
      };
      lines.once("close", closed);
      const answered = (text: string) => {
        lines.off("close", closed);
        resolve(text);
      };
      lines.question(question, answered);
      // Of a last line without its break `question` does not hear.
      lines.once("line", answered);
    });
    // What is typed ends the line itself.
    if (!terminal) writeAll(stderr, "\n");
    return answer;
  } finally {
    lines.close();
  }
}

/**
 * Asks for a password: what is typed is not shown, and the terminal is as it was whatever happens.
 * @throws {RuntError} FailedPrecondition where nobody is there; InvalidArgument for ^C and ^D
 */
export async function askPassword(question: string): Promise<string> {
  const input = process.stdin;
  if (!(input instanceof ReadStream)) throw noTerminal();
  writeAll(stderr, question);
  input.setRawMode(true);
  try {
    return await typed(input);
  } finally {
    input.setRawMode(false);
    input.pause();
    writeAll(stderr, "\n");
  }
}

/** By events: after a question was asked the stream is paused, and an iterator would not wake it up. */
function typed(input: ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const end = (settle: () => void) => {
      input.off("data", take);
      settle();
    };
    const take = (chunk: Buffer) => {
      for (const key of chunk.toString("utf8")) {
        if (key === "\r" || key === "\n") return end(() => resolve(text));
        if (key === "\x03" || (key === "\x04" && text === "")) {
          const nothing = new RuntError("InvalidArgument", "no password given", { operation: "login" });
          return end(() => reject(nothing));
        }
        if (key === "\x7f" || key === "\b") text = [...text].slice(0, -1).join("");
        else if (key === "\x15") text = "";
        else if (key >= " ") text += key;
      }
    };
    input.on("data", take);
    input.resume();
  });
}

/** All of stdin, without the line break at its end. */
export async function readStdin(limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > limitBytes)
      throw new RuntError("InvalidArgument", "stdin: too long", { operation: "login" });
  }
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}
