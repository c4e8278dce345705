/** Reads a stream in pieces of given lengths, going on where the last piece ended; going back starts it anew. */
export class ByteCursor {
  readonly #open: () => AsyncIterable<Uint8Array>;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  /** Read from the stream, not given out yet. */
  #rest: Uint8Array = new Uint8Array();
  #position = 0;

  /** @param open gives the stream from its start, as often as it is called */
  constructor(open: () => AsyncIterable<Uint8Array>) {
    this.#open = open;
  }

  /**
   * Bytes `position` to `position + length`. One piece is read at a time.
   * @throws an Error where the stream is shorter
   */
  async *read(position: number, length: number): AsyncIterable<Uint8Array> {
    if (position < this.#position) await this[Symbol.asyncDispose]();
    for (let left = position - this.#position + length; left > 0; ) {
      const chunk = await this.#next(left > length ? left - length : left);
      left -= chunk.length;
      if (this.#position > position) yield chunk;
    }
  }

  /** The next bytes of the stream, at most `limit` and at least one. */
  async #next(limit: number): Promise<Uint8Array> {
    while (this.#rest.length === 0) {
      this.#iterator ??= this.#open()[Symbol.asyncIterator]();
      const { done, value } = await this.#iterator.next();
      if (done) throw new Error(`the content ends after ${this.#position} bytes`);
      this.#rest = value;
    }
    const chunk = this.#rest.subarray(0, limit);
    this.#rest = this.#rest.subarray(chunk.length);
    this.#position += chunk.length;
    return chunk;
  }

  /** Gives up the stream; the next read starts it anew. */
  async [Symbol.asyncDispose](): Promise<void> {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    this.#rest = new Uint8Array();
    this.#position = 0;
    await iterator?.return?.();
  }
}
