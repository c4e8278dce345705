/** An image as a bundle: a config.json, and a root file system that is mounted from layers or copied. */
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { RuntError } from "../../errors.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { Platform } from "../../spec/image/platform.ts";
import { fillLayers } from "../fill.ts";
import { findImage, type StoredImage } from "../find.ts";
import { applyLayer } from "../layer/apply.ts";
import { explainOwners } from "../owners.ts";
import type { OnProgress } from "../progress.ts";
import { deleteTree } from "../snapshot/aside.ts";
import { defaultInitFiles, type InitFiles } from "../snapshot/init-layer.ts";
import { MergedView } from "../snapshot/merged.ts";
import type { SnapshotMount } from "../snapshot/overlay.ts";
import type { Stores } from "../stores.ts";
import { type BaseConfig, bundleConfig } from "./config.ts";
import { resolveUser } from "./user.ts";

export interface UnpackOptions {
  /** "overlay": config.json mounts the store's layers, with a read-write one of the bundle's. "copy": all files, once more. */
  readonly rootfs: "overlay" | "copy";
  /** A config.json to start from. */
  readonly base: BaseConfig;
  /** Instead of the image's Cmd. */
  readonly command?: readonly string[] | undefined;
  /** "NAME=value", over the image's. */
  readonly env?: readonly string[];
  /** Instead of the image's User. */
  readonly user?: string | undefined;
  readonly terminal?: boolean;
  /** By default the bundle's last path component, as far as it is a host name. */
  readonly hostname?: string | undefined;
  readonly platform?: Platform | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The bundle that was made. */
export interface Unpacked {
  /** Absolute. */
  readonly path: string;
  readonly image: StoredImage;
}

/** Files of accounts are not larger, except to do harm. */
const accountFileBytes = 4 << 20;

/**
 * Makes a bundle of the image called `name` in the directory `directory`, which is made, or empty.
 * @throws {RuntError} NotFound; AlreadyExists where the directory has something in it; InvalidArgument where the image
 *   has no command or an unknown user. Nothing is left behind then.
 */
export async function unpackImage(
  stores: Stores,
  name: string,
  directory: string,
  options: UnpackOptions,
): Promise<Unpacked> {
  const { platform, onProgress, signal } = options;
  const { content, snapshots } = stores;
  const { image } = await findImage(stores, name, { operation: "unpack" }, platform);
  const path = resolve(directory);
  const wasThere = refuseContents(path);
  // The layers stay until the bundle itself is known to use them.
  await using lease = await content.lease(signal);
  await lease.keep(image.target.digest);
  await using undo = new AsyncDisposableStack();
  undo.defer(() => removeBundle(stores, path, wasThere));
  // Only for its owner: an image's setuid programs are for inside a container.
  mkdirSync(path, { recursive: true, mode: 0o700 });
  mkdirSync(join(path, "rootfs"));

  const hostname = options.hostname ?? hostnameOf(path);
  let mounts: readonly SnapshotMount[] = [];
  let lowers = [join(path, "rootfs")];
  if (options.rootfs === "overlay") {
    await fillLayers(image, { content, snapshots, lease, onProgress, signal });
    const top = image.chainIDs.at(-1);
    const writable = snapshots.createWritable(top, { directory: path }, initFiles(hostname));
    mounts = snapshots.mounts(top, { writable, access: "rw" });
    lowers = snapshots.lowers(top);
  } else await copyLayers(stores, image, join(path, "rootfs"), options);

  const view = new MergedView(lowers);
  const text = (file: string) => view.readText(file, accountFileBytes) ?? "";
  const user = resolveUser(options.user ?? image.config.config.User ?? "", {
    passwd: text("/etc/passwd"),
    group: text("/etc/group"),
  });
  const { command, env = [], terminal = false } = options;
  const config = bundleConfig(image.config, options.base, {
    user,
    env,
    terminal,
    hostname,
    rootMounts: mounts,
    ...(command && { command }),
  });
  writeDurably(join(path, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  undo.move();
  return { path, image };
}

/** @returns whether the directory was there, empty */
function refuseContents(path: string): boolean {
  try {
    if (readdirSync(path).length === 0) return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
  const site = { operation: "unpack", path, code: "ENOTEMPTY" };
  throw new RuntError("AlreadyExists", `${path}: there is something in it already`, site);
}

async function removeBundle({ snapshots }: Stores, path: string, wasThere: boolean): Promise<void> {
  await snapshots.removeWritable({ directory: path });
  if (!wasThere) return deleteTree(path);
  if (existsSync(path)) for (const entry of readdirSync(path)) await deleteTree(join(path, entry));
}

/** Every layer over the ones before, in order. */
async function copyLayers(
  { content }: Stores,
  image: StoredImage,
  rootfs: string,
  { onProgress, signal }: UnpackOptions,
): Promise<void> {
  onProgress?.({ type: "layers", layers: image.layers });
  for (const [i, { digest, mediaType, size }] of image.layers.entries()) {
    const applied = await applyLayer(content.read(digest, signal), {
      mediaType,
      dir: rootfs,
      target: "flat",
      userXattr: false,
      compressedDigest: "skip",
      ...(signal && { signal }),
    }).catch((error) => {
      throw explainOwners(error);
    });
    for (const text of applied.warnings) onProgress?.({ type: "warning", digest, text });
    const diffID = image.config.rootfs.diff_ids[i];
    if (applied.diffID !== diffID) {
      throw new RuntError("Internal", `layer ${digest} has the diffID ${applied.diffID}, not ${diffID}`, {
        operation: "unpack",
        subject: `layer ${digest}`,
        hint: "runt image fsck looks for damage",
      });
    }
    onProgress?.({ type: "layer", digest, status: "pulled", current: size, total: size });
  }
}

/** What a container on its own gets; an engine has its own. */
function initFiles(hostname: string): InitFiles {
  return {
    ...defaultInitFiles,
    "/etc/hosts": `${defaultInitFiles["/etc/hosts"]}127.0.1.1\t${hostname}\n`,
    "/etc/hostname": `${hostname}\n`,
    "/etc/resolv.conf": hostText("/etc/resolv.conf"),
  };
}

function hostText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** "web-1" for /bundles/web_1. */
function hostnameOf(path: string): string {
  const name = basename(path)
    .replaceAll(/[^A-Za-z0-9-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return name.slice(0, 63) || "runt";
}

/** A bundle whose config.json is there is whole. */
function writeDurably(path: string, text: string): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
