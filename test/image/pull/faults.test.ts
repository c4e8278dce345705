import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { RegistryOptions } from "../../../src/image/registry/options.ts";
import { type Fault, FaultProxy, type RequestKind } from "../../support/fault-proxy.ts";
import { missing } from "../../support/needs.ts";
import { hasRegistry } from "../../support/registry.ts";
import { temporaryDirectory } from "../snapshot/layers.ts";
import {
  anImageStore,
  appConfig,
  certDirFor,
  fileLayer,
  firstLayer,
  leftovers,
  littlePatience,
  makeImage,
  optionsFor,
  type SecureRegistry,
  secondLayer,
  secureRegistry,
  skopeoPush,
} from "./fixture.ts";

const gone = hasRegistry ? missing("root", "program:skopeo", "program:umoci") : "docker-registry";

const asked: readonly RequestKind[] = ["manifest-head", "manifest-get", "config-get", "layer-get"];
const faults: Readonly<Record<string, Fault>> = {
  "drops the connection": "drop",
  "drops it midway": "drop-midway",
  stalls: "stall",
  "stalls midway": "stall-midway",
  "sends other content": "wrong-digest",
  "sends a byte too many": "wrong-length",
  "sends a byte too few": "truncated",
  "answers 401": { status: 401 },
  "answers 403": { status: 403 },
  "answers 404": { status: 404 },
  "answers 429": { status: 429, headers: { "retry-after": "0" } },
  "answers 500": { status: 500 },
};

describe.skipIf(gone !== undefined)(`a pull whose registry fails${gone ? ` (needs ${gone})` : ""}`, () => {
  let remote: SecureRegistry;
  let proxy: FaultProxy;
  let name: string;
  let registry: RegistryOptions;
  let hasty: RegistryOptions;
  const directory = temporaryDirectory();

  beforeAll(async () => {
    remote = await secureRegistry();
    const layout = join(directory.path, "layout");
    makeImage(layout, "app", [firstLayer, secondLayer, fileLayer("a", 300_000)], appConfig);
    await skopeoPush(remote, layout, "app", "team/app:1");
    const { keyPair, url } = remote.registry;
    proxy = await FaultProxy.start({
      target: url,
      targetAuthority: remote.authority.cert,
      keyPair: keyPair!,
    });
    name = `${proxy.domain}/team/app:1`;
    const certs = certDirFor(join(directory.path, "certs.d"), proxy.domain, remote.authority);
    registry = optionsFor(proxy.domain, certs);
    hasty = optionsFor(proxy.domain, certs, littlePatience);
    await using store = await anImageStore();
    const { image } = await store.images.pull(name, { registry });
    proxy.markConfig(image.id);
  }, 120_000);

  beforeEach(() => proxy.reset());

  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await remote?.[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  for (const kind of asked) {
    for (const [what, fault] of Object.entries(faults)) {
      test(`${kind}: it ${what} for good: an error or an answer, and the store is sound`, async () => {
        await using store = await anImageStore();
        const { images } = store;
        // The first request of all is answered 401, else there is no way past it.
        proxy.fail(kind, fault);
        const result = await images.pull(name, { registry: hasty }).then(
          () => "pulled" as const,
          (error) => error,
        );
        if (result === "pulled") {
          // There is another way to what a HEAD says.
          expect(kind).toBe("manifest-head");
        } else {
          expect(result).toMatchObject({ name: "RuntError" });
          expect([
            "Unavailable",
            "NotFound",
            "PermissionDenied",
            "FailedPrecondition",
            "InvalidArgument",
          ]).toContain(result.kind);
          expect(result.message).not.toContain("\n");
          expect(await images.list()).toEqual([]);
        }
        expect(await leftovers(images, "but ingests")).toEqual([]);
        const report = await images.fsck();
        expect([...report.content.problems, ...report.layers.problems]).toEqual([]);

        proxy.reset();
        await images.pull(name, { registry });
        expect(await leftovers(images)).toEqual([]);
        expect((await images.fsck()).layers).toEqual({ checked: 3, problems: [] });
      });

      test(`${kind}: it ${what} once: the pull succeeds, or the next one does`, async () => {
        await using store = await anImageStore();
        proxy.fail(kind, fault, 1);
        const pull = (options: RegistryOptions) => store.images.pull(name, { registry: options });
        await pull(hasty).catch(() => pull(registry));
        expect(await leftovers(store.images)).toEqual([]);
        expect((await store.images.fsck()).layers).toEqual({ checked: 3, problems: [] });
      });
    }
  }
});
