/**
 * The conversation between runtime and shim, over one stream socket.
 *
 * ```
 * runtime                 shim                      init
 *    │ ◄── started pid ────│◄────── clone3 ─────────►│
 *    │ ◄── sync point ─────│◄── sync point ──────────│   as often as the plan has a sync op
 *    │ ── go ─────────────►│── go ──────────────────►│
 *    │ ◄── ready ──────────│◄── ready ───────────────│   after the late ops
 *    │ ── go ─────────────►│── go ──────────────────►│   the shim of `create` ends here
 *    │ ◄── executing ──────│    (the socket closes)  │
 *    │ ◄── exited status ──│                         │
 *    │ ◄── failed op … ────│  from either, at any point before executing; then both end
 * ```
 * A monitor hangs up after the last `go`, and what comes then is for it alone: init tells it `executing` when it has
 * been started, and `failed` if nothing came of it, beside what goes into the fifo.
 */

/** Kinds of message, in the order in which they may come; `failed` may come instead of any of them. */
export const messageTypes = ["started", "sync", "ready", "executing", "exited", "failed"] as const;
export type MessageType = (typeof messageTypes)[number];

/** What the runtime answers. One byte each. */
export const Reply = { go: 1 } as const;

/** Bytes of a record: u32 type, u32 op, i64 value, i32 errno, u32 text length, char syscall[24], char text[]. */
export const recordSize = 1024;
export const recordTextOffset = 48;

/** A record as both the socket and the fifo carry it. */
export interface Message {
  readonly type: MessageType;
  /** Index of the op concerned, counted over all phases. */
  readonly op: number;
  /** started: pid; sync: point; exited: wait status as waitid(2) gives it, `si_code << 8 | si_status`. */
  readonly value: number;
  /** failed: errno; sync: the fd of the seccomp listener in init, where there is one; started: pid of the shim. */
  readonly errno: number;
  readonly syscall: string;
  readonly text: string;
}

/** Reads one record. @param bytes exactly `recordSize` long */
export function decodeMessage(bytes: Buffer): Message {
  const textLength = Math.min(bytes.readUInt32LE(20), recordSize - recordTextOffset);
  return {
    type: messageTypes[bytes.readUInt32LE(0)] ?? "failed",
    op: bytes.readUInt32LE(4),
    value: Number(bytes.readBigInt64LE(8)),
    errno: bytes.readInt32LE(16),
    syscall: bytes.toString("latin1", 24, recordTextOffset).replace(/\0.*$/s, ""),
    text: bytes.toString("utf8", recordTextOffset, recordTextOffset + textLength),
  };
}
