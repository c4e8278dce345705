/** Rules about sysctls: only those of a namespace that the container has to itself. @see runtime-spec 1.3 config-linux.md#sysctl */
import type { Config } from "../config.ts";
import type { LinuxNamespaceType } from "../namespaces.ts";
import type { Checks } from "../validate.ts";
import { namespaceOf } from "./namespaces.ts";

const ipcKeys: ReadonlySet<string> = new Set([
  "kernel/msgmax",
  "kernel/msgmnb",
  "kernel/msgmni",
  "kernel/sem",
  "kernel/shmall",
  "kernel/shmmax",
  "kernel/shmmni",
  "kernel/shm_rmid_forced",
]);

/**
 * The path of a sysctl below /proc/sys. Of "." and "/" the one that comes first separates; the other one
 * then stands for a "." in a name, as of a network device: `net/ipv4/conf/eth0.100/rp_filter`.
 * @returns undefined for a key that is not a plain path
 * @see sysctl.d(5)
 */
export function sysctlPath(key: string): string | undefined {
  const dotted = /[./]/.exec(key)?.[0] === ".";
  const path = dotted ? key.replace(/[./]/g, (c) => (c === "." ? "/" : ".")) : key;
  const parts = path.split("/");
  return parts.length < 2 || parts.some((part) => part === "" || part === "." || part === "..")
    ? undefined
    : path;
}

/** The namespace that a sysctl belongs to; undefined when it is one of the whole host. */
function namespaceOfSysctl(path: string): LinuxNamespaceType | undefined {
  if (ipcKeys.has(path) || path.startsWith("fs/mqueue/")) return "ipc";
  if (path.startsWith("net/")) return "network";
  if (path.startsWith("user/")) return "user";
  return path === "kernel/domainname" || path === "kernel/hostname" ? "uts" : undefined;
}

export const sysctlChecks: Checks<Config> = {
  sysctlsNamespaced(config, refuse) {
    for (const key of Object.keys(config.linux.sysctl)) {
      const at = ["linux", "sysctl", key];
      const path = sysctlPath(key);
      if (path === undefined) {
        refuse(at, "is not the name of a sysctl");
        return;
      }
      const namespace = namespaceOfSysctl(path);
      if (namespace === undefined) {
        refuse(at, "is a sysctl of the whole host, not of a namespace");
        return;
      }
      if (path === "kernel/hostname") refuse(at, "is set by the hostname field");
      if (namespaceOf(config, namespace) === undefined) {
        refuse(at, `needs a namespace of its own: "${namespace}" in linux.namespaces`);
      }
    }
  },
};
