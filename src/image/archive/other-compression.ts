/**
 * xz and bzip2: no layer of an image has them, but many a tar that becomes an image. The programs of these names take
 * them off, as docker has it done.
 */
import { once } from "node:events";
import { RuntError } from "../../errors.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { FileOrigin } from "./compression.ts";

const programs = [
  { program: "xz", magic: /^\xfd7zXZ\0/ },
  { program: "bzip2", magic: /^BZh[1-9]1AY&SY/ },
] as const;

/** As many bytes as tell. */
const magicBytes = 10;

/** Of what the program says when it fails. */
const mostWords = 500;

/**
 * The same bytes, or what is in them where they are xz or bzip2. A piece is valid until the next is asked for.
 * @throws {RuntError} while they are read: Unimplemented where the program is not there; InvalidArgument where the
 *   data is damaged or cut short
 */
export async function* withoutOtherCompression(
  source: AsyncIterable<Uint8Array>,
  origin: FileOrigin,
): AsyncGenerator<Uint8Array, void> {
  const chunks = source[Symbol.asyncIterator]();
  try {
    let head: Uint8Array = new Uint8Array(0);
    while (head.length < magicBytes) {
      const { done, value } = await chunks.next();
      if (done) break;
      head = head.length === 0 && value.length >= magicBytes ? value : Buffer.concat([head, value]);
    }
    const start = Buffer.from(head.subarray(0, magicBytes)).toString("latin1");
    const found = programs.find(({ magic }) => magic.test(start));
    if (found) yield* through(found.program, head, chunks, origin);
    else {
      if (head.length > 0) yield head;
      yield* rest(chunks);
    }
  } finally {
    await chunks.return?.();
  }
}

async function* rest(chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
}

async function* through(
  program: string,
  head: Uint8Array,
  chunks: AsyncIterator<Uint8Array>,
  { name, operation }: FileOrigin,
): AsyncGenerator<Uint8Array, void> {
  const { spawn } = await import("node:child_process");
  const child = spawn(program, ["-dcq"], { stdio: "pipe" });
  const site = { operation, subject: name };
  let words = "";
  child.stderr.on("data", (text: Buffer) => {
    if (words.length < mostWords) words += text;
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  ended.catch(() => {});
  let sourceError: unknown;
  const feeding = (async () => {
    // A program that has ended wants no more: why it has is told by its status.
    const isGone = once(child.stdin, "close").catch(() => {});
    child.stdin.on("error", () => {});
    const write = async (chunk: Uint8Array) => {
      // A copy: the chunk belongs to the source again when this one waits in the pipe.
      const isTaken = new Promise<void>((resolve) => child.stdin.write(Buffer.from(chunk), () => resolve()));
      await Promise.race([isTaken, isGone]);
    };
    try {
      await write(head);
      for await (const chunk of rest(chunks)) {
        if (child.stdin.destroyed) break;
        await write(chunk);
      }
      child.stdin.end();
    } catch (error) {
      sourceError = error;
      child.kill("SIGKILL");
    }
  })();
  try {
    yield* child.stdout;
    await feeding;
    if (sourceError !== undefined) throw sourceError;
    const status = await ended;
    if (status === 0) return;
    const why = words.slice(0, mostWords).trim().split("\n", 1)[0] || `${program} ended with ${status}`;
    throw new RuntError("InvalidArgument", `${name}: the ${program} data is damaged: ${why}`, site);
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    if (!hasCode(error, "ENOENT")) throw error;
    const hint = `install ${program}, or compress it with gzip or zstd`;
    throw new RuntError(
      "Unimplemented",
      `${name}: the program ${program} is not here`,
      { ...site, hint },
      error,
    );
  } finally {
    child.kill("SIGKILL");
    await feeding;
    await ended.catch(() => {});
  }
}
