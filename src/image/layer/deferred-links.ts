/** Hard links to what a layer does not have: a layer below may. */

/** Byte strings, without links on the way. */
export interface DeferredLink {
  readonly path: string;
  readonly target: string;
}

/** Those of one layer, in the order in which they came. */
export class DeferredLinks {
  readonly #links = new Map<string, DeferredLink>();
  /** Directory → links in it: what is deferred is not there to be removed with its directory. */
  readonly #in = new Map<string, Set<string>>();

  all(): DeferredLink[] {
    return [...this.#links.values()];
  }

  /** What a link that has to wait is to. */
  targetOf(path: string): string | undefined {
    return this.#links.get(path)?.target;
  }

  /** In the place of one that has the same path. */
  add(link: DeferredLink): void {
    this.forget(link.path);
    this.#links.set(link.path, link);
    const directory = directoryOf(link.path);
    this.#in.set(directory, (this.#in.get(directory) ?? new Set()).add(link.path));
  }

  /** Something else is at `path`. */
  forget(path: string): void {
    if (this.#links.delete(path)) this.#in.get(directoryOf(path))?.delete(path);
  }

  /** The directory `path` is gone. */
  forgetIn(path: string): void {
    for (const link of this.#in.get(path) ?? []) this.#links.delete(link);
    this.#in.delete(path);
  }
}

function directoryOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}
