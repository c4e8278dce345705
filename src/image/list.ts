/** What the store has, in the form in which it is listed. */
import type { Digest } from "../spec/image/digest.ts";
import type { Platform } from "../spec/image/platform.ts";
import { allImages, type StoredImage } from "./find.ts";
import { platformOf } from "./image.ts";
import type { Stores } from "./stores.ts";

/** One image. */
export interface ImageSummary {
  readonly id: Digest;
  /** Full names. */
  readonly names: readonly string[];
  /** Of what its names point to. */
  readonly target: Digest;
  /** When it was made; undefined where it does not say. */
  readonly created: Date | undefined;
  /** Of its files, or of its blobs where it is not unpacked. */
  readonly bytes: number;
  readonly platform: Platform;
  readonly labels: Readonly<Record<string, string>>;
  readonly image: StoredImage;
}

/** Every image of the store, newest first. */
export async function listImages(
  stores: Stores,
  damaged?: (name: string | undefined, error: unknown) => void,
): Promise<ImageSummary[]> {
  const images = await allImages(stores, ({ name }, error) => damaged?.(name, error));
  return images
    .map((image) => summaryOf(stores, image))
    .sort(
      (a, b) => (b.created?.getTime() ?? 0) - (a.created?.getTime() ?? 0) || compare(a.names[0], b.names[0]),
    );
}

function compare(a = "", b = ""): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** One image as it is listed. */
export function summaryOf(stores: Stores, image: StoredImage): ImageSummary {
  return {
    id: image.id,
    names: image.names,
    target: image.target.digest,
    created: createdOf(image.config.created),
    bytes: layerBytes(stores, image).reduce((sum, bytes) => sum + bytes, 0),
    platform: platformOf(image),
    labels: image.config.config.Labels ?? {},
    image,
  };
}

/** Bytes of each layer, bottom first: of its files, or of its blob where it is not unpacked. */
export function layerBytes({ snapshots }: Stores, { layers, chainIDs }: StoredImage): number[] {
  return layers.map(({ size }, i) => {
    try {
      return snapshots.stat(chainIDs[i]!)?.bytes ?? size;
    } catch {
      return size; // damaged: fsck says so
    }
  });
}

/** Builds that should be the same every time have no date, or the year 1. */
export function createdOf(text: string | undefined): Date | undefined {
  const date = new Date(text ?? Number.NaN);
  return Number.isNaN(date.getTime()) || date.getFullYear() <= 1 ? undefined : date;
}
