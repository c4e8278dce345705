/** Rules about the process section. @see runtime-spec 1.3 config.md#process */
import type { Process } from "../process.ts";
import type { Checks } from "../validate.ts";

export const processChecks: Checks<Process> = {
  argsPresent(process, refuse) {
    if (process.args.length === 0) refuse(["args"], "must not be empty");
  },

  rlimitsUnique(process, refuse) {
    const seen = new Set<string>();
    for (const [i, { type }] of process.rlimits.entries()) {
      if (seen.has(type)) refuse(["rlimits", i, "type"], `${type} is listed twice`);
      seen.add(type);
    }
  },

  rlimitsOrdered(process, refuse) {
    for (const [i, { soft, hard }] of process.rlimits.entries()) {
      if (soft > hard)
        refuse(["rlimits", i, "soft"], `must not be above the hard limit of ${hard}, is ${soft}`);
    }
  },

  schedulerNice({ scheduler }, refuse) {
    if (scheduler === undefined) return;
    const { policy, nice } = scheduler;
    const niceMatters = policy === "SCHED_OTHER" || policy === "SCHED_BATCH";
    if (niceMatters && (nice < -20 || nice > 19)) {
      refuse(["scheduler", "nice"], `must be from -20 to 19 for ${policy}, is ${nice}`);
    }
  },

  schedulerPriority({ scheduler }, refuse) {
    if (scheduler === undefined) return;
    const { policy, priority } = scheduler;
    const isRealtime = policy === "SCHED_FIFO" || policy === "SCHED_RR";
    if (isRealtime && (priority < 1 || priority > 99)) {
      refuse(["scheduler", "priority"], `must be from 1 to 99 for ${policy}, is ${priority}`);
    }
    if (!isRealtime && priority !== 0) {
      refuse(["scheduler", "priority"], `is for SCHED_FIFO and SCHED_RR only, not for ${policy}`);
    }
  },

  /** sched_setattr(2) wants runtime <= deadline <= period, with a period of 0 standing for the deadline. */
  schedulerDeadline({ scheduler }, refuse) {
    if (scheduler === undefined) return;
    const { policy, runtime, deadline, period } = scheduler;
    if (policy !== "SCHED_DEADLINE") {
      for (const field of ["runtime", "deadline", "period"] as const) {
        if (scheduler[field] !== 0)
          refuse(["scheduler", field], `is for SCHED_DEADLINE only, not for ${policy}`);
      }
      return;
    }
    if (runtime === 0) refuse(["scheduler", "runtime"], "must be above 0 for SCHED_DEADLINE");
    if (deadline < runtime)
      refuse(["scheduler", "deadline"], `must not be below the runtime of ${runtime}, is ${deadline}`);
    if (period !== 0 && period < deadline) {
      refuse(["scheduler", "period"], `must not be below the deadline of ${deadline}, is ${period}`);
    }
  },
};
