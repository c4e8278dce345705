/** An image as `docker save` writes it, which all engines can load: busybox, the probe, and a file nobody may execute. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { probePath } from "../../support/probe.ts";

/** What engines know it by. */
export const imageName = "localhost/runt-test:1";

const applets = "sh cat ls sleep true false echo id tty stty kill grep touch dd test head ps";

/** Makes the root file system that the image has. */
export function makeRootfs(rootfs: string): void {
  for (const name of ["bin", "dev", "etc", "proc", "sys", "tmp", "run"])
    mkdirSync(join(rootfs, name), { recursive: true });
  copyFileSync("/bin/busybox", join(rootfs, "bin/busybox"));
  copyFileSync(probePath(), join(rootfs, "probe"));
  for (const program of ["bin/busybox", "probe"]) chmodSync(join(rootfs, program), 0o755);
  for (const name of applets.split(" ")) symlinkSync("busybox", join(rootfs, "bin", name));
  writeFileSync(join(rootfs, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\nother:x:1000:1000::/:/bin/sh\n");
  writeFileSync(join(rootfs, "plain"), "not a program\n", { mode: 0o644 });
}

/** Writes the image into `directory`. @returns the path of the archive */
export function makeImage(directory: string): string {
  const work = join(directory, "image");
  makeRootfs(join(work, "rootfs"));
  const tar = (file: string, where: string, ...what: string[]): Buffer =>
    execFileSync("tar", [
      "--create",
      "--file",
      file,
      "--owner=0",
      "--group=0",
      "--directory",
      where,
      ...what,
    ]);
  const layer = join(work, "layer.tar");
  tar(layer, join(work, "rootfs"), ".");
  const diffID = createHash("sha256").update(readFileSync(layer)).digest("hex");
  const config = {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Env: ["PATH=/bin"], Cmd: ["sh"] },
    rootfs: { type: "layers", diff_ids: [`sha256:${diffID}`] },
  };
  const manifest = [{ Config: "config.json", RepoTags: [imageName], Layers: ["layer.tar"] }];
  writeFileSync(join(work, "config.json"), JSON.stringify(config));
  writeFileSync(join(work, "manifest.json"), JSON.stringify(manifest));
  const archive = join(directory, "image.tar");
  tar(archive, work, "manifest.json", "config.json", "layer.tar");
  return archive;
}

/** A program that says "up", ends with 7 on SIGTERM, and waits for it. */
export const waiting = ["sh", "-c", 'trap "exit 7" TERM; echo up; sleep 1000 & wait'];

/** One that heeds nothing but SIGKILL. */
export const deaf = ["sh", "-c", 'trap "" TERM; sleep 1000'];

/**
 * One that is killed for taking too much of 32 MiB, and whose parent says so. The parent lives for a while, because
 * systemd takes the cgroup away when it is empty, and whoever comes then finds no memory.events.
 */
export const greedy = [
  "sh",
  "-c",
  "dd if=/dev/zero of=/dev/null bs=128M count=1; status=$?; sleep 1; exit $status",
];
