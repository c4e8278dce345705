/**
 * Appends chunks of any size to a file in large writes, one under way while the next is being gathered. The
 * bytes are copied, so a caller may use its buffer again.
 */
import type { FileHandle } from "node:fs/promises";

const bufferBytes = 1 << 20;

export class BufferedFile {
  readonly #file: FileHandle;
  #position: number;
  #filling: Buffer | undefined;
  #spare: Buffer | undefined;
  #used = 0;
  #writing: Promise<void> = Promise.resolve();

  /** @param position where the next byte goes */
  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.#position = position;
  }

  /** Takes the bytes. An error of the disk comes from this call, a later one or `flush`. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      this.#filling ??= Buffer.allocUnsafeSlow(bufferBytes);
      const part = chunk.subarray(at, at + bufferBytes - this.#used);
      this.#filling.set(part, this.#used);
      this.#used += part.length;
      at += part.length;
      if (this.#used === bufferBytes) await this.#send();
    }
  }

  /** Waits until the kernel has everything. */
  async flush(): Promise<void> {
    if (this.#used > 0) await this.#send();
    await this.#writing;
  }

  /** Forgets what was written and goes on at `position`. */
  async restart(position: number): Promise<void> {
    await this.#writing.catch(() => {});
    this.#writing = Promise.resolve();
    this.#used = 0;
    this.#position = position;
  }

  /** Starts writing what is gathered, once the write before it is done. */
  async #send(): Promise<void> {
    await this.#writing;
    const full = this.#filling!;
    const position = this.#position;
    const bytes = full.subarray(0, this.#used);
    // The other buffer is free: its write is what was just waited for.
    this.#filling = this.#spare;
    this.#spare = full;
    this.#used = 0;
    this.#position += bytes.length;
    this.#writing = writeAll(this.#file, bytes, position);
    this.#writing.catch(() => {}); // whoever waits for it next gets the error
  }
}

/** write(2) may take less than it is given. */
async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}
