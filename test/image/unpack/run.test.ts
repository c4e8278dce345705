/** What looks at a kernel: an image of this very machine's making, unpacked and run, without any registry. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { run } from "../../../src/index.ts";
import { specTemplate } from "../../../src/runtime/spec-template.ts";
import { digestOf } from "../../../src/spec/image/digest.ts";
import { archive, type RawEntry } from "../../support/archive.ts";
import { asRoot } from "../../support/needs.ts";
import { anImageStore } from "../pull/fixture.ts";
import { temporaryDirectory } from "../snapshot/layers.ts";

const applets = ["sh", "cat", "ls", "rm", "echo", "mkdir", "id", "grep", "wc", "stat"];

/** The layer that all have: Busybox, and what the layers above it change. */
function baseLayer(): Buffer {
  const entries: RawEntry[] = [
    ...["bin", "etc", "proc", "dev", "sys", "gone", "opaque"].map((name) => ({
      name: `${name}/`,
      type: "5",
    })),
    { name: "bin/busybox", mode: 0o755, data: readFileSync("/bin/busybox") },
    ...applets.map((applet) => ({ name: `bin/${applet}`, type: "2", linkname: "busybox" })),
    { name: "etc/passwd", data: "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n" },
    { name: "gone/file", data: "below" },
    { name: "opaque/file", data: "below" },
  ];
  return archive(...entries);
}

/** What `docker save` writes of an image with these layers, below `directory`. */
function dockerArchive(directory: string, tag: string, layers: readonly Buffer[]): string {
  const config = JSON.stringify({
    os: "linux",
    architecture: { x64: "amd64" }[process.arch as "x64"] ?? process.arch,
    config: { Cmd: ["/bin/sh"], Env: ["PATH=/bin"] },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => digestOf(layer)) },
    history: [],
  });
  const Layers = layers.map((_, i) => `${i}/layer.tar`);
  const path = join(directory, `${tag.replace(":", "-")}.tar`);
  const entries = [
    { name: "config.json", data: config },
    ...layers.map((data, i) => ({ name: Layers[i]!, data })),
    { name: "manifest.json", data: JSON.stringify([{ Config: "config.json", RepoTags: [tag], Layers }]) },
  ];
  writeFileSync(path, archive(...entries));
  return path;
}

describe("an image on this kernel", () => {
  let store: Awaited<ReturnType<typeof anImageStore>>;
  const directory = temporaryDirectory();
  let bundles = 0;

  beforeAll(async () => {
    store = await anImageStore();
  });
  afterAll(async () => {
    await store[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  async function runImage(image: string, script: string, rootfs: "overlay" | "copy" = "overlay") {
    const bundle = join(directory.path, `bundle${bundles++}`);
    const command = ["/bin/sh", "-c", script];
    await store.images.unpack(image, bundle, { rootfs, base: specTemplate(), command });
    return await run({ bundle, root: join(directory.path, "state") });
  }

  asRoot(
    "whiteouts, opaque directories and capabilities mean in the container what the layer says",
    async () => {
      const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
      const upper = archive(
        { name: ".wh.gone" },
        { name: "opaque/", type: "5", uid: 7 },
        { name: "opaque/.wh..wh..opq" },
        { name: "opaque/own", uid: 1000, mode: 0o4755, data: "x" },
        { name: "ping", mode: 0o755, data: "x", pax: [["SCHILY.xattr.security.capability", capability]] },
      );
      await store.images.load(dockerArchive(directory.path, "kernel:two", [baseLayer(), upper]), {});
      const script = "ls / /opaque; stat -c '%a %u' /opaque/own /opaque; grep ' / ' /proc/mounts";
      for (const rootfs of ["overlay", "copy"] as const) {
        const { stdout, stderr, status } = await runImage("kernel:two", script, rootfs);
        expect({ stderr, status }).toEqual({ stderr: "", status: { exited: 0 } });
        expect(stdout).not.toContain("gone");
        expect(stdout).toContain("/opaque:\nown\n4755 1000\n755 7\n");
        expect(stdout.includes(" / overlay ")).toBe(rootfs === "overlay");
      }
    },
  );

  asRoot("sixty layers: whichever way this kernel takes them", async () => {
    const layers = Array.from({ length: 60 }, (_, i) =>
      archive({ name: `layer${i}`, data: "" }, { name: "last", data: `${i}\n` }),
    );
    await store.images.load(dockerArchive(directory.path, "kernel:sixty", [baseLayer(), ...layers]), {});
    const { stdout, stderr } = await runImage(
      "kernel:sixty",
      "cat /last; ls -d /layer* | wc -l; echo x > /last",
    );
    expect(stderr).toBe("");
    expect(stdout).toBe("59\n60\n");
  });
});
