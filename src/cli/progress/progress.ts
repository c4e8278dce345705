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
 * The view for stdout as it is.
 * @param print writes lines
 */
export async function progressView(
  mode: "quiet" | "shown",
  print: (text: string) => void,
): Promise<ProgressView> {
  if (mode === "quiet") return nothing;
  const { isatty } = await import("node:tty");
  if (!isatty(1)) return lineView(print);
  // cli-progress takes milliseconds to load, which nobody waits for who sees no bars.
  const { default: progress } = await import("cli-progress");
  return barView(new progress.MultiBar(barOptions), process.stdout);
}

/** Each bar is a line that we set ourselves. */
const barOptions = {
  format: (_options: unknown, _params: unknown, payload: { line?: string }) => payload.line ?? "",
  stream: process.stdout,
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
