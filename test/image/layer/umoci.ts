/** umoci, another implementation, unpacks the same layers: an image is made of archives and unpacked to a directory. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @param work an empty directory
 * @returns where the root file system is, and what umoci had to say if it failed
 */
export function umociUnpack(
  work: string,
  layers: readonly (string | Uint8Array)[],
): { readonly root: string; readonly error: string | undefined } {
  const layout = join(work, "layout");
  const bundle = join(work, "bundle");
  const image = `${layout}:test`;
  const run = (...args: string[]) => {
    const { status, stderr } = spawnSync("umoci", args, { encoding: "utf8" });
    return status === 0 ? undefined : stderr || "failed";
  };
  let error = run("init", "--layout", layout) ?? run("new", "--image", image);
  for (const [i, layer] of layers.entries()) {
    const path = typeof layer === "string" ? layer : join(work, `${i}.tar`);
    if (typeof layer !== "string") writeFileSync(path, layer);
    error ??= run("raw", "add-layer", "--image", image, path);
  }
  error ??= run("unpack", "--image", image, bundle);
  return { root: join(bundle, "rootfs"), error };
}
