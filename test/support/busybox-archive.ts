/** The tar of a root file system with busybox in it, for `import`. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

/** @returns its path, in `directory` */
export function busyboxArchive(directory: string): string {
  const path = join(directory, "busybox.tar");
  mkdirSync(join(directory, "rootfs/bin"), { recursive: true });
  copyFileSync("/bin/busybox", join(directory, "rootfs/bin/busybox"));
  for (const name of ["sh", "sleep", "echo", "cat"])
    symlinkSync("busybox", join(directory, "rootfs/bin", name));
  execFileSync("tar", ["-C", join(directory, "rootfs"), "-cf", path, "."]);
  return path;
}
