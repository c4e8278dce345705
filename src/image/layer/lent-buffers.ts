/** A few buffers that go to another thread and come back, so that any amount of bytes takes no more memory than they. */

export class LentBuffers {
  readonly #size: number;
  readonly #free: ArrayBuffer[] = [];
  readonly #waiting: (() => void)[] = [];
  #toMake: number;
  #current: Uint8Array | undefined;
  #length = 0;
  #ended = false;

  constructor({ count, size }: { count: number; size: number }) {
    this.#toMake = count;
    this.#size = size;
  }

  /** Whether the other thread wants no more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Copies bytes, and lends each buffer that is full; waits while all of them are lent. */
  async fill(bytes: Uint8Array, lend: (buffer: ArrayBuffer, length: number) => void): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#ended; ) {
      if (!this.#current) {
        this.#current = await this.#take();
        this.#length = 0;
        continue;
      }
      const n = Math.min(bytes.length - at, this.#size - this.#length);
      this.#current.set(bytes.subarray(at, at + n), this.#length);
      this.#length += n;
      at += n;
      if (this.#length === this.#size) this.flush(lend);
    }
  }

  /** Lends the buffer that is not full yet. */
  flush(lend: (buffer: ArrayBuffer, length: number) => void): void {
    if (!this.#current || this.#length === 0) return;
    const buffer = this.#current.buffer as ArrayBuffer;
    this.#current = undefined;
    lend(buffer, this.#length);
  }

  /** The other thread is done with one. */
  back(buffer: ArrayBuffer): void {
    this.#free.push(buffer);
    this.#waiting.shift()?.();
  }

  /** The other thread wants no more: nobody waits any longer. */
  end(): void {
    this.#ended = true;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #take(): Promise<Uint8Array | undefined> {
    const free = this.#free.pop();
    if (free) return new Uint8Array(free);
    if (this.#toMake > 0) {
      this.#toMake--;
      return new Uint8Array(new ArrayBuffer(this.#size));
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return undefined;
  }
}
