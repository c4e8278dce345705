/** `export`: a container's root file system as one archive, without what is mounted in it. */
import { packPath } from "../../image/layer/pack.ts";
import type { EngineContext } from "../context.ts";
import { eventOf } from "./event.ts";
import { openLayers } from "./view.ts";

export interface ExportOptions {
  /** Is told what cannot be in an archive. */
  readonly onWarning?: ((text: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The archive, in pieces that are the caller's to keep. @throws {RuntError} NotFound */
export async function* exportContainer(
  context: EngineContext,
  text: string,
  { onWarning, signal }: ExportOptions = {},
): AsyncGenerator<Uint8Array, void> {
  await using view = await openLayers(context, text, "export");
  context.store.events.append(eventOf(view.record, "export"));
  yield* packPath(view.root, "", "", {
    source: "tree",
    operation: "export",
    owner: (entry) => view.ids.toContainer(entry),
    ...(onWarning && { onWarning }),
    ...(signal && { signal }),
  });
}
