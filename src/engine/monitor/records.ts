/** What a monitor writes down in its directory, read back: how the container ended, and how healthy it was. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { errnoName, hasCode } from "../../linux/system-error.ts";
import type { ExitStatus } from "../../runtime/api.ts";
import { exitStatusOf } from "../../runtime/create/exit-status.ts";
import { checkFields, exitFields, Health, healthFields } from "../../runtime/wire/monitor.ts";
import type { Numbers } from "./frames.ts";

/** How a container ended. */
export interface MonitorExit {
  readonly status: ExitStatus;
  /** Whether its program has run; if not, `error` says why, or init was killed before. */
  readonly executed: boolean;
  /** What kept the program from running: "ENOENT". */
  readonly error: string | undefined;
  /** Nanoseconds since 1970; 0 where it never ran. */
  readonly startedNs: bigint;
  readonly finishedNs: bigint;
  /** Processes that the kernel killed for want of memory. */
  readonly oomKills: number;
  /** After so many ms the exit command is run to start it again; undefined: this was the end. */
  readonly restartMs: number | undefined;
  readonly log: LogLoss;
}

/** What the log has not. */
export interface LogLoss {
  readonly lostBytes: number;
  /** The last thing that went wrong: "ENOSPC". */
  readonly error: string | undefined;
}

export type HealthStatus = keyof typeof Health;

export interface HealthRecord {
  readonly status: HealthStatus;
  /** Failed checks in a row. */
  readonly failures: number;
  /** The last checks, oldest first. */
  readonly checks: readonly HealthCheck[];
}

export interface HealthCheck {
  readonly startedNs: bigint;
  readonly finishedNs: bigint;
  readonly status: ExitStatus;
  readonly timedOut: boolean;
  /** The first 4096 bytes of stdout and stderr. */
  readonly output: Buffer;
}

/** Undefined as long as the container has not ended. @throws as `fs.readFileSync` does, but for ENOENT */
export function readExit(directory: string): MonitorExit | undefined {
  const record = readRecord(join(directory, "exit"), exitFields);
  return record && exitOf(record.numbers);
}

/** Undefined without health checks. */
export function readHealth(directory: string): HealthRecord | undefined {
  const record = readRecord(join(directory, "health"), healthFields);
  if (!record) return undefined;
  const checks = readdirSync(directory)
    .filter((name) => /^health\.\d+$/.test(name))
    .flatMap((name) => readRecord(join(directory, name), checkFields) ?? [])
    .map(({ numbers, tail }) => ({
      startedNs: numbers.started_ns,
      finishedNs: numbers.finished_ns,
      status: statusOf(numbers),
      timedOut: numbers.timed_out !== 0n,
      output: tail,
    }))
    .sort((a, b) => Number(a.startedNs - b.startedNs));
  const { health, health_failures } = record.numbers;
  return { status: healthOf(health), failures: Number(health_failures), checks };
}

/** @param numbers of the record or of the frame `exited` */
export function exitOf(numbers: Numbers<(typeof exitFields)[number]>): MonitorExit {
  return {
    status: statusOf(numbers),
    executed: numbers.executed !== 0n,
    error: errnoOf(numbers.error),
    startedNs: numbers.started_ns,
    finishedNs: numbers.finished_ns,
    oomKills: Number(numbers.oom_kills),
    restartMs: numbers.restart_ms < 0n ? undefined : Number(numbers.restart_ms),
    log: { lostBytes: Number(numbers.log_lost), error: errnoOf(numbers.log_error) },
  };
}

export function healthOf(value: bigint): HealthStatus {
  const found = Object.entries(Health).find(([, number]) => BigInt(number) === value);
  return (found?.[0] ?? "none") as HealthStatus;
}

/** "ENOSPC" for 28; undefined for 0. */
export function errnoOf(value: bigint): string | undefined {
  return value === 0n ? undefined : errnoName(Number(value));
}

function statusOf(numbers: Numbers<"code" | "status">): ExitStatus {
  return exitStatusOf((Number(numbers.code) << 8) | Number(numbers.status));
}

interface TextRecord<F extends string> {
  readonly numbers: Numbers<F>;
  /** What follows the empty line. */
  readonly tail: Buffer;
}

/** Lines of a name and a number up to an empty line. What this build does not know is passed over. */
function readRecord<F extends string>(path: string, fields: readonly F[]): TextRecord<F> | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
  const end = bytes.indexOf("\n\n");
  const lines = bytes.toString("latin1", 0, end < 0 ? bytes.length : end).split("\n");
  const values = new Map(lines.map((line) => line.split(" ", 2) as [string, string]));
  const numbers = Object.fromEntries(fields.map((field) => [field, BigInt(values.get(field) ?? 0)]));
  return { numbers: numbers as Numbers<F>, tail: end < 0 ? Buffer.alloc(0) : bytes.subarray(end + 2) };
}
