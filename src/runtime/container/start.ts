/** `start`: one byte into the fifo, and the news of what became of it. @see runtime-spec 1.3 runtime.md#start */
import { closeSync, constants, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { flock } from "../../linux/flock.ts";
import { poll, pollSync } from "../../linux/process.ts";
import { errnoText, hasCode, SystemError } from "../../linux/system-error.ts";
import type { RuntimeContext } from "../api.ts";
import { oneLine } from "../hooks/output.ts";
import { decodeMessage, type Message, recordSize } from "../wire/messages.ts";
import { readConfigOf } from "./config-store.ts";
import { killContainer } from "./kill.ts";
import { relayNotify } from "./notify.ts";
import { runHooks } from "./runtime-hooks.ts";
import { type Found, findContainer, wrongState } from "./status.ts";

/** How to wait for init to have executed its program. */
export type Waiter = (fifo: number) => void | Promise<void>;

/** Blocks this thread: for a process that has nothing else to do. */
export const waitBlocking: Waiter = (fifo) => {
  pollSync(fifo, 0, -1);
};

/** Waits on another thread. */
export const waitOnThread: Waiter = async (fifo) => {
  await poll(fifo, 0, -1);
};

/** @throws {RuntError} FailedPrecondition in any state but created; why the program could not be run */
export async function startContainer(
  context: RuntimeContext,
  id: string,
  wait: Waiter = waitOnThread,
): Promise<void> {
  let found = findContainer(context.root, id, "start");
  using _lock = await flock(found.directory);
  found = findContainer(context.root, id, "start");
  if (found.status === "stopped") throw wrongState("start", id, "cannot start a container that has stopped");
  if (found.status === "creating")
    throw wrongState("start", id, "cannot start a container that is being created");
  if (found.status === "paused") throw wrongState("start", id, "container paused");
  if (found.status !== "created") throw wrongState("start", id, "cannot start an already running container");

  const relay = found.state.notifySocket ? relayNotify(found.directory, found.state.notifySocket) : undefined;
  await release(found, wait);
  await afterStart(context, found);
  await relay?.run(found.state.init!.pid, found.state.init!.startTime);
}

/** The same for who has made it just now: all that could be wrong with it the fifo tells. @throws {RuntError} as `startContainer` */
export async function startCreated(
  context: RuntimeContext,
  found: Found,
  wait: Waiter = waitOnThread,
): Promise<void> {
  using _lock = await flock(found.directory);
  await release(found, wait);
  await afterStart(context, found);
}

/** Writes the byte and reads what comes back. */
export async function release(found: Found, wait: Waiter): Promise<void> {
  const { id } = found.state;
  const path = join(found.directory, "exec.fifo");
  let fifo: number;
  try {
    // Init has it open for reading; where nobody has, this fails at once instead of waiting for one.
    fifo = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, "ENXIO")) throw wrongState("start", id, "cannot start a container that has stopped");
    if (hasCode(error, "ENOENT")) throw wrongState("start", id, "cannot start an already running container");
    throw error;
  }
  try {
    begin(id, fifo);
    // An error on our end: the other end is closed, by execve or by death.
    await wait(fifo);
    removeFile(path);
    const answer = readBack(fifo);
    if (answer === "unread") throw endedBefore(id);
    if (answer) throw startFailure(id, answer);
  } finally {
    closeSync(fifo);
  }
}

/** The byte that init waits for. */
function begin(id: string, fifo: number): void {
  try {
    writeSync(fifo, Uint8Array.of(1));
  } catch (error) {
    if (hasCode(error, "EPIPE")) throw endedBefore(id);
    throw error;
  }
}

function endedBefore(id: string): RuntError {
  return wrongState("start", id, "container init ended before it was started");
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}

/** While our writing end is open the fifo keeps what is in it: our own byte, init's record, or nothing. */
function readBack(fifo: number): Message | "unread" | undefined {
  const reader = openSync(`/proc/self/fd/${fifo}`, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const buffer = Buffer.alloc(recordSize);
    const length = readSync(reader, buffer);
    if (length === 0) return undefined;
    return length < recordSize ? "unread" : decodeMessage(buffer);
  } catch (error) {
    if (hasCode(error, "EAGAIN")) return undefined;
    throw error;
  } finally {
    closeSync(reader);
  }
}

function startFailure(id: string, message: Message): RuntError {
  const cause = new SystemError(message.syscall, message.errno);
  const what =
    message.syscall === "hook"
      ? `error running startContainer hook: ${oneLine(message.text)}`
      : `${message.syscall === "execve" ? "exec" : message.syscall} ${message.text}: ${errnoText(message.errno)}`;
  const kind =
    cause.code === "ENOENT"
      ? "NotFound"
      : cause.code === "EACCES"
        ? "PermissionDenied"
        : "FailedPrecondition";
  const site = { operation: "start", subject: `container ${id}`, syscall: message.syscall, code: cause.code };
  return new RuntError(kind, `unable to start container process: ${what}`, site, cause);
}

/** poststart hooks; when one fails, the container does not outlive it. @see runtime-spec 1.3 runtime.md#lifecycle */
export async function afterStart(context: RuntimeContext, found: Found): Promise<void> {
  if (found.state.hasHooks === false) return;
  const config = found.config ?? readConfigOf(found.directory);
  if (config.hooks.poststart.length === 0) return;
  try {
    await runHooks(config, "poststart", found.state, "running", found.state.init!.pid);
  } catch (error) {
    await killContainer(context, found.state.id, 9, { all: true }).catch(() => {});
    throw error;
  }
}
