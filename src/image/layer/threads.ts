/**
 * Applies layers on threads of their own, as many at once as there are processors, so that the layers of one image use
 * all of them. This thread hashes the blob; the layer's thread does the rest, decompression on a third beside it.
 */
import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { keepLoaded } from "../../linux/ffi.ts";
import type { DiffID, Digest } from "../../spec/image/digest.ts";
import { type AppliedLayer, type ApplyOptions, checkMediaType } from "./apply.ts";
import { LentBuffers } from "./lent-buffers.ts";
import { optimise } from "./optimise.ts";
import { errorFrom, type FromThread, type ToThread } from "./thread-messages.ts";

/** Memory is what limits it: a thread has some 20 MB. */
const mostThreads = 4;
/** Buffers a layer has, and how large they are: one is filled while one is read and two wait. */
const bufferCount = 4;
const bufferBytes = 512 * 1024;

interface Thread {
  readonly worker: Worker;
  /** What comes from it, for the layer that it applies. */
  receive: (message: FromThread | Error) => void;
}

export class LayerThreads implements AsyncDisposable {
  readonly #most: number;
  readonly #all = new Set<Thread>();
  readonly #idle: Thread[] = [];
  readonly #busy = new Set<Promise<unknown>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** Threads are started when they are needed. */
  constructor(most = Math.min(availableParallelism(), mostThreads)) {
    this.#most = most;
  }

  /** As `applyLayer`; waits while as many layers as there may be threads are being applied. */
  async apply(blob: AsyncIterable<Uint8Array>, options: ApplyOptions): Promise<AppliedLayer> {
    checkMediaType(options.mediaType);
    if (this.#running === this.#most) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      options.signal?.throwIfAborted();
      const work = this.#applyOn(this.#idle.pop() ?? this.#start(), blob, options);
      this.#busy.add(work);
      return await work.finally(() => this.#busy.delete(work));
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  async #applyOn(
    thread: Thread,
    blob: AsyncIterable<Uint8Array>,
    options: ApplyOptions,
  ): Promise<AppliedLayer> {
    try {
      thread.worker.ref();
      const layer = await applyOn(thread, blob, options);
      thread.worker.unref();
      this.#idle.push(thread);
      return layer;
    } catch (error) {
      // It may be in the middle of something still.
      await thread.worker.terminate();
      throw error;
    }
  }

  #start(): Thread {
    optimise();
    keepLoaded();
    const worker = new Worker(threadFile(), {
      name: "runt-layer",
      // Node would mind that fds are closed which C has opened. Nor may it close those of a thread that dies: C's thread may
      // still write by them (native-shims/batch_queue.c), and their numbers must not be anybody else's by then.
      trackUnmanagedFds: false,
      // What zlib puts out is freed with the small objects that hold it: the sooner the less of it there is.
      resourceLimits: { maxYoungGenerationSizeMb: 2 },
    });
    const thread: Thread = { worker, receive: () => {} };
    worker.on("message", (message: FromThread) => thread.receive(message));
    worker.on("error", (error) => thread.receive(error instanceof Error ? error : new Error(String(error))));
    worker.on("exit", () => {
      this.#all.delete(thread);
      thread.receive(new Error("the thread that unpacked a layer has ended"));
    });
    this.#all.add(thread);
    return thread;
  }

  /** Ends the threads; what they were doing is broken off, at a place where they have nothing open. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { worker } of this.#all) worker.postMessage({ type: "abort" } satisfies ToThread);
    await Promise.allSettled(this.#busy);
    await Promise.all([...this.#all].map(({ worker }) => worker.terminate()));
  }
}

/** In the sources beside this file; the build puts it into a folder of its own beside the programs' and the library's. */
function threadFile(): URL {
  const here = import.meta.url;
  return here.endsWith(".ts") ? new URL("./thread.ts", here) : new URL("../threads/layer.mjs", here);
}

async function applyOn(
  thread: Thread,
  blob: AsyncIterable<Uint8Array>,
  options: ApplyOptions,
): Promise<AppliedLayer> {
  const { onProgress, signal, compressedDigest = "compute", algorithm = "sha256", ...sendable } = options;
  const hash = compressedDigest === "compute" ? createHash(algorithm) : undefined;
  const send = (message: ToThread, buffers: ArrayBuffer[] = []) =>
    thread.worker.postMessage(message, buffers);
  const lend = (buffer: ArrayBuffer, length: number) => send({ type: "chunk", buffer, length }, [buffer]);
  const abort = () => send({ type: "abort" });
  const lent = new LentBuffers({ count: bufferCount, size: bufferBytes });
  const result = new Promise<AppliedLayer>((resolve, reject) => {
    thread.receive = (message) => {
      if (message instanceof Error) reject(message);
      else if (message.type === "back") lent.back(message.buffer);
      else if (message.type === "progress") onProgress?.(message.progress);
      else if (message.type === "applied") resolve(message.layer);
      else reject(errorFrom(message.error));
    };
  });
  // Whichever way it ends: who waits for a buffer would wait for ever.
  const over = result.then(
    () => lent.end(),
    () => lent.end(),
  );
  signal?.addEventListener("abort", abort, { once: true });
  send({ type: "apply", options: { ...sendable, algorithm, hashedBySender: hash !== undefined } });
  try {
    for await (const chunk of blob) {
      signal?.throwIfAborted();
      hash?.update(chunk);
      await lent.fill(chunk, lend);
      if (lent.ended) break;
    }
    lent.flush(lend);
    send({ type: "end" });
    const layer = await result;
    const digest = hash && `${algorithm}:${hash.digest("hex")}`;
    // What is not compressed has been hashed once.
    const isSame = digest !== undefined && layer.compression === "none";
    return {
      ...layer,
      compressedDigest: digest as Digest | undefined,
      diffID: isSame ? (digest as DiffID) : layer.diffID,
    };
  } catch (error) {
    abort();
    // Heard out, so that it writes no more once this has failed.
    await over;
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}
