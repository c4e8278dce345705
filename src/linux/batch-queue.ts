/**
 * Runs batches one after the other on a thread of C's, while the next ones are being written down. The queue has copies
 * of all that it runs: a batch can be cleared, and its data can go, as soon as it is added. One that fails stops those
 * that follow it, until it is resumed or they are dropped.
 */
import type { Batch } from "./batch.ts";
import { Bytes, call, check, I32, I64 } from "./ffi.ts";

/** As many as there is room for; native-shims/batch_queue.c has the same number. */
const mostBatches = 8;

export class BatchQueue implements Disposable {
  readonly #batch: Batch;
  readonly #handle: number;
  #length = 0;

  /**
   * @param batch is what will be added, again and again; it has its registers back whenever nothing runs
   * @throws {SystemError} EAGAIN where there may be no more threads
   */
  constructor(batch: Batch) {
    this.#batch = batch;
    this.#handle = check(call("runt_queue_begin", [I32], [batch.written.registerCount]), "pthread_create");
  }

  /** How many have been added and not come out again. */
  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length === mostBatches;
  }

  /** Adds what is written down. @param data what `data` arguments are offsets into */
  add(data: Uint8Array): void {
    const { records, count, text, textLength, registers } = this.#batch.written;
    const types = [I64, Bytes, I32, Bytes, I32, Bytes, I32, Bytes] as const;
    const values = [this.#handle, records, count, text, textLength, data, data.length, registers];
    check(call("runt_queue_add", types, values), "runt_queue_add");
    this.#length++;
  }

  /**
   * Waits for the oldest one, of `count` calls.
   * @returns `count`: it was carried out, and is no longer here; less: the index of the call that failed, and nothing
   * runs until `resume` or `drop`
   */
  next(count: number): number {
    const stop = call("runt_queue_next", [I64, Bytes], [this.#handle, this.#batch.written.registers]);
    if (stop === count) this.#length--;
    return stop;
  }

  /** The oldest one, which has failed, goes on from the `from`th call on. */
  resume(from: number): void {
    call("runt_queue_resume", [I64, I32], [this.#handle, from]);
  }

  /** A copy of the data that the oldest one was added with. */
  data(length: number): Buffer {
    const data = Buffer.allocUnsafeSlow(length);
    check(call("runt_queue_data", [I64, Bytes, I32], [this.#handle, data, length]), "runt_queue_data");
    return data;
  }

  /** Takes the oldest one out, which has failed or comes after one that has: it goes no further. */
  drop(): void {
    call("runt_queue_drop", [I64], [this.#handle]);
    this.#length--;
  }

  /** Waits for the one that runs; the others are not run. */
  [Symbol.dispose](): void {
    call("runt_queue_end", [I64, Bytes], [this.#handle, this.#batch.written.registers]);
    this.#length = 0;
  }
}
