import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { overlayMount } from "../../../src/image/snapshot/overlay.ts";
import { needs } from "../../support/needs.ts";
import { aStore, commitLayers, temporaryDirectory } from "./layers.ts";

const lowers = (count: number, length = 100) =>
  Array.from({ length: count }, (_, i) => ({ path: `/${"x".repeat(length)}${i}`, link: `/l/${i}` }));
const layers = (options: readonly string[]) => options.filter((option) => option.startsWith("lowerdir"));

describe("the overlay of a stack — Documentation/filesystems/overlayfs.rst", () => {
  test("few layers are one option, top to bottom", () => {
    const { type, options } = overlayMount(
      { lowers: [{ path: "/b" }, { path: "/a" }], userXattr: false },
      "/",
      "6.18.0",
    );
    expect(type).toBe("overlay");
    expect(layers(options)).toEqual(["lowerdir=/b:/a"]);
    expect(options).toContain("ro");
  });

  test("what separates paths is escaped", () => {
    const stack = {
      lowers: [{ path: "/a:b,c\\d" }],
      writable: { upper: "/u,1:2", work: "/w\\" },
      userXattr: false,
    };
    expect(overlayMount(stack, "/", "6.18.0").options.slice(0, 3)).toEqual([
      "lowerdir=/a\\:b\\,c\\\\d",
      "upperdir=/u\\,1:2",
      "workdir=/w\\\\",
    ]);
  });

  test("many layers are an option each where the kernel knows that", () => {
    const { options } = overlayMount({ lowers: lowers(128), userXattr: false }, "/", "6.8.0-31-generic");
    expect(layers(options)).toHaveLength(128);
    expect(layers(options)[127]).toBe("lowerdir+=/l/127");
  });

  test("an older kernel gets short links as far as they fit", () => {
    const { options } = overlayMount({ lowers: lowers(128), userXattr: false }, "/", "5.15.0");
    expect(layers(options)[0]).toMatch(/^lowerdir=\/l\/0:\/l\/1:.*:\/l\/127$/);
    const long = lowers(60).map(({ path }) => ({ path }));
    expect(() => overlayMount({ lowers: long, userXattr: false }, "/", "5.15.0")).toThrow(
      expect.objectContaining({ kind: "FailedPrecondition" }),
    );
    // All options together are what has to fit.
    const page = lowers(40, 95).map(({ path }) => ({ path }));
    const upper = `/${"u".repeat(200)}`;
    const writable = { upper, work: upper };
    expect(layers(overlayMount({ lowers: page, userXattr: false }, "/", "5.15.0").options)).toHaveLength(1);
    expect(() => overlayMount({ lowers: page, writable, userXattr: false }, "/", "5.15.0")).toThrow(
      expect.objectContaining({ kind: "FailedPrecondition" }),
    );
  });

  test("more layers than OverlayFS takes are refused", () => {
    expect(() => overlayMount({ lowers: lowers(501), userXattr: false }, "/", "6.18.0")).toThrow(
      expect.objectContaining({ kind: "FailedPrecondition" }),
    );
  });

  test("an ordinary user's whiteouts are user attributes", () => {
    const { options } = overlayMount({ lowers: lowers(2), userXattr: true }, "/", "6.18.0");
    expect(options).toContain("userxattr");
    expect(options.join()).not.toContain("redirect_dir");
  });

  test("what need not last is not waited for, where something is written at all", () => {
    const stack = { lowers: lowers(2), writable: { upper: "/u", work: "/w" }, userXattr: false };
    const volatile = (mount: { options: readonly string[] }) => mount.options.includes("volatile");
    expect(volatile(overlayMount({ ...stack, volatile: true }, "/", "6.18.0"))).toBe(true);
    expect(volatile(overlayMount(stack, "/", "6.18.0"))).toBe(false);
    const { writable: _, ...readOnly } = stack;
    expect(volatile(overlayMount({ ...readOnly, volatile: true }, "/", "6.18.0"))).toBe(false);
  });

  test("a single layer to be read only needs no overlay", () => {
    const mount = overlayMount({ lowers: [{ path: "/a" }], userXattr: false }, "/", "6.18.0");
    expect(mount).toMatchObject({ type: "bind", source: "/a" });
    expect(mount.options).toContain("ro");
  });
});

/** Runs `script` in a mount namespace of its own, where the mount is at $m. */
function inMount(options: readonly string[], target: string, script: string): string {
  const { stdout, stderr, status } = spawnSync(
    "unshare",
    ["-m", "--propagation", "private", "sh", "-ec", `mount -t overlay overlay -o "$o" "$m"; ${script}`],
    { env: { PATH: process.env.PATH, o: options.join(","), m: target }, encoding: "utf8", timeout: 20_000 },
  );
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

describe("mounting a stack", () => {
  needs("root")(
    "upper layers cover lower ones; the init layer covers the image's files; writes go on top",
    async () => {
      await using directory = temporaryDirectory();
      const store = aStore(directory);
      const chain = await commitLayers(store, [
        { "etc/hosts": "image", low: "1" },
        { low: "2", "d/f": "" },
      ]);
      const writable = store.createWritable(chain[1], { name: "one" }, { "/etc/hosts": "init" });
      const [mount] = store.mounts(chain[1], { writable, access: "rw" });
      const target = join(directory.path, "m");
      mkdirSync(target);
      const seen = inMount(mount!.options, target, 'cd "$m"; cat low etc/hosts; echo x > new; rm -r d');
      expect(seen).toBe("2init");
      expect(await store.usage(writable)).toMatchObject({ inodes: 3 });
      expect(store.chain(chain[1])).toHaveLength(2);
      await store.removeWritable({ name: "one" });
    },
  );

  needs("root", "kernel 6.8")("a stack of 60 layers", async () => {
    await using directory = temporaryDirectory();
    const store = aStore(directory);
    const trees = Array.from({ length: 60 }, (_, i) => ({ [`f${i}`]: "", last: String(i) }));
    const chain = await commitLayers(store, trees);
    const writable = store.createWritable(chain[59], { name: "one" });
    const [mount] = store.mounts(chain[59], { writable, access: "rw" });
    const target = join(directory.path, "m");
    mkdirSync(target);
    writeFileSync(join(writable.init, "own"), "");
    expect(inMount(mount!.options, target, 'cd "$m"; cat last; ls | wc -l')).toBe("5963\n");
  });
});
