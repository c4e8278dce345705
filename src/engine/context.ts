/** What every verb of the engine works with. */
import { readFileSync } from "node:fs";
import type { SnapshotStore } from "../image/snapshot/store.ts";
import type { ImageStore } from "../image/store.ts";
import type { IdRange } from "../linux/subordinate-ids.ts";
import type { RuntimeContext } from "../runtime/api.ts";
import type { HostCommand } from "../runtime/plan/monitor.ts";
import type { EngineLayout } from "./layout.ts";
import type { NetworkDriver } from "./network-driver.ts";
import type { ContainerRecord } from "./record.ts";
import type { IdKind } from "./store/id-ranges.ts";
import type { EngineStore } from "./store/store.ts";

export interface EngineContext {
  readonly layout: EngineLayout;
  readonly store: EngineStore;
  /** For the OCI runtime's verbs; its root is `layout.runRoot`. */
  readonly runtime: RuntimeContext;
  readonly log: RuntimeContext["log"];
  /** The images, opened when first asked for. */
  images(): Promise<ImageStore>;
  /** The layers of the same root: without what else belongs to images. */
  snapshots(): Promise<SnapshotStore>;
  network(): Promise<NetworkDriver>;
  /** What a monitor becomes once its container has ended; undefined: nothing, and the next command does it. */
  afterExit(id: string): HostCommand | undefined;
  /** What a monitor runs when its container gets healthy or unhealthy; undefined: nothing, and there are no such events. */
  healthChanged(id: string): HostCommand | undefined;
  /** One that runs `words` in the container, for health checks. */
  execCommand(record: ContainerRecord, words: readonly string[]): HostCommand;
  /** Ids to give to containers; undefined: see `EngineOptions`. */
  readonly idRanges: ((kind: IdKind) => readonly IdRange[]) | undefined;
}

let known: string | undefined;

/** Of this boot of the machine. */
export function bootId(): string {
  known ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  return known;
}
