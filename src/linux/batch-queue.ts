/**
 * Runs batches one after the other on a thread of C's, while the next ones are being written down. The queue has copies
 * of all that it runs: a batch can be cleared, and its data can go, as soon as it is added. One that fails stops those
 * that follow it, until it is resumed or they are dropped.
 */
import type { Batch } from "./batch.ts";
import { Bytes, call, check, I32, I64 } from "./ffi.ts";

/** There is room for one more than these; native-shims/batch_queue.c says so. */
export const mostWaiting = 7;

export class BatchQueue implements Disposable {
  readonly #batch: Batch;
  readonly #handle: number;
  #stopped = false;

  /**
   * @param batch is what will be added, again and again. It has its registers whenever nothing runs.
   * @throws {SystemError} EAGAIN where there may be no more threads
   */
  constructor(batch: Batch) {
    this.#batch = batch;
    const { records, text, registers, registerCount } = batch.memory;
    const handle = call(
      "runt_queue_begin",
      [Bytes, Bytes, Bytes, I32],
      [records, text, registers, registerCount],
    );
    this.#handle = check(handle, "pthread_create");
  }

  /** Whether a batch has failed: it and those that follow wait for `resume` or `drop`. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /**
   * Adds what is written down, and waits until no more than `most` are left to be run, or one fails.
   * @param data what `data` arguments are offsets into
   * @returns how many have been carried out since this was asked last
   */
  add(data: Uint8Array, most: number): number {
    const { count, textLength } = this.#batch;
    return this.#answer(
      call(
        "runt_queue_add",
        [I64, I32, I32, Bytes, I32, I32],
        [this.#handle, count, textLength, data, data.length, most],
      ),
    );
  }

  /** The same without adding anything. */
  wait(most: number): number {
    return this.#answer(call("runt_queue_wait", [I64, I32], [this.#handle, most]));
  }

  #answer(answer: number): number {
    check(answer, "runt_queue_add");
    this.#stopped = answer % 2 === 1;
    return Math.floor(answer / 2);
  }

  /** The index of the call that failed, of the oldest batch. */
  get failed(): number {
    return call("runt_queue_failed", [I64], [this.#handle]);
  }

  /** The batch that has stopped goes on from the `from`th call on. */
  resume(from: number): void {
    call("runt_queue_resume", [I64, I32], [this.#handle, from]);
  }

  /** A copy of the data that the oldest batch was added with, while nothing runs. */
  data(length: number): Buffer {
    const data = Buffer.allocUnsafeSlow(length);
    check(call("runt_queue_data", [I64, Bytes, I32], [this.#handle, data, length]), "runt_queue_data");
    return data;
  }

  /** Forgets the oldest batch, which has failed or comes after one that has. */
  drop(): void {
    call("runt_queue_drop", [I64], [this.#handle]);
  }

  /** Waits for the batch that runs; the others are not run. */
  [Symbol.dispose](): void {
    call("runt_queue_end", [I64], [this.#handle]);
  }
}
