/**
 * A process of its own that works on a store: told what to do in argv, and telling what it did on stdout, one
 * line of JSON each. It is what the tests kill.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ContentStore } from "../../../src/image/content/store.ts";
import { ImageNames } from "../../../src/image/names/names.ts";
import type { Digest } from "../../../src/spec/image/digest.ts";
import { bytesOf, type Content } from "./contents.ts";
import { storeImage } from "./images.ts";

/** What the process shall do. */
export type Order = { readonly root: string } & (
  | {
      readonly verb: "ingest";
      readonly content: Content & { digest: Digest };
      readonly chunkBytes: number;
      /** Between two chunks. */
      readonly pauseMs: number;
    }
  | { readonly verb: "hold"; readonly digests: readonly Digest[] }
  | { readonly verb: "open" }
  | { readonly verb: "name"; readonly names: readonly string[]; readonly digest: Digest }
  | { readonly verb: "pull"; readonly rounds: number; readonly seed: string }
  | { readonly verb: "collect"; readonly rounds: number }
);

/** What it tells. */
export type Event =
  | { readonly event: "opened" | "present" | "kept" | "done" }
  | { readonly event: "ingest"; readonly offset: number }
  | { readonly event: "wrote"; readonly bytes: number }
  | { readonly event: "committed"; readonly maxRssKb: number }
  | { readonly event: "failed"; readonly kind: string; readonly code?: string; readonly message: string };

function tell(event: Event): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

const order = JSON.parse(process.argv[2]!) as Order;
try {
  await run(await ContentStore.open(order.root));
} catch (error) {
  const { kind = "", site, message } = error as { kind?: string; site?: { code?: string }; message: string };
  tell({ event: "failed", kind, message, ...(site?.code && { code: site.code }) });
}

async function run(store: ContentStore): Promise<void> {
  tell({ event: "opened" });
  switch (order.verb) {
    case "open":
      return;
    case "ingest":
      return ingest(store);
    case "hold": {
      const lease = await store.lease();
      await lease.keep(...order.digests);
      tell({ event: "kept" });
      await sleep(600_000); // until it is killed
      return;
    }
    case "name": {
      const names = new ImageNames(store);
      const { size } = await store.stat(order.digest);
      const descriptor = {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest: order.digest,
        size,
      };
      for (const name of order.names) await names.set(name, descriptor);
      tell({ event: "done" });
      return;
    }
    case "pull":
      return pull(store);
    case "collect":
      for (let i = 0; i < order.rounds; i++) {
        await store.collect({ ingestAgeMs: 0 });
        tell({ event: "done" });
        await sleep(Math.random() * 30); // or the others would hardly get the lock
      }
  }
}

async function ingest(store: ContentStore): Promise<void> {
  if (order.verb !== "ingest") return;
  const { content, chunkBytes, pauseMs } = order;
  await using lease = await store.lease();
  const opened = await store.ingest({ digest: content.digest, size: content.size }, { lease });
  if (opened === "present") return tell({ event: "present" });
  await using ingest = opened;
  tell({ event: "ingest", offset: ingest.offset });
  for (const chunk of bytesOf(content, { start: ingest.offset, chunkBytes })) {
    await ingest.write(chunk);
    tell({ event: "wrote", bytes: chunk.length });
    if (pauseMs > 0) await sleep(pauseMs);
  }
  await ingest.commit();
  tell({ event: "committed", maxRssKb: process.resourceUsage().maxRSS });
}

/** Pulls images that share a layer, and takes their names away again: what a collector beside it may break. */
async function pull(store: ContentStore): Promise<void> {
  if (order.verb !== "pull") return;
  const names = new ImageNames(store);
  for (let i = 0; i < order.rounds; i++) {
    const name = `example.org/${order.seed}:${i}`;
    {
      await using lease = await store.lease();
      const image = await storeImage(store, lease, { layers: ["shared", `${order.seed} ${i}`] });
      await names.set(name, image.manifest);
    }
    const { problems } = await store.fsck();
    const ours = problems.filter(({ images }) => images.includes(name));
    if (ours.length > 0) throw new Error(`${name}: ${ours[0]!.what}`);
    await names.remove(name);
    tell({ event: "done" });
  }
}
