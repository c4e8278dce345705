/** The bundle that everything is measured with, and what the floor must know of it. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { readMountInfo } from "../src/linux/mountinfo.ts";
import { namespaceFlags } from "../src/linux/namespace-flags.ts";
import { chooseMount } from "../src/runtime/cgroup/hierarchy.ts";
import { sortMountOptions } from "../src/runtime/plan/mount-options.ts";
import { namespaceFile } from "../src/runtime/plan/namespaces.ts";
import { type Config, parseConfig } from "../src/spec/runtime/config.ts";

/** A program that ends at once, or with an argument never: the measurement is of containers and not of programs. */
const program = `#include <unistd.h>\nint main (int argc, char **argv) { (void) argv; while (argc > 1) pause (); return 0; }\n`;

export interface BenchBundle {
  readonly path: string;
  readonly rootfs: string;
  readonly config: Config;
}

/**
 * Makes a bundle in `directory` with the namespaces, mounts and limits of `template`, whose program is a static
 * `true`: the same one for every runtime and for the floor.
 */
export function makeBundle(directory: string, template: object): BenchBundle {
  const rootfs = join(directory, "rootfs");
  for (const name of ["bin", "proc", "dev", "sys"]) mkdirSync(join(rootfs, name), { recursive: true });
  const source = join(directory, "true.c");
  writeFileSync(source, program);
  execFileSync("cc", ["-O2", "-static", "-o", join(rootfs, "bin/true"), source]);
  const { process, ...rest } = template as { process: object };
  const text = JSON.stringify({
    ...rest,
    root: { path: "rootfs", readonly: true },
    process: { ...process, terminal: false, args: ["/bin/true"] },
  });
  writeFileSync(join(directory, "config.json"), text);
  return { path: directory, rootfs, config: parseConfig(text, "config.json", "bench") };
}

/** config.json of bundles/hello; what `spec` prints where there is none. */
export async function helloConfig(root: string): Promise<object> {
  const file = resolve(root, "bundles/hello/config.json");
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as object;
  const { specTemplate } = await import("../src/runtime/spec-template.ts");
  return specTemplate();
}

/** The directory of the cgroup2 file system. */
export function cgroupMount(): string {
  const mount = chooseMount(readMountInfo());
  if (!mount) throw new Error("no cgroup2 file system is mounted");
  return mount.mountPoint;
}

/** MOUNT_ATTR_* to the MS_* of mount(2); the first four bits are the same. */
function mountFlags(attributes: number): number {
  let flags = attributes & 0xf;
  if (attributes & 0x10) flags |= 1024; // MS_NOATIME
  if (attributes & 0x20) flags |= 1 << 24; // MS_STRICTATIME
  if (attributes & 0x80) flags |= 2048; // MS_NODIRATIME
  return flags;
}

/** Arguments of the floor program after the number of rounds, for the same work that `bundle` asks for. */
export function floorArguments({ config, rootfs }: BenchBundle, cgroup: string): string[] {
  const flags = config.linux.namespaces.reduce(
    (all, { type }) => all | namespaceFlags[namespaceFile[type]],
    0,
  );
  const mounts = config.mounts.flatMap(({ type = "", destination, options }) => {
    const { attributes, data } = sortMountOptions(options, type);
    const fsType = type === "cgroup" ? "cgroup2" : type;
    return [fsType, destination.replace(/^\/+/, ""), String(mountFlags(attributes.set)), data.join(",")];
  });
  return [String(flags >>> 0), cgroup, rootfs, ...mounts, "--", ...config.process.args];
}
