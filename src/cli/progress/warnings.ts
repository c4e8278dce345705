/** What unpacking had to leave out, said when the bars are gone. */
import type { OnProgress } from "../../image/progress.ts";
import type { Context } from "../command.ts";

/** Enough to see what it is about. */
const most = 10;

/** Hears the warnings of an operation, and logs them when it is disposed of. */
export class LayerWarnings implements Disposable {
  readonly #log: Context["log"];
  readonly #texts: string[] = [];

  constructor(log: Context["log"]) {
    this.#log = log;
  }

  /** To be told of progress in place of `onProgress`, which is told of all of it. */
  beside(onProgress: OnProgress): OnProgress {
    return (progress) => {
      if (progress.type === "warning") this.#texts.push(progress.text);
      onProgress(progress);
    };
  }

  [Symbol.dispose](): void {
    const shown = this.#texts.slice(0, most);
    for (const text of shown) this.#log("warning", text);
    const more = this.#texts.length - shown.length;
    if (more > 0) this.#log("warning", `and ${more} more like these`);
  }
}
