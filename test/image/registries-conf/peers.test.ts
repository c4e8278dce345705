/**
 * registries.conf(5) as skopeo and podman understand it and as we do: the same files, the same names, two registries
 * with other images under the same names. What a pull gets must be the same, and what is refused too.
 */
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseReference } from "../../../src/image/reference/reference.ts";
import { openRegistry } from "../../../src/image/registry/client.ts";
import { ImageStore } from "../../../src/image/store.ts";
import { missing } from "../../support/needs.ts";
import { hasRegistry, startRegistry, type TestRegistry } from "../../support/registry.ts";
import { tarOf } from "../content/images.ts";
import { hasty, TemporaryDirectory } from "../registry/fixture.ts";

const gone = hasRegistry ? missing("root", "program:skopeo", "program:podman") : "docker-registry";

/** A and B stand for the two registries, D for the digest that only B's app has. */
const cases: Readonly<
  Record<string, { conf: string; names: readonly string[]; gets: readonly string[]; dropIn?: string }>
> = {
  "nothing said of them": {
    conf: "[[registry]]\nlocation = 'B'\ninsecure = true",
    gets: ["B/app"],
    names: ["B/app:1"],
  },
  "a place that its prefix stands for": {
    conf: "[[registry]]\nprefix = 'example.com/foo'\nlocation = 'A'\ninsecure = true",
    gets: ["A/app", "A/app", "refused"],
    names: ["example.com/foo/app:1", "example.com/foo/app", "example.com/foobar/app:1"],
  },
  "the longest prefix": {
    conf: `[[registry]]\nprefix = 'example.com'\nlocation = 'A'\ninsecure = true
[[registry]]\nprefix = 'example.com/b'\nlocation = 'B'\ninsecure = true
[[registry]]\nprefix = 'example.com/b/app'\nlocation = 'A/app'\ninsecure = true`,
    gets: ["A/app", "B/only", "A/app"],
    names: ["example.com/app:1", "example.com/b/only:1", "example.com/b/app:1"],
  },
  "a wildcard of domains": {
    conf: "[[registry]]\nprefix = '*.example.com'\nlocation = 'A'\ninsecure = true",
    gets: ["A/app", "A/app", "refused"],
    names: ["x.example.com/app:1", "y.x.example.com/app:1", "example.com/app:1"],
  },
  "a wildcard without a place": {
    conf: "[[registry]]\nprefix = '*.0.1'\ninsecure = true",
    gets: ["A/app"],
    names: ["A/app:1"],
  },
  "a whole host over a wildcard, whichever comes first": {
    conf: `[[registry]]\nprefix = '*.example.com'\nlocation = 'A'\ninsecure = true
[[registry]]\nprefix = 'this.example.com'\nlocation = 'B'\ninsecure = true
[[registry]]\nprefix = 'that.example.com'\nlocation = 'B/deeper'\nblocked = true`,
    gets: ["B/app", "A/app", "refused"],
    names: ["this.example.com/app:1", "other.example.com/app:1", "that.example.com/app:1"],
  },
  "docker.io": {
    conf: "[[registry]]\nprefix = 'docker.io/library'\nlocation = 'B'\ninsecure = true",
    gets: ["B/app", "B/app"],
    names: ["docker.io/library/app:1", "docker.io/app:1"],
  },
  "a mirror first": {
    conf: `[[registry]]\nlocation = 'A'\ninsecure = true\n[[registry.mirror]]\nlocation = 'B'\ninsecure = true`,
    gets: ["B/app", "refused"],
    names: ["A/app:1", "A/none:1"],
  },
  "the registry itself where the mirror has it not": {
    conf: `[[registry]]\nlocation = 'A'\ninsecure = true\n[[registry.mirror]]\nlocation = 'B/deeper'\ninsecure = true`,
    gets: ["A/app"],
    names: ["A/app:1"],
  },
  "a mirror of some names of a registry": {
    conf: `[[registry]]\nprefix = 'A/app'\nlocation = 'A/app'\ninsecure = true
[[registry.mirror]]\nlocation = 'B/only'\ninsecure = true`,
    gets: ["B/only"],
    names: ["A/app:1"],
  },
  "mirrors for digests only": {
    conf: `[[registry]]\nlocation = 'A'\ninsecure = true\nmirror-by-digest-only = true
[[registry.mirror]]\nlocation = 'B'\ninsecure = true`,
    gets: ["A/app", "B/app"],
    names: ["A/app:1", "A/app@D"],
  },
  "pull-from-mirror digest-only": {
    conf: `[[registry]]\nlocation = 'A'\ninsecure = true
[[registry.mirror]]\nlocation = 'B'\ninsecure = true\npull-from-mirror = 'digest-only'`,
    gets: ["A/app", "B/app"],
    names: ["A/app:1", "A/app@D"],
  },
  "pull-from-mirror tag-only": {
    conf: `[[registry]]\nlocation = 'A'\ninsecure = true
[[registry.mirror]]\nlocation = 'B'\ninsecure = true\npull-from-mirror = 'tag-only'`,
    gets: ["B/app", "refused"],
    names: ["A/app:1", "A/app@D"],
  },
  "what is blocked": {
    conf: `[[registry]]\nlocation = 'A'\ninsecure = true
[[registry]]\nlocation = 'A/app'\nblocked = true`,
    gets: ["refused", "A/only"],
    names: ["A/app:1", "A/only:1"],
  },
  "a place that is blocked itself": {
    conf: `[[registry]]\nprefix = 'example.com'\nlocation = 'A'\ninsecure = true
[[registry]]\nlocation = 'A'\nblocked = true`,
    gets: ["refused"],
    names: ["example.com/app:1"],
  },
  "a mirror that is blocked": {
    conf: `[[registry]]\nlocation = 'A'\ninsecure = true\n[[registry.mirror]]\nlocation = 'B'\ninsecure = true
[[registry]]\nlocation = 'B'\nblocked = true`,
    gets: ["A/app"],
    names: ["A/app:1"],
  },
  "a drop-in over the file": {
    conf: "[[registry]]\nprefix = 'example.com'\nlocation = 'A'\ninsecure = true",
    dropIn: "[[registry]]\nprefix = 'example.com'\nlocation = 'B'\ninsecure = true",
    gets: ["B/app"],
    names: ["example.com/app:1"],
  },
  "version 1": {
    conf: "[registries.insecure]\nregistries = ['A']\n[registries.block]\nregistries = ['B']",
    gets: ["A/app", "refused"],
    names: ["A/app:1", "B/app:1"],
  },
  "versions 1 and 2 in one": {
    conf: "[registries.insecure]\nregistries = ['A']\n[[registry]]\nlocation = 'A'\ninsecure = true",
    gets: ["refused"],
    names: ["A/app:1"],
  },
  "a place that is a URL": {
    conf: "[[registry]]\nlocation = 'http://A'\ninsecure = true",
    gets: ["refused"],
    names: ["A/app:1"],
  },
  "neither prefix nor place": {
    conf: "[[registry]]\ninsecure = true",
    gets: ["refused"],
    names: ["A/app:1"],
  },
  "a prefix without a place": {
    conf: "[[registry]]\nprefix = 'A'\ninsecure = true",
    gets: ["refused"],
    names: ["A/app:1"],
  },
  "two rules for one mirror": {
    conf: `[[registry]]\nlocation = 'A'\ninsecure = true\nmirror-by-digest-only = true
[[registry.mirror]]\nlocation = 'B'\ninsecure = true\npull-from-mirror = 'all'`,
    gets: ["refused"],
    names: ["A/app:1"],
  },
  "no TOML": { conf: "[[registry\n", gets: ["refused"], names: ["A/app:1"] },
};

const shortNames: Readonly<Record<string, { conf: string; name: string; gets: string; dropIn?: string }>> = {
  "an alias": { conf: "[aliases]\nthing = 'A/app'", name: "thing:1", gets: "A/app" },
  "an alias of a name with a slash": { conf: "[aliases]\n'a/b' = 'B/app'", name: "a/b:1", gets: "B/app" },
  "an alias before the registries to search": {
    conf: "unqualified-search-registries = ['A']\n[aliases]\napp = 'B/app'",
    name: "app:1",
    gets: "B/app",
  },
  "an alias that a drop-in takes back": {
    conf: "unqualified-search-registries = ['A']\n[aliases]\napp = 'B/app'",
    dropIn: "[aliases]\napp = ''",
    name: "app:1",
    gets: "A/app",
  },
  "one registry to search": { conf: "unqualified-search-registries = ['B']", name: "only:1", gets: "B/only" },
  "a drop-in's registries instead": {
    conf: "unqualified-search-registries = ['A']",
    dropIn: "unqualified-search-registries = ['B']",
    name: "only:1",
    gets: "B/only",
  },
  "the first of several that has it": {
    conf: "unqualified-search-registries = ['A', 'B']\nshort-name-mode = 'permissive'",
    name: "short:1",
    gets: "B/short",
  },
  "nobody asked": {
    conf: "unqualified-search-registries = ['B', 'A']\nshort-name-mode = 'disabled'",
    name: "app:1",
    gets: "B/app",
  },
  "several, nobody to ask, and no word of a mode": {
    conf: "unqualified-search-registries = ['B', 'A']",
    name: "app:1",
    gets: "B/app",
  },
  "several, and nobody to ask": {
    conf: "unqualified-search-registries = ['A', 'B']\nshort-name-mode = 'enforcing'",
    name: "app:1",
    gets: "refused",
  },
};

/** Both speak plain HTTP. */
const plain =
  "[[registry]]\nlocation = 'A'\ninsecure = true\n[[registry]]\nlocation = 'B'\ninsecure = true\n";
for (const one of Object.values(shortNames)) {
  const at = one.conf.indexOf("[aliases]");
  const [top, aliases] = at < 0 ? [one.conf, ""] : [one.conf.slice(0, at), one.conf.slice(at)];
  Object.assign(one, { conf: `${top}\n${plain}${aliases}` });
}

describe.skipIf(gone !== undefined)(
  `registries.conf beside skopeo and podman${gone ? ` (needs ${gone})` : ""}`,
  () => {
    const directory = new TemporaryDirectory();
    let registries: readonly TestRegistry[] = [];
    let digests: Readonly<Record<string, string>> = {};
    let ids: Readonly<Record<string, string>> = {};
    let home = "";
    let homes = 0;

    const filled = (text: string) =>
      text
        .replaceAll(/\bA\b/g, registries[0]!.domain)
        .replaceAll(/\bB\b/g, registries[1]!.domain)
        .replaceAll(/\bD$/g, digests["B/app"]!);

    beforeAll(async () => {
      registries = [await startRegistry(), await startRegistry()];
      const store = await ImageStore.open(join(directory.path, "store"));
      for (const name of ["A/app", "A/only", "A/deeper/x", "B/app", "B/only", "B/short"]) {
        const full = `${name.replace("A", registries[0]!.domain).replace("B", registries[1]!.domain)}`;
        const bytes = (async function* () {
          yield tarOf(name);
        })();
        ids = { ...ids, [name]: await store.import({ name, bytes }, `${full}:1`, {}) };
        await store.tag(`${full}:1`, `${full}:latest`);
        digests = { ...digests, [name]: (await store.push(`${full}:1`)).target.digest };
        await store.push(`${full}:latest`);
      }
    }, 120_000);

    afterAll(async () => {
      for (const one of registries) await one[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    });

    const configure = (conf: string, dropIn?: string) => {
      home = join(directory.path, `home-${++homes}`);
      mkdirSync(join(home, ".config/containers/registries.conf.d"), { recursive: true });
      writeFileSync(join(home, ".config/containers/registries.conf"), filled(conf));
      if (dropIn) writeFileSync(join(home, ".config/containers/registries.conf.d/1.conf"), filled(dropIn));
    };

    /** Which of the images it is; "refused" where it is none. */
    const imageOf = (digest: string) =>
      Object.entries(digests).find(([, one]) => one === digest.trim())?.[0] ?? "refused";

    const run = async (program: string, ...args: string[]) =>
      await promisify(execFile)(program, args, {
        env: { PATH: process.env.PATH, HOME: home, TMPDIR: directory.path },
        timeout: 120_000,
      }).then(
        ({ stdout }) => stdout,
        () => "",
      );

    const skopeo = async (name: string) =>
      imageOf(await run("skopeo", "inspect", "--no-tags", "--format", "{{.Digest}}", `docker://${name}`));

    const environment = () => ({ HOME: home });
    const how = () => ({
      environment: environment(),
      hostDirectories: [],
      patience: { ...hasty, attempts: 1 },
    });

    const runt = async (name: string) => {
      try {
        const reference = parseReference(name);
        await using client = await openRegistry(reference, how());
        return imageOf((await client.resolve(reference)).digest);
      } catch {
        return "refused";
      }
    };

    test.each(Object.entries(cases))("%s", async (_what, { conf, names, gets, dropIn }) => {
      configure(conf, dropIn);
      const found: Record<string, string> = {};
      const expected: Record<string, string> = {};
      for (const name of names.map(filled)) {
        [expected[name], found[name]] = await Promise.all([skopeo(name), runt(name)]);
      }
      expect(found).toEqual(expected);
      expect(Object.values(found)).toEqual(gets);
    });

    test.each(Object.entries(shortNames))("a short name: %s", async (_what, short) => {
      const { conf, name, gets, dropIn } = short;
      configure(conf, dropIn);
      const podman = (...args: string[]) =>
        run(
          "podman",
          ...["--root", join(home, "storage"), "--runroot", join(home, "run"), "--storage-driver", "vfs"],
          ...["--cgroup-manager", "cgroupfs", ...args],
        );
      const id = (await podman("pull", "--quiet", name)).trim();
      const store = await ImageStore.open(join(home, "runt"));
      const pulled = await store.pull(name, { registry: how() }).catch(() => undefined);
      const byID = (one: string | undefined) =>
        Object.entries(ids).find(([, known]) => one && known.endsWith(one))?.[0] ?? "refused";
      expect(byID(pulled?.image.id)).toBe(byID(id));
      expect(byID(id)).toBe(gets);
      expect(pulled?.name).toBe(gets === "refused" ? undefined : `${filled(gets)}:1`);
    });
  },
);
