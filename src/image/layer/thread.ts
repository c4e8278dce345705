/** Runs in a thread of its own: applies one layer after the other, from chunks that it is sent. */
import { parentPort } from "node:worker_threads";
import { applyLayer } from "./apply.ts";
import { type FromThread, sendableError, type ThreadOptions, type ToThread } from "./thread-messages.ts";

const port = parentPort!;

/** Milliseconds between two reports. */
const progressEveryMs = 50;

let feed: ChunkFeed | undefined;

port.on("message", (message: ToThread) => {
  if (message.type === "apply") {
    feed = new ChunkFeed();
    void apply(feed, message.options);
  } else feed?.take(message);
});

async function apply(chunks: ChunkFeed, options: ThreadOptions): Promise<void> {
  let reported = 0;
  try {
    const layer = await applyLayer(chunks, {
      ...options,
      compressedDigest: options.hashedBySender ? "known" : "skip",
      signal: chunks.signal,
      onProgress: (progress) => {
        const now = performance.now();
        if (now - reported < progressEveryMs) return;
        reported = now;
        send({ type: "progress", progress });
      },
    });
    send({ type: "applied", layer });
  } catch (error) {
    send({ type: "failed", error: sendableError(error) });
  }
}

function send(message: FromThread, buffers: ArrayBuffer[] = []): void {
  port.postMessage(message, buffers);
}

/** The bytes of one blob as they arrive; each buffer goes back when the next is asked for. */
class ChunkFeed implements AsyncIterable<Uint8Array> {
  readonly #arrived: ToThread[] = [];
  readonly #abort = new AbortController();
  #wake: (() => void) | undefined;

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  take(message: ToThread): void {
    if (message.type === "abort") this.#abort.abort();
    this.#arrived.push(message);
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const message = this.#arrived.shift();
      if (!message) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      if (message.type !== "chunk") return;
      yield new Uint8Array(message.buffer, 0, message.length);
      send({ type: "back", buffer: message.buffer }, [message.buffer]);
    }
  }
}
