/**
 * stdout and stderr for what a container writes: in the order in which it came, also where both are one file, and
 * without that a reader who takes his time keeps us from signals and input.
 */
import { write } from "node:fs";
import type { Writable } from "node:stream";

interface Piece {
  readonly fd: number;
  readonly bytes: Buffer;
  readonly done: (error?: Error | null) => void;
}

/** A pipe that somebody made non-blocking is asked again after so long. */
const retryMs = 5;

export class OutputQueue {
  readonly #pieces: Piece[] = [];
  #isBusy = false;

  /** A stream to `fd`, which stays open at its end. */
  stream(fd: number): Writable {
    const { Writable } = process.getBuiltinModule("node:stream");
    return new Writable({
      write: (bytes: Buffer, _encoding, done) => {
        this.#pieces.push({ fd, bytes, done });
        if (!this.#isBusy) this.#next();
      },
    });
  }

  #next(): void {
    const piece = this.#pieces.shift();
    this.#isBusy = piece !== undefined;
    if (piece) this.#write(piece, piece.bytes);
  }

  #write(piece: Piece, bytes: Buffer): void {
    write(piece.fd, bytes, (error, written) => {
      if (error?.code === "EAGAIN") {
        setTimeout(() => this.#write(piece, bytes), retryMs);
      } else if (error || written === bytes.length) {
        piece.done(error);
        this.#next();
      } else this.#write(piece, bytes.subarray(written));
    });
  }
}
