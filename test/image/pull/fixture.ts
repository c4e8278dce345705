/** An image that umoci has written, at a registry that skopeo has pushed it to. */
import { execFile, execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { fixedCredential } from "../../../src/image/registry/credentials/source.ts";
import type { RegistryOptions } from "../../../src/image/registry/options.ts";
import { ImageStore } from "../../../src/image/store.ts";
import { Authority } from "../../support/certificates.ts";
import { startRegistry, type TestRegistry } from "../../support/registry.ts";

export const user = { name: "tester", password: "correct horse: battery" };

/** A registry with TLS and passwords, and how to reach it. */
export interface SecureRegistry extends AsyncDisposable {
  readonly registry: TestRegistry;
  readonly authority: Authority;
  /** As `--cert-dir` takes it. */
  readonly certDir: string;
  readonly options: RegistryOptions;
}

/** Certificates for `domain` as in docker's certs.d, below `directory`. */
export function certDirFor(directory: string, domain: string, authority: Authority): string {
  mkdirSync(join(directory, domain), { recursive: true });
  copyFileSync(authority.certFile, join(directory, domain, "ca.crt"));
  return directory;
}

/** Tests of failures wait for all of it. */
export const littlePatience = { connectTimeoutMs: 2000, stallTimeoutMs: 1000 };

/** Options to reach a registry at `domain`. */
export function optionsFor(
  domain: string,
  hostDirectory: string,
  patience = { connectTimeoutMs: 30_000, stallTimeoutMs: 30_000 },
): RegistryOptions {
  return {
    credentials: fixedCredential(domain, { kind: "password", username: user.name, password: user.password }),
    hostDirectories: [hostDirectory],
    environment: {},
    patience: { ...patience, attempts: 2, firstWaitMs: 10, longestWaitMs: 50 },
  };
}

/** Starts the registry. */
export async function secureRegistry(): Promise<SecureRegistry> {
  const directory = mkdtempSync(join(tmpdir(), "runt-pull-"));
  const authority = new Authority(join(directory, "authority"));
  const registry = await startRegistry({ authority, user });
  const certDir = certDirFor(join(directory, "certs.d"), registry.domain, authority);
  return {
    registry,
    authority,
    certDir,
    options: optionsFor(registry.domain, certDir),
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true });
    },
  };
}

/** Changes of one layer: what the root file system is to be like after it. */
export type LayerRecipe = (rootfs: string) => void;

/** Makes an image with umoci, a layer for each recipe, in the OCI layout `layout`. */
export function makeImage(
  layout: string,
  tag: string,
  layers: readonly LayerRecipe[],
  config: readonly string[],
): void {
  const umoci = (...args: string[]) => execFileSync("umoci", args, { stdio: ["ignore", "ignore", "pipe"] });
  const image = `${layout}:${tag}`;
  umoci("init", "--layout", layout);
  umoci("new", "--image", image);
  for (const [i, layer] of layers.entries()) {
    const bundle = join(layout, "..", `bundle-${tag}-${i}`);
    umoci("unpack", "--image", image, bundle);
    layer(join(bundle, "rootfs"));
    umoci("repack", "--image", image, bundle);
    rmSync(bundle, { recursive: true });
  }
  umoci("config", "--image", image, ...config);
}

/**
 * Pushes an image of a layout with skopeo. Not a synchronous call: the registry stops when nobody reads what it says.
 * @param name "repository:tag"
 */
export async function skopeoPush(
  { registry, certDir }: SecureRegistry,
  layout: string,
  tag: string,
  name: string,
): Promise<void> {
  await promisify(execFile)("skopeo", [
    "--insecure-policy",
    "copy",
    ...["--dest-creds", `${user.name}:${user.password}`, "--dest-cert-dir", join(certDir, registry.domain)],
    `oci:${layout}:${tag}`,
    `docker://${registry.domain}/${name}`,
  ]);
}

const applets = [
  "sh",
  "ls",
  "cat",
  "id",
  "env",
  "pwd",
  "touch",
  "rm",
  "echo",
  "stat",
  "find",
  "sleep",
  "mount",
];

/** Busybox, accounts, and files that the next layer takes away. */
export const firstLayer: LayerRecipe = (rootfs) => {
  for (const directory of ["bin", "etc", "dir", "replaced", "work", "proc", "dev", "sys", "tmp"]) {
    mkdirSync(join(rootfs, directory), { recursive: true });
  }
  copyFileSync("/bin/busybox", join(rootfs, "bin/busybox"));
  chmodSync(join(rootfs, "bin/busybox"), 0o755);
  for (const applet of applets) symlinkSync("busybox", join(rootfs, "bin", applet));
  writeFileSync(
    join(rootfs, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/work:/bin/sh\n",
  );
  writeFileSync(join(rootfs, "etc/group"), "root:x:0:\napp:x:1001:\nlogs:x:44:app\n");
  writeFileSync(join(rootfs, "dir/gone"), "first\n");
  writeFileSync(join(rootfs, "dir/kept"), "first\n");
  writeFileSync(join(rootfs, "replaced/old"), "first\n");
  writeFileSync(join(rootfs, "changed"), "first\n");
};

/** Whiteouts, a directory that is replaced, a file that is changed. */
export const secondLayer: LayerRecipe = (rootfs) => {
  rmSync(join(rootfs, "dir/gone"));
  rmSync(join(rootfs, "replaced"), { recursive: true });
  mkdirSync(join(rootfs, "replaced"));
  writeFileSync(join(rootfs, "replaced/new"), "second\n");
  writeFileSync(join(rootfs, "changed"), "second\n");
};

/** A file of its own and nothing else. @param bytes of content that does not compress */
export const fileLayer =
  (name: string, bytes: number): LayerRecipe =>
  (rootfs) => {
    const content = Buffer.alloc(bytes);
    // A generator of its own: the same bytes, and so the same digests, every time.
    let x = name.split("").reduce((sum, c) => sum * 31 + c.charCodeAt(0), 7) >>> 0;
    for (let i = 0; i < bytes; i++) {
      x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
      content[i] = x >>> 24;
    }
    mkdirSync(join(rootfs, "files"), { recursive: true });
    writeFileSync(join(rootfs, "files", name), content);
  };

export const appConfig = [
  ...["--config.user", "app", "--config.workingdir", "/work", "--config.env", "GREETING=hello"],
  ...["--config.entrypoint", "/bin/sh", "--config.entrypoint", "-c", "--config.cmd", "echo $GREETING"],
  ...["--config.label", "kind=test", "--author", "nobody"],
];

/** A store in a directory of its own, gone at the end. */
export async function anImageStore(): Promise<
  AsyncDisposable & { readonly root: string; readonly images: ImageStore }
> {
  const root = mkdtempSync(join(tmpdir(), "runt-images-"));
  const images = await ImageStore.open(root);
  return { root, images, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

/**
 * Everything that a store should not have when nothing happens in it.
 * @param which "but ingests": blobs that were fetched in part are to be gone on with
 */
export async function leftovers(images: ImageStore, which: "all" | "but ingests" = "all"): Promise<string[]> {
  const { content, snapshots } = images.stores;
  const { leases, ingests, trash } = content.directory;
  const { active, aside } = snapshots.layout;
  return [leases, trash, active, aside, ...(which === "all" ? [ingests] : [])].flatMap((directory) =>
    readdirSync(directory).map((name) => `${directory}/${name}`),
  );
}
