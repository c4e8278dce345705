/** What kind of file system a path or fd lies on, by its magic number. */
import { statfsSync } from "node:fs";
import type { Fd } from "./fd.ts";

/** `<linux/magic.h>` */
export const CGROUP2_SUPER_MAGIC = 0x63677270;
export const PROC_SUPER_MAGIC = 0x9fa0;
export const TMPFS_MAGIC = 0x01021994;

/**
 * The magic number of the file system at `place`.
 * @throws ENOENT
 */
export function fsMagic(place: string | Fd): number {
  return statfsSync(typeof place === "string" ? place : `/proc/self/fd/${place.n}`).type;
}
