/** Detach keys: what a client types to leave, without a byte of it reaching the container. @see docker-attach(1) */

/** docker's default. */
export const defaultDetachKeys = "ctrl-p,ctrl-q";

/**
 * `ctrl-a` to `ctrl-z`, `ctrl-@`, `ctrl-[`, `ctrl-\`, `ctrl-]`, `ctrl-^`, `ctrl-_`, and single characters, separated
 * by commas.
 * @returns the bytes; none for "", which is "no keys"; undefined for what cannot be read
 */
export function parseDetachKeys(text: string): Buffer | undefined {
  if (text === "") return Buffer.alloc(0);
  const bytes: number[] = [];
  for (const key of text.split(",")) {
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
    if (control !== undefined) bytes.push(control.toUpperCase().charCodeAt(0) & 0x1f);
    else if (/^[\x20-\x7e]$/.test(key)) bytes.push(key.charCodeAt(0));
    else return undefined;
  }
  return Buffer.from(bytes);
}

/** Looks for the keys in what is typed, however it is cut into pieces. */
export class DetachKeys {
  readonly #keys: Buffer;
  #matched = 0;

  constructor(keys: Buffer) {
    this.#keys = keys;
  }

  /**
   * @returns what is for the container, and whether the keys have come. The beginning of the keys is kept back until
   * it is known to be none.
   */
  feed(typed: Buffer): { readonly input: Buffer; readonly detach: boolean } {
    if (this.#keys.length === 0) return { input: typed, detach: false };
    const input: number[] = [];
    for (const byte of typed) {
      while (this.#matched > 0 && byte !== this.#keys[this.#matched]) this.#giveBack(input);
      if (byte !== this.#keys[this.#matched]) {
        input.push(byte);
        continue;
      }
      this.#matched++;
      if (this.#matched === this.#keys.length) {
        this.#matched = 0;
        return { input: Buffer.from(input), detach: true };
      }
    }
    return { input: Buffer.from(input), detach: false };
  }

  /** What was kept back, when no more can come. */
  rest(): Buffer {
    const rest = this.#keys.subarray(0, this.#matched);
    this.#matched = 0;
    return rest;
  }

  /** The first byte kept back was no beginning; those after it may be one. */
  #giveBack(input: number[]): void {
    const kept = this.#keys.subarray(0, this.#matched);
    input.push(kept[0]!);
    for (let from = 1; from <= kept.length; from++) {
      const tail = kept.subarray(from);
      if (this.#keys.subarray(0, tail.length).equals(tail)) {
        this.#matched = tail.length;
        return;
      }
      input.push(kept[from]!);
    }
  }
}
