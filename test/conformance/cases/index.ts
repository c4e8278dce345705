/** All cases, and those that a lane is for. */
import type { FiledCase } from "../case.ts";
import { cgroups } from "./cgroups.ts";
import { errors } from "./errors.ts";
import { hooks } from "./hooks.ts";
import { lifecycle } from "./lifecycle.ts";
import { devices, namespaces, seccomp, sysctl } from "./linux.ts";
import { mounts, rootfs } from "./mounts.ts";
import { capabilities, processes, rlimits } from "./process.ts";
import { events, execs } from "./running.ts";
import { state } from "./state.ts";

export const all: readonly FiledCase[] = [
  ...lifecycle,
  ...state,
  ...errors,
  ...mounts,
  ...rootfs,
  ...processes,
  ...capabilities,
  ...rlimits,
  ...namespaces,
  ...devices,
  ...sysctl,
  ...seccomp,
  ...hooks,
  ...execs,
  ...events,
  ...cgroups,
];

/** In the guest, which is ten times slower, only what a kernel with every controller is asked for. */
const inGuest: ReadonlySet<string> = new Set(["cgroups"]);
/** What the guest's older runtimes wait for without end: to be thawed. */
const endless: ReadonlySet<string> = new Set(["a frozen one is refused"]);

/** The cases to be run here. */
export const cases: readonly FiledCase[] =
  process.env.RUNT_VM === "1"
    ? all.filter(({ subject, name }) => inGuest.has(subject) && !endless.has(name))
    : all;
