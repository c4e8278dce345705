import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type LayerSize, pushImage } from "../../support/big-image.ts";
import { missing } from "../../support/needs.ts";
import { consumptionOf } from "../../support/peak-memory.ts";
import { hasRegistry, startRegistry } from "../../support/registry.ts";
import { temporaryDirectory } from "../snapshot/layers.ts";
import { pullProgram } from "./processes.ts";

const gone = hasRegistry ? missing("root") : "docker-registry";
const limitKb = 150 * 1024;

const large: LayerSize = { files: 2, bytesEach: 48 << 20, compress: "none", content: "random" };
/** Each larger than the limit, or all at once. */
const images: Readonly<Record<string, readonly LayerSize[]>> = {
  "one large layer": [{ ...large, files: 4 }],
  "layers that become large": [
    { ...large, compress: "gzip", content: "zeros" },
    { ...large, compress: "zstd", content: "zeros" },
    { ...large, files: 4000, bytesEach: 100, compress: "gzip", content: "text" },
  ],
};

describe.skipIf(gone !== undefined)(`memory of a pull${gone ? ` (needs ${gone})` : ""}`, () => {
  for (const [what, layers] of Object.entries(images)) {
    test(`${what}: at most 150 MB above a pull that has nothing to fetch`, async () => {
      await using directory = temporaryDirectory();
      await using registry = await startRegistry();
      const name = `${registry.domain}/large:1`;
      await pushImage(name, layers);
      const order = { root: join(directory.path, "store"), name, certDir: directory.path };
      const command = [process.execPath, pullProgram, JSON.stringify(order)];
      const pulling = await consumptionOf(command);
      expect(pulling).toMatchObject({ status: 0, stderr: "" });
      const idle = await consumptionOf(command);
      expect(idle.peakKb).toBeGreaterThan(10_000);
      expect(pulling.peakKb - idle.peakKb).toBeLessThan(limitKb);
    }, 120_000);
  }
});
