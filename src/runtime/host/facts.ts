/** What a plan must know of the machine, as plain values: planning itself looks at nothing. */
import type { NamespaceFile } from "../../linux/namespace-flags.ts";

export interface HostFacts {
  readonly euid: number;
  readonly egid: number;
  /** Whether mounts and devices of this mount namespace are ours to make: CAP_SYS_ADMIN in the first user namespace. */
  readonly privileged: boolean;
  /**
   * CAP_SYS_ADMIN in the user namespace that we are in: `privileged`, or root of a user namespace. Such a one
   * makes namespaces and maps its own ids without help; devices and foreign ids stay out of its reach.
   */
  readonly capable: boolean;
  /** Whether our mount namespace belongs to our user namespace, so that `capable` counts for its mounts. */
  readonly ownsMounts: boolean;
  /** Whether setgroups(2) is denied in our user namespace, and so in every one below it. */
  readonly setgroupsDenied: boolean;
  readonly arch: "x86_64" | "aarch64";
  /** Bits of the capabilities that we may pass on. */
  readonly permitted: bigint;
  /** Number of the last capability that the kernel knows. */
  readonly lastCapability: number;
  readonly lsm: { readonly apparmor: boolean; readonly selinux: boolean };
  /** Kernel release: "6.1.0-13-amd64". */
  readonly kernel: string;
}

/** What a plan must know of one bundle's surroundings. */
export interface BundleFacts {
  /** Absolute path of the rootfs, without symlinks. */
  readonly rootfs: string;
  /** By source of a bind mount: what it is. One that is missing is not in the map. */
  readonly sources: ReadonlyMap<string, "directory" | "file">;
  /** Mount point that holds the rootfs; only looked up where propagation is shared. */
  readonly rootfsMount: string;
  /** Mount points of procfs and sysfs outside of the rootfs; only looked up for `noPivot`. */
  readonly procMounts: readonly string[];
  /** Home directory of process.user in the rootfs's /etc/passwd; only looked up where HOME is not set. */
  readonly home: string;
  /** By kind: the mapped root of a user namespace that is joined by path. */
  readonly joined: ReadonlySet<NamespaceFile>;
  /** Whether /proc/kcore is there to link to. */
  readonly kcore: boolean;
}
