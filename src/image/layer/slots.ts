/** Which directories are open in a batch's registers; the one that was used longest ago makes room. */

export class DirectorySlots {
  readonly #first: number;
  readonly #paths: (string | undefined)[];
  readonly #used: number[];
  readonly #slotOf = new Map<string, number>();
  #clock = 0;

  /** @param first register, and how many from there on */
  constructor(first: number, count: number) {
    this.#first = first;
    this.#paths = new Array<string | undefined>(count).fill(undefined);
    this.#used = new Array<number>(count).fill(0);
  }

  /** The register of a directory; undefined where it is not open. */
  get(path: string): number | undefined {
    const slot = this.#slotOf.get(path);
    if (slot === undefined) return undefined;
    this.#used[slot] = ++this.#clock;
    return this.#first + slot;
  }

  /** A register for `path`, which is not open; `occupied` is one whose fd must be closed first. */
  take(path: string): { readonly register: number; readonly occupied: boolean } {
    let slot = 0;
    for (let i = 1; i < this.#used.length; i++) if (this.#used[i]! < this.#used[slot]!) slot = i;
    const old = this.#paths[slot];
    if (old !== undefined) this.#slotOf.delete(old);
    this.#paths[slot] = path;
    this.#slotOf.set(path, slot);
    this.#used[slot] = ++this.#clock;
    return { register: this.#first + slot, occupied: old !== undefined };
  }

  /** Forgets all of them. @returns their registers, to be closed */
  clear(): number[] {
    const registers = this.#paths.flatMap((path, slot) => (path === undefined ? [] : this.#first + slot));
    this.#paths.fill(undefined);
    this.#used.fill(0);
    this.#slotOf.clear();
    return registers;
  }
}
