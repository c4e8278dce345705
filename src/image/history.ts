/** How an image came to be: one entry a step, newest first. */
import type { Digest } from "../spec/image/digest.ts";
import type { StoredImage } from "./find.ts";
import { createdOf, layerBytes } from "./list.ts";
import type { Stores } from "./stores.ts";

/** One step. */
export interface HistoryEntry {
  /** Of the newest step; the others have no image of their own any more. */
  readonly id: Digest | undefined;
  readonly created: Date | undefined;
  readonly createdBy: string;
  /** What its layer added; 0 for a step without one. */
  readonly bytes: number;
  readonly comment: string;
}

/** The steps of an image; layers that its history does not tell of are steps too. */
export function historyOf(stores: Stores, image: StoredImage): HistoryEntry[] {
  const sizes = layerBytes(stores, image);
  let layer = 0;
  const entries = image.config.history.map((step) => ({
    id: undefined,
    created: createdOf(step.created),
    createdBy: step.created_by ?? "",
    bytes: step.empty_layer ? 0 : (sizes[layer++] ?? 0),
    comment: step.comment ?? "",
  }));
  const untold = sizes
    .slice(layer)
    .map((bytes) => ({ id: undefined, created: undefined, createdBy: "", bytes, comment: "" }));
  const all: HistoryEntry[] = [...entries, ...untold].reverse();
  return all.map((entry, i) => (i === 0 ? { ...entry, id: image.id } : entry));
}
