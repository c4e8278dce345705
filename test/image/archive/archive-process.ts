/** A process of its own that loads an archive, gives its images their names, and perhaps saves them again. */
import { writeSync } from "node:fs";
import { loadArchive } from "../../../src/image/archive/load.ts";
import { archiveOf } from "../../../src/image/archive/save.ts";
import { writeWhole } from "../../../src/image/archive/write-file.ts";
import { ContentStore } from "../../../src/image/content/store.ts";
import { ImageNames } from "../../../src/image/names/names.ts";

/** What it shall do. */
export interface Order {
  readonly root: string;
  readonly load?: string;
  readonly save?: string;
}

/** What it tells at its end. */
export interface Outcome {
  readonly names: readonly string[];
  readonly maxRssKb: number;
}

const order = JSON.parse(process.argv[2]!) as Order;
const store = await ContentStore.open(order.root);
const names = new ImageNames(store);
writeSync(1, "started\n");
if (order.load !== undefined) {
  await using lease = await store.lease();
  const images = await loadArchive(order.load, store, { lease });
  const set = new Map(images.flatMap(({ names, target }) => names.map((name) => [name, target] as const)));
  await names.change({ set });
}
if (order.save !== undefined) {
  const images = (await names.list()).map(({ name, descriptor }) => ({ names: [name!], target: descriptor }));
  await writeWhole(order.save, archiveOf(store, images, { format: "docker-archive" }));
}
const outcome: Outcome = {
  names: (await names.list()).map(({ name }) => name!),
  maxRssKb: process.resourceUsage().maxRSS,
};
writeSync(1, JSON.stringify(outcome));
