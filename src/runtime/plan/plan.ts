/** A plan: everything that making a container takes, as data, before any of it happens. */
import type { Hook, HookName } from "../../spec/runtime/hooks.ts";
import type { Program } from "../wire/encode.ts";
import type { SyncPoint } from "../wire/ops.ts";

/** What the runtime itself does, on the host; `create` has one small function for each kind. */
export type HostStep =
  /** Makes the state directory and writes state.json, from where on `delete` can find everything. */
  | { readonly step: "state"; readonly directory: string }
  /** Makes the cgroup, opens it as `slot`, and writes the limits. */
  | {
      readonly step: "cgroup";
      readonly slot: string | null;
      readonly path: string;
      readonly writes: readonly CgroupWrite[];
    }
  /** Opens a file of the host for the shim. */
  | { readonly step: "open"; readonly slot: string; readonly path: string }
  /** A pidfd of a process that runs already. */
  | { readonly step: "pidfd"; readonly slot: string; readonly pid: number }
  /** Makes the fifo that `start` will open. */
  | { readonly step: "fifo"; readonly slot: string; readonly path: string }
  /** Connects to the caller's console socket. */
  | { readonly step: "connect"; readonly slot: string; readonly path: string }
  /** An fd that the caller has open already. */
  | { readonly step: "inherit"; readonly slot: string; readonly fd: number }
  /** newuidmap(1) and newgidmap(1), for who may not write id maps. */
  | { readonly step: "map-ids"; readonly uid: readonly number[]; readonly gid: readonly number[] }
  /** Puts init into its cgroup, where it could not be born there. */
  | { readonly step: "attach-cgroup" }
  /** Moves a network device into the container's network namespace. */
  | { readonly step: "move-network-device"; readonly device: string; readonly name: string }
  | { readonly step: "hooks"; readonly name: HookName; readonly hooks: readonly Hook[] }
  /** Hands the seccomp listener to the agent behind `path`. */
  | { readonly step: "seccomp-listener"; readonly path: string; readonly metadata: string };

/** A write to a file of the cgroup, for `runt plan` to show. */
export interface CgroupWrite {
  readonly file: string;
  readonly value: string;
}

export interface Plan {
  /** On the host, before the shim is started. */
  readonly before: readonly HostStep[];
  /** What the shim and init do. */
  readonly program: Program;
  /** On the host, when init has got to that point and waits. */
  readonly atSync: Partial<Record<SyncPoint, readonly HostStep[]>>;
  /** What was asked for and is passed over, one sentence each. */
  readonly warnings: readonly string[];
}
