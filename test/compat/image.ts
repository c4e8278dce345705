/** Two images of busybox, as `docker save` writes them: a plain one, and one whose config says all that it can. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeRootfs } from "../callers/support/image.ts";

export const plain = "localhost/plain:1";
export const rich = "localhost/rich:1";

const more = "env printf stat ln cp mv rm mkdir rmdir chmod chown find sort sed wc cut tr tail hostname ip";
const evenMore = "mount umount df nslookup ping wget nc httpd sync touch mknod ulimit xargs awk seq nproc";

/** An image's `config`, as the image specification has it. */
const richConfig = {
  User: "other",
  Env: ["PATH=/bin", "FROM_IMAGE=yes", "BOTH=image"],
  Entrypoint: ["/bin/echo", "entry"],
  Cmd: ["cmd"],
  WorkingDir: "/srv/work",
  Volumes: { "/data": {} },
  ExposedPorts: { "80/tcp": {}, "53/udp": {} },
  Labels: { from: "image", both: "image" },
  StopSignal: "SIGUSR1",
  Healthcheck: { Test: ["CMD-SHELL", "test -e /tmp/well"], Interval: 3_600_000_000_000, Retries: 1 },
};

/** Writes both into one archive. @returns its path */
export function makeImages(directory: string): string {
  const work = join(directory, "images");
  const rootfs = join(work, "rootfs");
  makeRootfs(rootfs);
  for (const name of `${more} ${evenMore}`.split(" ")) {
    try {
      symlinkSync("busybox", join(rootfs, "bin", name));
    } catch {} // makeRootfs has made that one
  }
  for (const name of ["srv/work", "data/below", "home", "var/tmp"]) {
    mkdirSync(join(rootfs, name), { recursive: true });
  }
  chmodSync(join(rootfs, "tmp"), 0o1777);
  writeFileSync(join(rootfs, "data/below/file"), "of the image\n");
  chownSync(join(rootfs, "data"), 1000, 1000);
  chmodSync(join(rootfs, "data"), 0o750);
  writeFileSync(join(rootfs, "etc/group"), "root:x:0:\nother:x:1000:\nextra:x:2000:other\nvideo:x:44:\n");
  writeFileSync(join(rootfs, "bad-interpreter"), "#!/nowhere/sh\n", { mode: 0o755 });
  writeFileSync(join(rootfs, "home/hello"), "hello\n");
  symlinkSync("hello", join(rootfs, "home/link"));
  const layer = join(work, "layer.tar");
  tar(layer, rootfs, ".");
  const diffID = createHash("sha256").update(readFileSync(layer)).digest("hex");
  const images = { plain: [plain, { Env: ["PATH=/bin"], Cmd: ["sh"] }], rich: [rich, richConfig] } as const;
  const manifest = Object.entries(images).map(([file, [name, config]]) => {
    const document = {
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      config,
      rootfs: { type: "layers", diff_ids: [`sha256:${diffID}`] },
      history: [{ created_by: `made for a test: ${file}` }],
    };
    writeFileSync(join(work, `${file}.json`), JSON.stringify(document));
    return { Config: `${file}.json`, RepoTags: [name], Layers: ["layer.tar"] };
  });
  writeFileSync(join(work, "manifest.json"), JSON.stringify(manifest));
  const archive = join(directory, "images.tar");
  tar(archive, work, "manifest.json", "plain.json", "rich.json", "layer.tar");
  return archive;
}

function tar(file: string, where: string, ...what: readonly string[]): void {
  execFileSync("tar", ["--create", "--numeric-owner", "--file", file, "--directory", where, ...what]);
}
