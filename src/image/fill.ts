/**
 * The layers of one image, from blobs to snapshots. All are fetched, decompressed and unpacked side by side, each into
 * a directory of its own; only what needs the layers below is done in order, and so is the commit.
 */
import { RuntError } from "../errors.ts";
import type { Descriptor } from "../spec/image/descriptor.ts";
import type { ChainID } from "../spec/image/digest.ts";
import { compressionOf, isEncrypted } from "../spec/image/media-types.ts";
import { BlobStream, type BlobStreamOptions, type FetchBlob } from "./blob-stream.ts";
import type { Lease } from "./content/lease.ts";
import type { ContentStore } from "./content/store.ts";
import type { Image } from "./image.ts";
import { type AppliedLayer, type ApplyOptions, applyLayer } from "./layer/apply.ts";
import { settleLayer } from "./layer/settle.ts";
import { LayerThreads } from "./layer/threads.ts";
import { limiter } from "./limit.ts";
import { explainOwners } from "./owners.ts";
import type { LayerStatus, OnProgress } from "./progress.ts";
import type { ActiveLayer } from "./snapshot/active.ts";
import type { FilledLayer, SnapshotStore } from "./snapshot/store.ts";

export interface FillOptions {
  readonly content: ContentStore;
  readonly snapshots: SnapshotStore;
  readonly lease: Lease;
  /** Absent where the store has all blobs. */
  readonly fetchBlob?: FetchBlob | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** As docker and containerd: more connections make a registry slower, not faster. */
const atOnce = 3;

/** A smaller layer is unpacked before a thread for it would have started. */
const threadFromBytes = 2 << 20;

type Apply = (
  layer: Descriptor,
  bytes: AsyncIterable<Uint8Array>,
  options: ApplyOptions,
) => Promise<AppliedLayer>;

/** A layer that is unpacked, and not yet one of the store. */
interface Unpacked {
  readonly active: ActiveLayer;
  readonly applied: AppliedLayer;
}

/**
 * Sees to it that the store has every blob and every snapshot of `image`. Layers below one that fails may stay: they
 * are what they should be, and garbage unless somebody tries again.
 * @throws {RuntError} what went wrong first; the signal's reason
 */
export async function fillLayers(image: Image, options: FillOptions): Promise<void> {
  const { layers, chainIDs } = image;
  const { snapshots, lease, onProgress } = options;
  refuseUnknown(layers);
  await lease.keepSnapshots(...chainIDs);
  onProgress?.({ type: "layers", layers });

  const failure = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failure.signal]) : failure.signal;
  const limit = limiter(atOnce);
  await using threads = new LayerThreads();
  const apply: Apply = ({ size }, bytes, applyOptions) =>
    size < threadFromBytes ? applyLayer(bytes, applyOptions) : threads.apply(bytes, applyOptions);
  const settled = new Set<number>();
  let first: unknown;
  const tasks = layers.map((layer, i) =>
    limit(() => unpack(image, i, { ...options, signal, apply }, reporter(layer, onProgress)))
      .catch((error) => {
        // The others only say that they were stopped.
        if (!failure.signal.aborted) first = error;
        failure.abort(error);
        return undefined;
      })
      .finally(() => settled.add(i)),
  );

  const uncommitted = new Set<ActiveLayer>();
  try {
    const filled: FilledLayer[] = [];
    const lowers: string[] = [];
    for (const [i, task] of tasks.entries()) {
      const result = await task;
      if (failure.signal.aborted) throw first;
      const chainID = chainIDs[i]!;
      if (result === "present") lowers.unshift(snapshots.diff(chainID));
      else {
        const { active, applied } = result!;
        uncommitted.add(active);
        await settleLayer(active.diff, applied, lowers);
        lowers.unshift(active.diff);
        const { bytes, entries } = applied;
        filled.push({
          active,
          diffID: image.config.rootfs.diff_ids[i]!,
          parent: chainIDs[i - 1],
          bytes,
          entries,
        });
      }
      // One syncfs(2) for all that are ready, and none of them waits for one that is not.
      if (filled.length > 0 && !settled.has(i + 1)) {
        await snapshots.commit(filled);
        for (const { active } of filled.splice(0)) uncommitted.delete(active);
        lowers.splice(
          0,
          lowers.length,
          ...chainIDs
            .slice(0, i + 1)
            .map((id) => snapshots.diff(id))
            .reverse(),
        );
      }
      const { size, digest } = layers[i]!;
      onProgress?.({
        type: "layer",
        digest,
        status: result === "present" ? "exists" : "pulled",
        current: size,
        total: size,
      });
    }
  } catch (error) {
    failure.abort(error);
    for (const result of await Promise.all(tasks)) {
      if (result && result !== "present") uncommitted.add(result.active);
    }
    // One that was committed has nothing left to dispose of.
    for (const active of uncommitted) await active[Symbol.asyncDispose]();
    throw error;
  }
}

async function unpack(
  image: Image,
  i: number,
  options: FillOptions & { readonly signal: AbortSignal; readonly apply: Apply },
  report: (status: LayerStatus, current: number) => void,
): Promise<Unpacked | "present"> {
  const { snapshots, signal } = options;
  const layer = image.layers[i]!;
  const diffID = image.config.rootfs.diff_ids[i]!;
  signal.throwIfAborted();
  report("waiting", 0);
  // The snapshot first, then the blob: all processes take them in this order, so that none waits in a circle.
  const active = await snapshots.prepare(image.chainIDs[i]!, signal);
  const onBytes = (bytes: number, from: "store" | "registry") =>
    report(from === "registry" && bytes < layer.size ? "downloading" : "extracting", bytes);
  const stream = { ...options, onBytes };
  try {
    if (active === "present") {
      await using blob = await BlobStream.open(layer, { ...stream, from: "any" });
      await blob.finish();
      return "present";
    }
    const applied = await applyVerified(layer, active, snapshots.userXattr, stream);
    checkDiffID(layer, diffID, applied);
    for (const text of applied.warnings) {
      options.onProgress?.({ type: "warning", digest: layer.digest, text });
    }
    return { active, applied };
  } catch (error) {
    if (active !== "present") await active[Symbol.asyncDispose]();
    throw explainOwners(error);
  }
}

type StreamOptions = Omit<BlobStreamOptions, "from"> & { readonly apply: Apply };

/** Unpacks a layer. Where what came is not what its digest says, once more from the registry itself. */
async function applyVerified(
  layer: Descriptor,
  active: ActiveLayer,
  userXattr: boolean,
  options: StreamOptions,
): Promise<AppliedLayer> {
  for (const from of ["any", "origin"] as const) {
    await using blob = await BlobStream.open(layer, { ...options, from });
    try {
      return await applyStream(layer, blob, { ...options, dir: active.diff, userXattr });
    } catch (error) {
      if (from === "origin" || blob.isStored || !blob.isMismatched || options.signal.aborted) throw error;
      await active.restart();
    }
  }
  throw new TypeError("a loop that never ends has ended");
}

async function applyStream(
  layer: Descriptor,
  blob: BlobStream,
  {
    apply,
    dir,
    userXattr,
    signal,
  }: Pick<StreamOptions, "apply" | "signal"> & { dir: string; userXattr: boolean },
): Promise<AppliedLayer> {
  try {
    const applied = await apply(layer, blob.bytes, {
      mediaType: layer.mediaType,
      dir,
      target: "overlay",
      userXattr,
      // The store hashes what it gets.
      compressedDigest: "skip",
      signal,
    });
    await blob.finish();
    return applied;
  } catch (error) {
    // An archive that makes no sense may be another one than was asked for; then that is what is wrong.
    if ((error as RuntError).kind === "InvalidArgument" && !blob.isMismatched) await blob.finish();
    throw error;
  }
}

function checkDiffID(layer: Descriptor, diffID: ChainID | string, applied: AppliedLayer): void {
  if (applied.diffID === diffID) return;
  throw new RuntError(
    "InvalidArgument",
    `layer ${layer.digest} has the diffID ${applied.diffID}, and the image config says ${diffID}`,
    { operation: "pull", subject: `layer ${layer.digest}` },
  );
}

/** Before anything is fetched. */
function refuseUnknown(layers: readonly Descriptor[]): void {
  for (const { mediaType, digest } of layers) {
    if (compressionOf(mediaType) !== undefined) continue;
    const what = isEncrypted(mediaType)
      ? "is encrypted"
      : `has the media type ${mediaType}, which is no layer`;
    throw new RuntError("Unimplemented", `layer ${digest} ${what}`, {
      operation: "pull",
      subject: `layer ${digest}`,
    });
  }
}

/** Tells of a layer, of its bytes only as often as somebody can see. */
function reporter(layer: Descriptor, onProgress: OnProgress | undefined) {
  let lastStatus: LayerStatus | undefined;
  let last = 0;
  return (status: LayerStatus, current: number): void => {
    const now = performance.now();
    if (status === lastStatus && now - last < 50) return;
    lastStatus = status;
    last = now;
    onProgress?.({ type: "layer", digest: layer.digest, status, current, total: layer.size });
  };
}
