import { describe, expect, test } from "vitest";
import { digestOf } from "../../../src/spec/image/digest.ts";
import {
  parseImageConfig,
  parseImageDocument,
  parseIndex,
  parseManifest,
} from "../../../src/spec/image/document.ts";
import {
  CONFIG,
  compressionOf,
  DOCKER_INDEX,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  essenceOf,
  INDEX,
  isNondistributable,
  LAYER_GZIP,
  LAYER_NONDISTRIBUTABLE_ZSTD,
  LAYER_ZSTD,
  MANIFEST,
} from "../../../src/spec/image/media-types.ts";

const origin = { where: "busybox:latest", operation: "pull" };
const digest = digestOf("x");
const descriptor = { mediaType: LAYER_GZIP, digest, size: 3 };
const config = { mediaType: CONFIG, digest, size: 2 };
const manifest = { schemaVersion: 2, mediaType: MANIFEST, config, layers: [descriptor] };
const index = {
  schemaVersion: 2,
  mediaType: INDEX,
  manifests: [
    { mediaType: MANIFEST, digest, size: 9, platform: { os: "linux", architecture: "arm", variant: "v7" } },
  ],
};

function bytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
}

function refusal(value: unknown, mediaType = ""): { kind: string; message: string } {
  try {
    parseImageDocument(bytes(value), mediaType, origin);
  } catch (error) {
    return error as { kind: string; message: string };
  }
  throw new Error("was taken");
}

describe("manifests and indexes — image-spec manifest.md, image-index.md", () => {
  test("are told apart by their media type, or by what is in them", () => {
    expect(parseImageDocument(bytes(manifest), MANIFEST, origin).kind).toBe("manifest");
    expect(parseImageDocument(bytes(index), INDEX, origin).kind).toBe("index");
    const { mediaType: _, ...untypedManifest } = manifest;
    const { mediaType: __, ...untypedIndex } = index;
    for (const served of ["", "application/json", "text/plain"]) {
      expect(parseImageDocument(bytes(untypedManifest), served, origin).kind).toBe("manifest");
      expect(parseImageDocument(bytes(untypedIndex), served, origin).kind).toBe("index");
    }
    expect(
      parseManifest(bytes({ ...manifest, mediaType: DOCKER_MANIFEST }), DOCKER_MANIFEST, origin).layers,
    ).toHaveLength(1);
    expect(
      parseIndex(bytes({ ...index, mediaType: DOCKER_INDEX }), DOCKER_INDEX, origin).manifests[0]?.platform,
    ).toEqual({
      os: "linux",
      architecture: "arm",
      variant: "v7",
    });
  });

  test("an entry of an unknown media type is legal", () => {
    const entry = {
      mediaType: "application/vnd.future+json",
      digest,
      size: 1,
      platform: null,
      annotations: null,
    };
    expect(parseIndex(bytes({ ...index, manifests: [entry] }), INDEX, origin).manifests).toHaveLength(1);
  });

  test("what could be read as both is refused: CVE-2021-41190", () => {
    expect(refusal({ ...manifest, manifests: index.manifests }).message).toBe(
      "busybox:latest: is both an index and a manifest",
    );
    expect(refusal({ ...index, layers: [] }).message).toContain("both");
    expect(refusal(manifest, INDEX).message).toContain("must be that of an index");
    expect(refusal(index, DOCKER_MANIFEST).message).toContain("must be that of a manifest");
    const { mediaType: _, ...untyped } = manifest;
    expect(refusal(untyped, INDEX).message).toContain("is said to be an index and looks like a manifest");
    expect(() => parseManifest(bytes(index), "", origin)).toThrow("must be a manifest, not an index");
    expect(() => parseIndex(bytes(manifest), "", origin)).toThrow("must be an index, not a manifest");
  });

  test("docker's schema 1 is recognised and refused", () => {
    for (const schema1 of [
      refusal({ schemaVersion: 1, fsLayers: [] }),
      refusal({ schemaVersion: 1, fsLayers: [] }, DOCKER_SCHEMA1_SIGNED),
      refusal({ schemaVersion: 2, mediaType: DOCKER_SCHEMA1 }),
    ]) {
      expect(schema1.kind).toBe("Unimplemented");
      expect(schema1.message).toContain("schema 1");
    }
  });

  const malformed: readonly (readonly [value: unknown, message: string])[] = [
    ["", "busybox:latest:1:1: not JSON: expected a value, the text ends"],
    ["[]", "busybox:latest: must be an object, not an array"],
    [{ ...manifest, config: undefined }, "busybox:latest: config: is required"],
    [
      { ...manifest, config: { ...config, size: -1 } },
      "busybox:latest: config.size: must be an integer from 0",
    ],
    [
      { ...manifest, layers: [{ ...descriptor, digest: "sha256:../x" }] },
      "busybox:latest: layers[0].digest: must be a digest",
    ],
    [{ ...manifest, layers: [{ ...descriptor, mediaType: "" }] }, "layers[0].mediaType: must not be empty"],
    [{ ...manifest, schemaVersion: 3 }, "schemaVersion: must be an integer from 2 to 2, not 3"],
  ];
  test.each(malformed)("%j is refused with its place", (value, message) => {
    expect(refusal(value)).toMatchObject({
      kind: "InvalidArgument",
      message: expect.stringContaining(message),
    });
  });

  test("bytes that are not UTF-8 are refused", () => {
    expect(() => parseImageDocument(Uint8Array.of(0x22, 0xff, 0x22), "", origin)).toThrow(
      "busybox:latest: not UTF-8 text",
    );
  });
});

describe("image config — image-spec config.md", () => {
  test("docker's config is read, with null for what is not there", () => {
    const read = parseImageConfig(
      bytes({
        architecture: "amd64",
        os: "linux",
        config: {
          Hostname: "",
          Cmd: ["sh"],
          Entrypoint: null,
          Env: ["A=b"],
          ExposedPorts: { "80/tcp": {}, "53/udp": null },
          Volumes: null,
          Healthcheck: { Test: ["CMD-SHELL", "true"], Interval: 30_000_000_000 },
        },
        container_config: { Cmd: 5 },
        rootfs: { type: "layers", diff_ids: [digest] },
        history: [{ created: "2020-01-01T00:00:00Z", created_by: "x", empty_layer: true }],
      }),
      origin,
    );
    expect(read.rootfs.diff_ids).toEqual([digest]);
    expect(read.config).toMatchObject({
      Cmd: ["sh"],
      Env: ["A=b"],
      Healthcheck: { Interval: 30_000_000_000 },
    });
    expect(Object.keys(read.config.ExposedPorts ?? {})).toEqual(["80/tcp", "53/udp"]);
    expect(read.config.Entrypoint).toBeUndefined();
    expect(read.history[0]?.empty_layer).toBe(true);
  });

  test("the least there can be: no layers, nothing to run", () => {
    expect(parseImageConfig(bytes({ rootfs: { type: "layers", diff_ids: null } }), origin)).toEqual({
      architecture: "",
      os: "",
      config: { Env: [] },
      rootfs: { type: "layers", diff_ids: [] },
      history: [],
    });
  });

  test("what has no layers of the known kind is no image", () => {
    expect(() => parseImageConfig(bytes({}), origin)).toThrow("busybox:latest: rootfs: is required");
    expect(() => parseImageConfig(bytes({ rootfs: { type: "zip" } }), origin)).toThrow(
      'rootfs.type: must be "layers"',
    );
  });
});

describe("media types — image-spec media-types.md", () => {
  test("say how a layer is packed", () => {
    expect([LAYER_GZIP, LAYER_ZSTD, DOCKER_LAYER_GZIP, CONFIG, "constructor"].map(compressionOf)).toEqual([
      ...["gzip", "zstd", "gzip"],
      ...[undefined, undefined],
    ]);
    expect(isNondistributable(LAYER_NONDISTRIBUTABLE_ZSTD)).toBe(true);
    expect(isNondistributable(LAYER_ZSTD)).toBe(false);
  });

  test("are read from a Content-Type header", () => {
    expect(essenceOf("Application/Vnd.OCI.image.index.v1+JSON; charset=utf-8")).toBe(INDEX);
  });
});
