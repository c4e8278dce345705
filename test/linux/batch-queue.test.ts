import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openHow } from "../../src/linux/at.ts";
import { Batch } from "../../src/linux/batch.ts";
import { BatchQueue, mostWaiting } from "../../src/linux/batch-queue.ts";
import { Fd } from "../../src/linux/fd.ts";
import { SYS } from "../../src/linux/syscall-numbers.ts";

const O_CREAT_EXCL_WRONLY = 0o301;
const FILE = 1;

/** A batch that makes files in a directory of its own, and the queue that it is added to. */
function aQueue() {
  const dir = mkdtempSync(join(tmpdir(), "runt-queue-"));
  const fd = new Fd(openSync(dir, 0));
  const batch = new Batch({ calls: 64, textBytes: 4096, registers: 4 });
  const how = batch.constant(openHow(O_CREAT_EXCL_WRONLY, 0, 0o600));
  const queue = new BatchQueue(batch);
  return {
    queue,
    batch,
    /** Writes down a file whose content is all of the data, and adds it. */
    add(name: string, data: string, most: number): number {
      const bytes = Buffer.from(data);
      batch.call(SYS.openat2, FILE).value(fd.n).text(batch.string(name)).text(how).value(24);
      batch.call(SYS.pwrite64).register(FILE).data(0).value(bytes.length).value(0).whole();
      batch.call(SYS.close).take(FILE);
      const done = queue.add(bytes, most);
      batch.clear();
      bytes.fill(0);
      return done;
    },
    read: (name: string) => readFileSync(join(dir, name), "latin1"),
    [Symbol.dispose]() {
      queue[Symbol.dispose]();
      batch[Symbol.dispose]();
      fd[Symbol.dispose]();
      rmSync(dir, { recursive: true });
    },
  };
}

describe("BatchQueue", () => {
  test("runs all in order, from copies of what was added, and says how many", () => {
    using q = aQueue();
    let done = 0;
    const names = Array.from({ length: 50 }, (_, i) => `f${i}`);
    for (const name of names) done += q.add(name, `data of ${name}`, mostWaiting);
    done += q.queue.wait(0);
    expect(done).toBe(50);
    expect(q.queue.stopped).toBe(false);
    expect(names.map(q.read)).toEqual(names.map((name) => `data of ${name}`));
    expect(q.batch.registerValue(FILE)).toBe(-1);
  });

  test("one that fails stops those behind it; resumed behind the call that failed, they go on", () => {
    using q = aQueue();
    q.add("a", "first", 0);
    const done = q.add("a", "second", mostWaiting) + q.add("b", "third", mostWaiting) + q.queue.wait(0);
    expect(done).toBe(0);
    expect(q.queue.stopped).toBe(true);
    expect(q.queue.failed).toBe(0);
    expect(q.batch.error).toBe(-17);
    expect(() => q.read("b")).toThrow("ENOENT");
    expect(q.queue.data(6).toString()).toBe("second");
    // All that is left of it is to close a file that was never opened.
    q.queue.resume(2);
    expect(q.queue.wait(0)).toBe(0);
    expect(q.queue.failed).toBe(2);
    q.queue.resume(3);
    expect(q.queue.wait(0)).toBe(2);
    expect(q.read("a")).toBe("first");
    expect(q.read("b")).toBe("third");
  });

  test("what is dropped is not run, and the queue is as good as new", () => {
    using q = aQueue();
    q.add("a", "first", 0);
    q.add("a", "second", mostWaiting);
    q.add("b", "third", mostWaiting);
    q.queue.wait(0);
    q.queue.drop();
    expect(q.queue.data(5).toString()).toBe("third");
    q.queue.drop();
    expect(q.add("c", "fourth", 0)).toBe(1);
    expect(q.queue.stopped).toBe(false);
    expect(() => q.read("b")).toThrow("ENOENT");
    expect(q.read("c")).toBe("fourth");
  });

  test("ended while it has something to do, it leaves no file open", () => {
    using q = aQueue();
    for (let i = 0; i < mostWaiting; i++) q.add(`f${i}`, "x".repeat(1 << 20), mostWaiting);
    q.queue[Symbol.dispose]();
    q.queue[Symbol.dispose] = () => {};
    expect(q.batch.registerValue(FILE)).toBe(-1);
  });
});
