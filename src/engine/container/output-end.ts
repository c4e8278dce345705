/** The end of a program's output, though what it has left running in the background keeps the streams open. */
import { PassThrough, type Readable } from "node:stream";
import type { ContainerProcess } from "../../runtime/library/process.ts";

/** After the program's end so long without a byte is the end of its output. */
const quietMs = 200;

/** Its output, which ends when the program has ended and nothing comes any more. */
export function outputsOf(process: ContainerProcess): { stdout: Readable | null; stderr: Readable | null } {
  return { stdout: endsWith(process, process.stdout), stderr: endsWith(process, process.stderr) };
}

function endsWith(process: ContainerProcess, from: Readable | null): Readable | null {
  if (!from) return null;
  const to = from.pipe(new PassThrough());
  let bytes = 0;
  from.on("data", (piece: Buffer) => {
    bytes += piece.length;
  });
  const watch = () => {
    let before = -1;
    const timer = setInterval(() => {
      if (from.readableEnded || to.writableEnded) return clearInterval(timer);
      // As long as our own reader takes his time, there may be more.
      const isQuiet = !from.isPaused() && bytes === before;
      before = bytes;
      if (!isQuiet) return;
      clearInterval(timer);
      from.unpipe(to);
      to.end();
    }, quietMs);
  };
  process.wait().then(watch, watch);
  return to;
}
