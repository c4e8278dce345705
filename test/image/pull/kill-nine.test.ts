import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { missing } from "../../support/needs.ts";
import { hasRegistry } from "../../support/registry.ts";
import { temporaryDirectory } from "../snapshot/layers.ts";
import {
  anImageStore,
  appConfig,
  fileLayer,
  firstLayer,
  leftovers,
  makeImage,
  secondLayer,
  secureRegistry,
  skopeoPush,
} from "./fixture.ts";
import { PullProcess } from "./processes.ts";

const gone = hasRegistry ? missing("root", "program:skopeo", "program:umoci") : "docker-registry";
const kills = 50;

describe.skipIf(gone !== undefined)(`a pull that is killed${gone ? ` (needs ${gone})` : ""}`, () => {
  test(`at ${kills} moments: the store is sound after each, and the next pull goes on`, async () => {
    await using directory = temporaryDirectory();
    await using remote = await secureRegistry();
    const layout = join(directory.path, "layout");
    // Some are small enough to be unpacked on the main thread, some are not.
    const files = ["a", "b", "c", "d"].map((name, i) => fileLayer(name, (i % 2 === 0 ? 1 : 3) << 20));
    makeImage(layout, "app", [firstLayer, secondLayer, ...files], appConfig);
    await skopeoPush(remote, layout, "app", "team/app:1");
    const name = `${remote.registry.domain}/team/app:1`;

    // How long one takes that nobody disturbs.
    let wholeMs: number;
    {
      await using store = await anImageStore();
      await using pulling = new PullProcess({ root: store.root, name, certDir: remote.certDir });
      await pulling.begins();
      const start = performance.now();
      await pulling.result();
      wholeMs = performance.now() - start;
    }

    await using store = await anImageStore();
    const { images } = store;
    let finished = 0;
    for (let i = 0; i < kills; i++) {
      await using pulling = new PullProcess({ root: store.root, name, certDir: remote.certDir });
      await pulling.begins();
      await sleep((wholeMs * i) / kills);
      await pulling.kill();
      const report = await images.fsck();
      expect([...report.content.problems, ...report.layers.problems]).toEqual([]);
      const listed = await images.list();
      // A name is there when all of its image is.
      if (listed.length > 0)
        expect(images.stores.snapshots.lowers(listed[0]!.image.chainIDs.at(-1))).toHaveLength(6);
      if (listed.length === 0) continue;
      finished++;
      await images.remove(name, { force: true });
      expect((await images.fsck()).layers.checked).toBe(0);
    }
    // Else nothing was interrupted, or nothing but the beginning.
    expect(finished).toBeLessThan(kills);

    const { image } = await images.pull(name, { registry: remote.options });
    expect(images.stores.snapshots.lowers(image.chainIDs.at(-1))).toHaveLength(6);
    await images.collect();
    const report = await images.fsck();
    expect([...report.content.problems, ...report.layers.problems]).toEqual([]);
    expect(await leftovers(images)).toEqual([]);
  }, 300_000);
});
