/** Progress for files and pipes: a line when a layer is done, in docker's words. */
import type { ProgressView } from "./progress.ts";
import { finished, statusTexts } from "./status.ts";

/** Prints lines through `print`. */
export function lineView(print: (text: string) => void): ProgressView {
  const done = new Set<string>();
  return {
    onProgress(progress) {
      if (progress.type !== "layer" || !finished.has(progress.status) || done.has(progress.digest)) return;
      done.add(progress.digest);
      print(`${progress.digest.slice(7, 19)}: ${statusTexts[progress.status]}\n`);
    },
    [Symbol.dispose]() {},
  };
}
