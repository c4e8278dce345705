/**
 * What uname(2) says of the kernel and the host, read where the kernel shows it: node:os has it too, and takes longer to
 * load than a container's configuration takes to make.
 *
 * @see proc_sys_kernel(5)
 */
import { readFileSync } from "node:fs";

const said = (name: string) => readFileSync(`/proc/sys/kernel/${name}`, "utf8").trimEnd();

let release: string | undefined;

/** As in `6.1.0-18-amd64`. */
export function kernelRelease(): string {
  release ??= said("osrelease");
  return release;
}

/** The name of the UTS namespace that we are in. */
export function hostName(): string {
  return said("hostname");
}
