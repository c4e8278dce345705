import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { needs } from "../../support/needs.ts";
import { temporaryDirectory } from "../snapshot/layers.ts";
import { appConfig, fileLayer, firstLayer, makeImage, secureRegistry, skopeoPush } from "./fixture.ts";
import { pullProgram } from "./processes.ts";

/** Compresses well: the blob fits, its files do not. */
const zeros = (rootfs: string) => {
  spawnSync("dd", ["if=/dev/zero", `of=${join(rootfs, "zeros")}`, "bs=1M", "count=16"]);
};

const cases = {
  "while a blob is written": [firstLayer, fileLayer("a", 12 << 20)],
  "while a layer is unpacked": [firstLayer, zeros],
};

describe("a full disk", () => {
  for (const [when, layers] of Object.entries(cases)) {
    needs(
      "root",
      "program:skopeo",
      "program:umoci",
      "program:docker-registry",
    )(
      `${when}: an error that says so, nothing half there, and a pull that succeeds when there is room`,
      async () => {
        await using directory = temporaryDirectory();
        await using remote = await secureRegistry();
        const layout = join(directory.path, "layout");
        makeImage(layout, "app", layers, appConfig);
        await skopeoPush(remote, layout, "app", "team/app:1");
        const root = join(directory.path, "small");
        mkdirSync(root);
        const order = { root, name: `${remote.registry.domain}/team/app:1`, certDir: remote.certDir };
        // In a mount namespace of its own, so that nothing stays mounted whatever happens.
        const script = `
          mount -t tmpfs -o size=10m tmpfs "$root"
          "$node" "$pull" "$order"
          cd "$root"; find content/leases content/trash snapshots/active snapshots/aside -mindepth 1
          find content/blobs -type f | wc -l
          mount -o remount,size=64m tmpfs "$root"
          "$node" "$pull" "$order"
          find content/ingest content/leases content/trash snapshots/active snapshots/aside -mindepth 1
          ls snapshots/layers/sha256 | wc -l`;
        const { stdout, stderr } = spawnSync(
          "unshare",
          ["-m", "--propagation", "private", "sh", "-ec", script],
          {
            env: {
              PATH: process.env.PATH,
              root,
              node: process.execPath,
              pull: pullProgram,
              order: JSON.stringify(order),
            },
            encoding: "utf8",
            timeout: 60_000,
          },
        );
        expect(stderr).toBe("");
        const lines = stdout.trim().split("\n");
        expect(lines.filter((line) => line === "begins")).toHaveLength(2);
        const [full, blobs, fine, found] = lines.filter((line) => line !== "begins");
        expect(JSON.parse(full!)).toMatchObject({
          code: "ENOSPC",
          message: expect.stringMatching(/no space left/i),
        });
        expect(Number(blobs)).toBeGreaterThan(0);
        expect(JSON.parse(fine!)).toHaveProperty("digest");
        expect(found).toBe("2");
      },
      120_000,
    );
  }
});
