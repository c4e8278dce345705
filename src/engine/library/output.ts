/** Output of a program as one value: read to the end, up to a limit. */
import type { Readable } from "node:stream";

/** 64 MiB of stdout and stderr together. */
export const defaultMaxOutputBytes = 64 << 20;

export interface Collected {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Reads both to their end.
 * @param onLimit called once there is more than `maxBytes`; what comes after that is read and thrown away
 */
export async function collect(
  streams: { readonly stdout: Readable | null; readonly stderr: Readable | null },
  maxBytes: number,
  onLimit: () => void,
): Promise<Collected> {
  let left = maxBytes;
  const read = async (stream: Readable | null): Promise<string> => {
    const parts: Buffer[] = [];
    for await (const part of (stream ?? []) as AsyncIterable<Buffer>) {
      if (left < 0) continue;
      parts.push(part.length > left ? part.subarray(0, left) : part);
      left -= part.length;
      if (left < 0) onLimit();
    }
    return Buffer.concat(parts).toString("utf8");
  };
  const [stdout, stderr] = await Promise.all([read(streams.stdout), read(streams.stderr)]);
  return { stdout, stderr };
}
