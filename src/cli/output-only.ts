/** A container in the foreground that we only listen to: without a terminal, and without input of ours. */
import { write, writeSync } from "node:fs";
import type { OutputLine } from "../engine/monitor/output-line.ts";
import { POLLOUT, pollSync } from "../linux/process.ts";
import { sleep } from "../linux/sleep.ts";
import { hasCode } from "../linux/system-error.ts";

/** A pipe that can be written to at all takes so much without making us wait. */
const PIPE_BUF = 4096;
/** A pipe that somebody made non-blocking is asked again after so long. */
const retryMs = 5;

/**
 * Writes what comes until the container has ended.
 * @returns "closed" where whoever reads our output has gone
 */
export async function passOutput(line: OutputLine): Promise<"ended" | "closed"> {
  try {
    await line.pass((stream, bytes) => writeOut(stream === "stdout" ? 1 : 2, bytes));
    return "ended";
  } catch (error) {
    if (hasCode(error, "EPIPE")) return "closed";
    throw error;
  }
}

/** A reader who takes his time does not keep us from signals: then another thread writes. */
async function writeOut(fd: number, bytes: Buffer): Promise<void> {
  let rest = bytes;
  const isSmall = bytes.length <= PIPE_BUF && pollSync(fd, POLLOUT, 0) !== 0;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(isSmall ? writeSync(fd, rest) : await writeOnThread(fd, rest));
    } catch (error) {
      if (!hasCode(error, "EAGAIN")) throw error;
      await sleep(retryMs);
    }
  }
}

function writeOnThread(fd: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, written) => (error ? reject(error) : resolve(written)));
  });
}
