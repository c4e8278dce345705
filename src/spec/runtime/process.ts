/** The `process` section of config.json, which is also what `exec --process` reads. @see runtime-spec 1.3 config.md#process */
import { cpuList } from "./cpu-list.ts";
import {
  absolutePath,
  flag,
  id,
  idOrRoot,
  int32,
  integer,
  oneOf,
  optionalText,
  readText,
  texts,
  uint64,
} from "./leaves.ts";
import { RLIMITS } from "./rlimits.ts";
import { defaulted, filled, type Infer, leaf, list, mustBe, object, optional, refuse } from "./schema.ts";

export const User = object(() => ({
  uid: idOrRoot,
  gid: idOrRoot,
  /** Permission bits that new files do not get; absent: the runtime's default of 0022. */
  umask: optional(integer(0, 0o777)),
  additionalGids: list(id),
}));
export type User = Infer<typeof User>;

/** A terminal has 16 bits for each side; whoever asks for more gets the most. */
const consoleSide = defaulted(
  leaf((value) =>
    Number.isInteger(Number(value)) && typeof value !== "string" && Number(value) >= 0
      ? Math.min(Number(value), 0xffff)
      : refuse(mustBe("an integer from 0 on", value)),
  ),
  () => 0,
);

/** Size of the terminal in characters; of no effect without `terminal`. */
export const ConsoleSize = object(() => ({ height: consoleSide, width: consoleSide }));
export type ConsoleSize = Infer<typeof ConsoleSize>;

/** The five sets, by name ("CAP_KILL"). A name may be unknown: that is a warning, not an error. */
export const LinuxCapabilities = object(() => ({
  bounding: texts,
  effective: texts,
  inheritable: texts,
  permitted: texts,
  ambient: texts,
}));
export type LinuxCapabilities = Infer<typeof LinuxCapabilities>;

export const POSIXRlimit = object(() => ({
  type: oneOf(Object.keys(RLIMITS) as (keyof typeof RLIMITS)[]),
  /** 2⁶⁴−1 is RLIM_INFINITY. */
  soft: uint64,
  hard: uint64,
}));
export type POSIXRlimit = Infer<typeof POSIXRlimit>;

const zero64 = defaulted(uint64, () => 0);

/** Arguments of sched_setattr(2). */
export const Scheduler = object(() => ({
  policy: oneOf([
    "SCHED_OTHER",
    "SCHED_FIFO",
    "SCHED_RR",
    "SCHED_BATCH",
    "SCHED_ISO",
    "SCHED_IDLE",
    "SCHED_DEADLINE",
  ]),
  /** For SCHED_OTHER and SCHED_BATCH: -20 (most favoured) to 19. */
  nice: defaulted(int32, () => 0),
  /** For SCHED_FIFO and SCHED_RR: 1 to 99 (most favoured). */
  priority: defaulted(int32, () => 0),
  flags: list(
    oneOf([
      "SCHED_FLAG_RESET_ON_FORK",
      "SCHED_FLAG_RECLAIM",
      "SCHED_FLAG_DL_OVERRUN",
      "SCHED_FLAG_KEEP_POLICY",
      "SCHED_FLAG_KEEP_PARAMS",
      "SCHED_FLAG_UTIL_CLAMP_MIN",
      "SCHED_FLAG_UTIL_CLAMP_MAX",
    ]),
  ),
  /** For SCHED_DEADLINE, all three in nanoseconds. */
  runtime: zero64,
  deadline: zero64,
  period: zero64,
}));
export type Scheduler = Infer<typeof Scheduler>;

/** Arguments of ioprio_set(2). */
export const LinuxIOPriority = object(() => ({
  class: oneOf(["IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"]),
  /** 0 (most favoured) to 7. */
  priority: defaulted(integer(0, 7), () => 0),
}));
export type LinuxIOPriority = Infer<typeof LinuxIOPriority>;

/** CPUs of a process that joins a container, as lists ("0-3,7"). Without effect on the container's init. */
export const CPUAffinity = object(() => ({
  /** While it is still outside the container's cgroup. */
  initial: cpuList,
  /** Once it is inside. */
  final: cpuList,
}));
export type CPUAffinity = Infer<typeof CPUAffinity>;

const environmentVariable = leaf((value) => {
  const entry = readText(value);
  return typeof entry === "string" && entry.indexOf("=") < 1 ? refuse(mustBe("NAME=VALUE", entry)) : entry;
});

export const Process = object(() => ({
  terminal: flag,
  consoleSize: optional(ConsoleSize),
  user: filled(User),
  /** Program and arguments; not empty once checked. */
  args: texts,
  /** NAME=VALUE; of several with one name the last counts. */
  env: list(environmentVariable),
  /** Working directory in the container. */
  cwd: absolutePath,
  /** Absent is not the same as five empty sets: a process that joins then has those of the container. */
  capabilities: optional(LinuxCapabilities),
  rlimits: list(POSIXRlimit),
  noNewPrivileges: flag,
  apparmorProfile: optionalText,
  /** Absent: left as it is. */
  oomScoreAdj: optional(integer(-1000, 1000)),
  scheduler: optional(Scheduler),
  selinuxLabel: optionalText,
  ioPriority: optional(LinuxIOPriority),
  execCPUAffinity: optional(CPUAffinity),
}));
export type Process = Infer<typeof Process>;
