/** mount(2) and umount2(2), for mounts that are to be seen by other programs of the host. */
import { check, I64, syscall, Text } from "./ffi.ts";
import { SYS } from "./syscall-numbers.ts";

/** Never follow a link at its end; leave at once, whoever still uses it. */
const UMOUNT_NOFOLLOW = 8;
const MNT_DETACH = 2;
const MS_BIND = 4096;

/** @param data options of the file system, joined by commas. @throws {SystemError} */
export function mount(source: string, target: string, type: string, data: string): void {
  const values = [source, target, type, 0, data];
  check(syscall(SYS.mount, [Text, Text, Text, I64, Text], values), "mount", { path: source, dest: target });
}

/** Shows what is at `source` at `target` too. @throws {SystemError} */
export function bindMount(source: string, target: string): void {
  const values = [source, target, "", MS_BIND, ""];
  check(syscall(SYS.mount, [Text, Text, Text, I64, Text], values), "mount", { path: source, dest: target });
}

/** @throws {SystemError} EINVAL where nothing is mounted; ENOENT */
export function unmount(target: string): void {
  const flags = UMOUNT_NOFOLLOW | MNT_DETACH;
  check(syscall(SYS.umount2, [Text, I64], [target, flags]), "umount2", { path: target });
}
