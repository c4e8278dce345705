/** The image that a container's request means, and how long that is remembered. */
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { imageFor } from "../../../src/engine/container/image.ts";
import type { EngineContext } from "../../../src/engine/context.ts";
import { EngineStore } from "../../../src/engine/store/store.ts";
import { ImageStore } from "../../../src/image/store.ts";
import { storeImage } from "../../image/content/images.ts";
import { testPrefix } from "../../support/bundle.ts";

let root: string;
let conf: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), `${testPrefix}-image-`));
  conf = join(root, "registries.conf");
  vi.stubEnv("HOME", root);
  vi.stubEnv("XDG_CACHE_HOME", join(root, "cache"));
  vi.stubEnv("CONTAINERS_REGISTRIES_CONF", conf);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

describe("the image that a name means", () => {
  test("is remembered, but not what registries.conf says of a short one", async () => {
    const images = await ImageStore.open(root);
    const ids: string[] = [];
    {
      await using lease = await images.stores.content.lease();
      for (const layer of ["one", "two"]) {
        const { manifest, config } = await storeImage(images.stores.content, lease, { layers: [layer] });
        await images.stores.names.set(`example.org/${layer}:latest`, manifest);
        ids.push(config.digest);
      }
    }
    const names = join(root, "content/index.json");
    expect(existsSync(names)).toBe(true);
    // One that has just been written might be replaced once more within the same tick of its clock.
    utimesSync(names, 1, 1);
    let lookups = 0;
    using store = EngineStore.open(join(root, "engine.db"));
    /** Of a command of its own: the database is all that it knows. */
    const command = (): EngineContext =>
      ({
        layout: { root },
        store,
        log: () => {},
        images: async () => {
          lookups++;
          return images;
        },
      }) as unknown as EngineContext;
    const ask = async (context: EngineContext, image: string) =>
      (await imageFor(context, { image, pull: "never", platform: undefined }))?.id;

    const first = command();
    expect(await ask(first, "example.org/one")).toBe(ids[0]);
    expect(await ask(first, "example.org/one")).toBe(ids[0]);
    expect(await ask(command(), "example.org/one")).toBe(ids[0]);
    expect(lookups).toBe(1);

    for (const [i, layer] of ["one", "two", "one"].entries()) {
      writeFileSync(conf, `[aliases]\napp = "example.org/${layer}"\n`);
      expect(await ask(first, "app"), `${i}, same process`).toBe(ids[i % 2]);
      expect(await ask(command(), "app"), `${i}, next command`).toBe(ids[i % 2]);
    }
    writeFileSync(conf, "");
    await expect(ask(command(), "app")).rejects.toMatchObject({ kind: "NotFound" });
  });
});
