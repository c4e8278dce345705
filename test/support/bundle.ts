/** Bundles for tests: a small valid config.json with changes, a rootfs with busybox and the probe, gone afterwards. */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readMountInfo } from "../../src/linux/mountinfo.ts";
import { probePath } from "./probe.ts";

/** A configuration, or a part of one, that need not be valid. */
// biome-ignore lint/suspicious/noExplicitAny: tests write wrong configurations on purpose
export type Json = any;

/** Prefix of everything that tests make on this machine: cgroups, directories, containers. */
export const testPrefix = "runt-test";

/** Of what this process makes. Its pid alone would not do: a long run uses all of them, and some twice. */
export const ownPrefix = `${testPrefix}-${process.pid}-${randomBytes(2).toString("hex")}`;

let count = 0;

/** A name that nobody else uses: of a container, a cgroup, a file. */
export function freshName(): string {
  return `${ownPrefix}-${count++}`;
}

/**
 * `base` with `changes`: objects property by property, everything else (lists too) as a whole. `undefined` takes a
 * property away.
 */
export function merged(base: Json, changes: Json): Json {
  if (!isObject(base) || !isObject(changes)) return changes;
  const result: Json = { ...base };
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete result[name];
    else result[name] = merged(result[name], value);
  }
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export const proc = {
  destination: "/proc",
  type: "proc",
  source: "proc",
  options: ["nosuid", "noexec", "nodev"],
};
export const dev = {
  destination: "/dev",
  type: "tmpfs",
  source: "tmpfs",
  options: ["nosuid", "strictatime", "mode=755", "size=64k"],
};
export const devpts = {
  destination: "/dev/pts",
  type: "devpts",
  source: "devpts",
  options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
};
/** /proc, /dev and /dev/pts. */
export const usualMounts: readonly Json[] = [proc, dev, devpts];

/** `list` of namespace types as config.json has them. */
export function namespaces(...types: string[]): Json[] {
  return types.map((type) => ({ type }));
}

export const usualNamespaces = ["pid", "mount", "ipc", "uts", "network", "cgroup"];

/** A container as callers usually want it: six namespaces, a few mounts, and the probe as its program. */
export function usualConfig(): Json {
  return {
    ociVersion: "1.2.0",
    root: { path: "rootfs" },
    hostname: "inside",
    process: {
      args: ["/probe"],
      cwd: "/",
      env: ["PATH=/bin"],
      user: { uid: 0, gid: 0 },
    },
    mounts: usualMounts,
    linux: { namespaces: namespaces(...usualNamespaces), cgroupsPath: `/${freshName()}` },
  };
}

export interface BundleOptions {
  /** Files of the rootfs beside busybox and the probe: content by path; a path that ends in "/" is a directory. */
  readonly files?: Readonly<Record<string, string>>;
  /** Symlinks of the rootfs: target by path. */
  readonly links?: Readonly<Record<string, string>>;
}

/** A bundle directory. Whoever writes to `config` calls `write` afterwards. */
export interface Bundle extends AsyncDisposable {
  /** Absolute path of the bundle; a place of the test's own around it is `directory`. */
  readonly path: string;
  readonly directory: string;
  readonly rootfs: string;
  config: Json;
  write(): void;
}

const applets =
  "sh cat ls sleep true false echo id env pwd touch mkdir mount umount stat readlink kill ps hostname test grep ip printf head wc dd mknod chmod sysctl";

/** Makes a bundle; `changes` go over `usualConfig`. */
export async function aBundle(changes: Json = {}, options: BundleOptions = {}): Promise<Bundle> {
  const directory = mkdtempSync(join(tmpdir(), `${testPrefix}-bundle-`));
  // A user of a user namespace has to get through.
  chmodSync(directory, 0o755);
  const path = join(directory, "bundle");
  const rootfs = join(path, "rootfs");
  for (const name of ["bin", "dev", "etc", "proc", "sys", "tmp", "run"])
    mkdirSync(join(rootfs, name), { recursive: true });
  chmodSync(join(rootfs, "tmp"), 0o1777);
  place(cached("busybox", "/bin/busybox"), join(rootfs, "bin/busybox"));
  place(cached("probe", probePath()), join(rootfs, "probe"));
  for (const name of applets.split(" ")) symlinkSync("busybox", join(rootfs, "bin", name));
  for (const [name, content] of Object.entries(options.files ?? {})) {
    const file = join(rootfs, name);
    mkdirSync(name.endsWith("/") ? file : dirname(file), { recursive: true });
    if (!name.endsWith("/")) writeFileSync(file, content);
  }
  for (const [name, target] of Object.entries(options.links ?? {})) {
    mkdirSync(dirname(join(rootfs, name)), { recursive: true });
    symlinkSync(target, join(rootfs, name));
  }
  const bundle: Bundle = {
    path,
    directory,
    rootfs,
    config: structuredClone(merged(usualConfig(), changes)),
    write() {
      writeFileSync(join(path, "config.json"), JSON.stringify(this.config));
    },
    async [Symbol.asyncDispose]() {
      removeTree(directory);
    },
  };
  bundle.write();
  return bundle;
}

/** Removes a directory of ours, but never what may still be mounted in it. */
export function removeTree(directory: string): void {
  const mounted = readMountInfo().filter((mount) => mount.mountPoint.startsWith(`${directory}/`));
  if (mounted.length > 0)
    throw new Error(`still mounted: ${mounted.map((mount) => mount.mountPoint).join(", ")}`);
  rmSync(directory, { recursive: true, force: true });
}

/** A copy of `source` in the temporary directory, so that every rootfs can have it as a hard link. */
function cached(name: string, source: string): string {
  const directory = join(tmpdir(), `${testPrefix}-cache`);
  const copy = join(directory, source.startsWith("/bin/") ? name : source.slice(source.lastIndexOf("/") + 1));
  if (existsSync(copy)) return copy;
  mkdirSync(directory, { recursive: true });
  copyFileSync(source, `${copy}.${process.pid}`);
  chmodSync(`${copy}.${process.pid}`, 0o755);
  renameSync(`${copy}.${process.pid}`, copy);
  return copy;
}

function place(source: string, at: string): void {
  try {
    linkSync(source, at);
  } catch {
    copyFileSync(source, at);
  }
}
