import { describe, expect, test } from "vitest";
import { parsePlatform } from "../../../src/image/platform/platform.ts";
import { checkConfigPlatform, selectImage } from "../../../src/image/platform/select.ts";
import type { Descriptor } from "../../../src/spec/image/descriptor.ts";
import { digestOf } from "../../../src/spec/image/digest.ts";
import { parseImageConfig } from "../../../src/spec/image/document.ts";
import { CONFIG, DOCKER_INDEX, EMPTY, INDEX, MANIFEST } from "../../../src/spec/image/media-types.ts";

/** Documents by digest. */
class Store {
  readonly documents = new Map<string, Uint8Array>();
  readonly read: string[] = [];

  put(value: unknown, mediaType: string, platform?: string): Descriptor {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    const digest = digestOf(bytes);
    this.documents.set(digest, bytes);
    return {
      mediaType,
      digest,
      size: bytes.length,
      ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
    };
  }

  config(os: string, architecture: string): Descriptor {
    return this.put({ os, architecture, rootfs: { type: "layers" } }, CONFIG);
  }

  image(platform: string, listed = true): Descriptor {
    const [os = "", architecture = ""] = platform.split("/");
    const value = {
      schemaVersion: 2,
      config: this.config(os, architecture),
      layers: [],
      annotations: { platform },
    };
    return this.put(value, MANIFEST, listed ? platform : undefined);
  }

  index(manifests: readonly Descriptor[], mediaType = INDEX): Descriptor {
    return this.put({ schemaVersion: 2, mediaType, manifests }, mediaType);
  }

  async select(root: Descriptor, platform: string): Promise<string | undefined> {
    const fetch = async (descriptor: Descriptor): Promise<Uint8Array> => {
      this.read.push(descriptor.digest);
      return this.documents.get(descriptor.digest)!;
    };
    const found = await selectImage(root, {
      platform: parsePlatform(platform),
      fetch,
      fetchConfig: async (descriptor) =>
        parseImageConfig(this.documents.get(descriptor.digest)!, { where: "config", operation: "pull" }),
      subject: "app:1",
    });
    expect(found.documents.at(-1)?.descriptor).toEqual(found.descriptor);
    expect(found.documents[0]?.descriptor).toEqual(root);
    return found.manifest.annotations?.platform;
  }
}

describe("selecting an image — image-spec image-index.md", () => {
  test("a manifest is what it is", async () => {
    const store = new Store();
    expect(await store.select(store.image("linux/arm64"), "amd64")).toBe("linux/arm64");
  });

  test("of an index, the best variant, wherever it is listed", async () => {
    const store = new Store();
    const platforms = ["linux/arm/v5", "linux/amd64", "linux/arm/v6", "windows/amd64", "linux/amd64/v3"];
    const root = store.index(
      platforms.map((platform) => store.image(platform)),
      DOCKER_INDEX,
    );
    expect(await store.select(root, "arm/v7")).toBe("linux/arm/v6");
    expect(await store.select(root, "amd64/v4")).toBe("linux/amd64/v3");
    expect(await store.select(root, "amd64")).toBe("linux/amd64");
    await expect(store.select(root, "riscv64")).rejects.toMatchObject({
      kind: "NotFound",
      message:
        "app:1: no image for linux/riscv64; there are linux/arm/v5, linux/amd64, linux/arm/v6, windows/amd64, linux/amd64/v3",
    });
  });

  test("attestations, artifacts and unknown media types are passed over", async () => {
    const store = new Store();
    const attestation = {
      ...store.image("linux/amd64"),
      platform: { os: "unknown", architecture: "unknown" },
    };
    const artifact = store.put(
      { schemaVersion: 2, artifactType: "application/x", config: store.put({}, EMPTY), layers: [] },
      MANIFEST,
      "linux/amd64",
    );
    const future = { ...store.image("linux/amd64"), mediaType: "application/vnd.future" };
    const root = store.index([attestation, artifact, future, store.image("linux/amd64/v1")]);
    expect(await store.select(root, "amd64")).toBe("linux/amd64/v1");
    await expect(store.select(store.index([attestation]), "amd64")).rejects.toThrow(
      "app:1: no image for linux/amd64",
    );
    await expect(store.select(artifact, "amd64")).rejects.toThrow("app:1: it is no image but application/x");
  });

  test("an index within an index", async () => {
    const store = new Store();
    const arm = { ...store.index([store.image("linux/arm/v6")]), platform: parsePlatform("arm/v6") };
    const untold = store.index([store.image("linux/s390x")]);
    const root = store.index([arm, untold]);
    expect(await store.select(root, "arm/v7")).toBe("linux/arm/v6");
    expect(await store.select(root, "s390x")).toBe("linux/s390x");
  });

  test("entries that do not say for what they are: their config does", async () => {
    const store = new Store();
    const root = store.index([store.image("linux/arm64", false), store.image("linux/amd64", false)]);
    expect(await store.select(root, "amd64")).toBe("linux/amd64");
    await expect(store.select(root, "s390x")).rejects.toThrow("there are linux/arm64, linux/amd64");
  });

  test("indexes without an end are left", async () => {
    const store = new Store();
    let root = store.image("linux/amd64");
    for (let i = 0; i < 10; i++) root = store.index([root]);
    await expect(store.select(root, "amd64")).rejects.toThrow("nested too deep");
    const many = store.index(
      Array.from({ length: 100 }, (_, i) => store.index([store.image(`linux/x${i}`)])),
    );
    await expect(store.select(many, "amd64")).rejects.toThrow("too many");
    expect(store.read.length).toBeLessThan(50);
  });

  test("the config has the last word on the architecture", () => {
    const config = (os: string, architecture: string, variant?: string) =>
      parseImageConfig(
        new TextEncoder().encode(JSON.stringify({ os, architecture, variant, rootfs: { type: "layers" } })),
        { where: "config", operation: "pull" },
      );
    checkConfigPlatform(config("linux", "amd64"), parsePlatform("amd64/v3"), "app:1");
    checkConfigPlatform(config("linux", "arm", "v7"), parsePlatform("arm/v6"), "app:1");
    checkConfigPlatform(config("", ""), parsePlatform("amd64"), "app:1");
    expect(() => checkConfigPlatform(config("linux", "arm64"), parsePlatform("amd64"), "app:1")).toThrow(
      "app:1: it is for linux/arm64, not for linux/amd64",
    );
  });
});
