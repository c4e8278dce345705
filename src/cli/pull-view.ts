/** Progress of an image that `run` or `create` has to bring first: on stderr, since stdout is the container's. */
import type { OnProgress } from "../image/progress.ts";
import { writeAll } from "./output.ts";
import type { ProgressView } from "./progress/progress.ts";

const stderr = 2;

/** Loads nothing and says nothing unless something is pulled. */
export class PullView implements Disposable {
  readonly #image: string;
  readonly #quiet: boolean;
  #view: ProgressView | undefined;
  #loading: Promise<ProgressView> | undefined;
  #isOver = false;
  readonly #waiting: Parameters<OnProgress>[0][] = [];

  constructor(image: string, quiet: boolean) {
    this.#image = image;
    this.#quiet = quiet;
  }

  readonly onProgress: OnProgress = (progress) => {
    if (this.#quiet) return;
    if (this.#view) return this.#view.onProgress(progress);
    this.#waiting.push(progress);
    this.#loading ??= this.#load();
  };

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#view?.[Symbol.dispose]();
  }

  async #load(): Promise<ProgressView> {
    writeAll(stderr, `Pulling ${this.#image}\n`);
    const { progressView } = await import("./progress/progress.ts");
    const view = await progressView("shown", (text) => writeAll(stderr, text), stderr);
    for (const progress of this.#waiting) view.onProgress(progress);
    if (this.#isOver) view[Symbol.dispose]();
    this.#view = view;
    return view;
  }
}
