/**
 * What a monitor and its clients say to each other over its unix socket, and what it writes down, in one table.
 *
 * ```
 * frame    u32 type, u32 length, then `length` bytes: numbers of eight bytes each, or plain data
 * record   a text file, one line a field: its name, a space, a decimal number; replaced by rename
 * ```
 * The C header is generated from this file (`scripts/generate-wire.ts`), as for the plan. All is little-endian.
 *
 * A monitor lives as long as its container, so it may be older or newer than its client: what is new goes to the end
 * of `frames` and of a list of fields, a field that did not come is 0, and a frame that is not known is an ENOSYS.
 */

/** Numbers by name, in their order on the wire; "data" is bytes. */
type Payload = readonly string[] | "data";

/** How a container ended; the file `exit`, and the payload of the frame `exited`. Times are ns since 1970. */
export const exitFields = [
  /** 1: the program has run; 0: init ended before it got there. */
  "executed",
  /** `si_code` of waitid(2): 1 exited, 2 killed, 3 killed with a core dump. */
  "code",
  /** `si_status`: exit status or signal. */
  "status",
  /** errno of what kept the program from running. */
  "error",
  "started_ns",
  "finished_ns",
  /** Processes that the kernel killed for want of memory. */
  "oom_kills",
  /** −1: this is the end. Else the exit command is run after so many ms, to start the container again. */
  "restart_ms",
  /** Bytes of output that the log has not. */
  "log_lost",
  /** errno of the last thing that went wrong with the log. */
  "log_error",
] as const;

/** The answer to `status`. */
export const statusFields = [
  /** Of the monitor itself. */
  "monitor",
  /** Of init; 0 once it has ended. */
  "init",
  /** One of `MonitorPhase`. */
  "phase",
  "started_ns",
  "oom_kills",
  /** When the container is to be started again; 0 where it is not. */
  "restart_at_ns",
  "log_lost",
  "log_error",
  /** One of `Health`. */
  "health",
  /** Failed checks in a row. */
  "health_failures",
  "clients",
] as const;

/** What the health file says: `health`, beside `health.0` … with the last checks. */
export const healthFields = ["health", "health_failures", "checks"] as const;

/** One health check: the head of a file `health.N`, before an empty line and what the command has written. */
export const checkFields = ["started_ns", "finished_ns", "code", "status", "timed_out"] as const;

/** Text records and the fields of each. */
export const records = {
  exit: exitFields,
  status: statusFields,
  health: healthFields,
  check: checkFields,
} as const;

/** Frames in both directions; each side refuses what only it may send. */
export const frames = {
  // — to the monitor —
  /** From now on this client gets what `flags` name (`Attach`); the answer is `done`. */
  attach: ["flags"],
  /** For the container's stdin. */
  input: "data",
  /** This client has no more input. */
  end_input: [],
  resize: ["rows", "columns"],
  /** The log has been renamed: opens it again under its name. */
  reopen_log: [],
  /** When to start again from now on: one of `Restart`. */
  set_restart: ["on"],
  get_status: [],
  /** A container that another runtime has made was started; of our own the monitor knows. */
  started: [],
  // — from the monitor —
  /** The answer to all of the above but input and get_status: 0 or an errno. */
  done: ["error"],
  /** Stdout, or what the terminal shows. */
  output: "data",
  /** Stderr. */
  errors: "data",
  /** So many bytes of output would have come here; the client was too slow. */
  lost: ["bytes"],
  status: statusFields,
  health: ["health", "failures"],
  oom: ["kills"],
  /** The end; then the monitor hangs up. */
  exited: exitFields,
  // — to the monitor, later than the others —
  /** Runs the health check now. The answer comes when one has ended that ran from then on or already: its record is there. */
  check: [],
} as const satisfies Record<string, Payload>;

export type FrameName = keyof typeof frames;
export const frameNames = Object.keys(frames) as FrameName[];
export const frameHeaderSize = 8;
/** Longest payload of a frame with data, in either direction. */
export const maxFrameData = 16384;

/** Bits of `attach`. */
export const Attach = {
  input: 1,
  output: 2,
  errors: 4,
  /** Output waits for this client: it loses nothing, and when it stops reading so will the container stop writing. */
  waitForMe: 8,
  /** `health` and `oom` frames. */
  events: 16,
} as const;

export const MonitorPhase = { created: 0, running: 1, draining: 2, restarting: 3 } as const;

/** After which ends the exit command is asked to start the container again. */
export const Restart = { never: 0, onFailure: 1, always: 2 } as const;

export const Health = { none: 0, starting: 1, healthy: 2, unhealthy: 3 } as const;

/** What becomes of the container's stdin: nothing to read, open to its end, or closed when the first client leaves. */
export const MonitorInput = { none: 0, open: 1, once: 2 } as const;

/** How many `health.N` there are. */
export const keptChecks = 5;
