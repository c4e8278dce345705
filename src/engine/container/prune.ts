/** `container prune`: those that do not run. */
import { RuntError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import { millisecondsOf } from "../time.ts";
import { type ListedContainer, listContainers } from "./ps.ts";
import { removeContainer } from "./rm.ts";

export interface PruneOptions {
  /** Only those that were made before. */
  readonly until?: Date | undefined;
  readonly matches?: ((container: ListedContainer) => boolean) | undefined;
}

/** @returns IDs, and how many bytes they took */
export async function pruneContainers(
  context: EngineContext,
  { until, matches = () => true }: PruneOptions = {},
): Promise<{ readonly removed: readonly string[]; readonly bytes: number }> {
  const { usageOf } = await import("../../image/snapshot/usage.ts");
  const stopped = (await listContainers(context, { all: true })).filter(
    (container) =>
      (container.status === "exited" || container.status === "created" || container.status === "dead") &&
      (!until || millisecondsOf(container.created) < until.getTime()) &&
      matches(container),
  );
  const removed: string[] = [];
  let bytes = 0;
  for (const { id } of stopped) {
    const usage = await usageOf(context.layout.container(id)).catch(() => ({ bytes: 0 }));
    try {
      await removeContainer(context, id);
    } catch (error) {
      // Started, or removed, meanwhile.
      if (error instanceof RuntError && (error.kind === "NotFound" || error.kind === "FailedPrecondition"))
        continue;
      throw error;
    }
    removed.push(id);
    bytes += usage.bytes;
  }
  return { removed, bytes };
}
