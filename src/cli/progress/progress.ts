/** Shows how a pull or push gets on: bars on a terminal, lines elsewhere, nothing where nobody wants it. */
import type { OnProgress } from "../../image/progress.ts";
import { barView } from "./bars.ts";
import { lineView } from "./lines.ts";

/** Shows progress until it is disposed of, which puts the terminal right. */
export interface ProgressView extends Disposable {
  readonly onProgress: OnProgress;
}

/** What a view needs to know of the terminal. */
export interface Screen {
  readonly isTTY?: boolean | undefined;
}

const nothing: ProgressView = { onProgress() {}, [Symbol.dispose]() {} };

/**
 * The view for stdout, or stderr, as it is.
 * @param print writes lines
 */
export async function progressView(
  mode: "quiet" | "shown",
  print: (text: string) => void,
  fd: 1 | 2 = 1,
): Promise<ProgressView> {
  if (mode === "quiet") return nothing;
  const { isatty } = await import("node:tty");
  if (!isatty(fd)) return lineView(print);
  // cli-progress takes milliseconds to load, which nobody waits for who sees no bars.
  const { default: progress } = await import("cli-progress");
  const stream = fd === 1 ? process.stdout : process.stderr;
  return barView(new progress.MultiBar({ ...barOptions, stream }), stream);
}

/** Each bar is a line that we set ourselves. */
const barOptions = {
  format: (_options: unknown, _params: unknown, payload: { line?: string }) => payload.line ?? "",
  hideCursor: true,
  linewrap: false,
  fps: 10,
  // We see to interrupts, and end at our own time.
  gracefulExit: false,
  stopOnComplete: false,
  clearOnComplete: false,
  emptyOnZero: true,
  forceRedraw: true,
} as const;
