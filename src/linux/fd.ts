/** An owned file descriptor: closed once, by `using`, or handed on by `release`. */
import { closeSync } from "node:fs";

export class Fd implements Disposable {
  #n: number;

  constructor(n: number) {
    this.#n = n;
  }

  /** The number, for a call made now; it stays this object's to close. */
  get n(): number {
    if (this.#n < 0) throw new TypeError("this file descriptor is closed");
    return this.#n;
  }

  /** The number, for someone else to close. */
  release(): number {
    const n = this.n;
    this.#n = -1;
    return n;
  }

  [Symbol.dispose](): void {
    if (this.#n >= 0) closeSync(this.release());
  }
}
