/** Looks at the machine and at the bundle, so that planning need not. */
import {
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { RuntError } from "../../errors.ts";
import { Fd } from "../../linux/fd.ts";
import { I32, I64, syscall } from "../../linux/ffi.ts";
import { readMountInfo } from "../../linux/mountinfo.ts";
import { SYS } from "../../linux/syscall-numbers.ts";
import { hasCode } from "../../linux/system-error.ts";
import { kernelRelease } from "../../linux/uname.ts";
import type { Config } from "../../spec/runtime/config.ts";
import { isBind } from "../../spec/runtime/mount-kind.ts";
import { lookUp } from "../plan/environment.ts";
import type { BundleFacts, HostFacts } from "./facts.ts";
import { homeOf } from "./home.ts";

let facts: HostFacts | undefined;

/** Measured once for this process. */
export function hostFacts(): HostFacts {
  facts ??= measureHost();
  return facts;
}

const CAP_SYS_ADMIN = 1n << 21n;

function measureHost(): HostFacts {
  const status = readFileSync("/proc/self/status", "latin1");
  const mask = (name: string): bigint => {
    const [, after = ""] = status.split(`\n${name}:`, 2);
    return BigInt(`0x${after.slice(0, after.indexOf("\n")).trim() || "0"}`);
  };
  const permitted = mask("CapPrm") & mask("CapBnd");
  const capable = (mask("CapEff") & CAP_SYS_ADMIN) !== 0n;
  const privileged = capable && inFirstUserNamespace();
  return {
    euid: process.geteuid!(),
    egid: process.getegid!(),
    privileged,
    capable,
    ownsMounts: privileged || (capable && ownsMountNamespace()),
    setgroupsDenied: !privileged && readOr("/proc/self/setgroups", "allow").startsWith("deny"),
    arch: process.arch === "arm64" ? "aarch64" : "x86_64",
    permitted,
    lastCapability: Number(readFileSync("/proc/sys/kernel/cap_last_cap", "latin1")),
    lsm: {
      apparmor:
        existsSync("/sys/kernel/security/apparmor") ||
        readOr("/sys/module/apparmor/parameters/enabled", "N").startsWith("Y"),
      selinux: existsSync("/sys/fs/selinux/enforce"),
    },
    kernel: kernelRelease(),
  };
}

/** The first user namespace maps every id onto itself. */
function inFirstUserNamespace(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readOr("/proc/self/uid_map", "0 0 4294967295"));
}

/** ioctl_nsfs(2) NS_GET_USERNS, which answers only where the owner is our user namespace or one below it. */
const NS_GET_USERNS = 0xb701;

function ownsMountNamespace(): boolean {
  using mounts = new Fd(openSync("/proc/self/ns/mnt", constants.O_RDONLY));
  const owner = syscall(SYS.ioctl, [I32, I64, I64], [mounts.n, NS_GET_USERNS, 0]);
  if (owner < 0) return false;
  using fd = new Fd(owner);
  return fstatSync(fd.n).ino === statSync("/proc/self/ns/user").ino;
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return otherwise;
  }
}

/** @throws {RuntError} NotFound, InvalidArgument for a rootfs that is none */
export function bundleFacts(
  config: Config,
  bundle: string,
  options: { noPivot: boolean; operation: string },
): BundleFacts {
  const rootfs = findRootfs(config, bundle, options.operation);
  const sources = new Map<string, "directory" | "file">();
  for (const mount of config.mounts) {
    if (!isBind(mount)) continue;
    const path = resolve(bundle, mount.source ?? "");
    try {
      sources.set(path, statSync(path).isDirectory() ? "directory" : "file");
    } catch (error) {
      if (!hasCode(error, "ENOENT", "ENOTDIR")) throw unreadable(error, path, options.operation);
    }
  }
  const shared = /^r?shared$/.test(config.linux.rootfsPropagation ?? "");
  const { user, env } = config.process;
  return {
    rootfs,
    sources,
    rootfsMount: shared ? mountPointOf(rootfs) : "/",
    procMounts: options.noPivot ? fullProcMounts(rootfs) : [],
    home: lookUp(env, "HOME") ? "/" : homeOf(rootfs, user.uid),
    joined: new Set(),
    kcore: existsSync("/proc/kcore"),
  };
}

function findRootfs(config: Config, bundle: string, operation: string): string {
  const path = resolve(bundle, config.root.path);
  const site = { operation, subject: "config.json: root.path", path };
  try {
    const stat = lstatSync(path);
    // Who can change a symlink could put another root file system behind it.
    if (stat.isSymbolicLink())
      throw new RuntError(
        "InvalidArgument",
        `config.json: root.path: ${path}: must not be a symbolic link`,
        site,
      );
    if (!stat.isDirectory())
      throw new RuntError("InvalidArgument", `config.json: root.path: ${path}: not a directory`, site);
    return realpathSync.native(path);
  } catch (error) {
    if (error instanceof RuntError) throw error;
    throw unreadable(error, path, operation, "config.json: root.path");
  }
}

function unreadable(error: unknown, path: string, operation: string, subject?: string): RuntError {
  const { code = "" } = error as NodeJS.ErrnoException;
  const kind = code === "ENOENT" ? "NotFound" : "PermissionDenied";
  const text =
    code === "ENOENT" ? "no such file or directory" : code === "EACCES" ? "permission denied" : code;
  const site = { operation, path, code, ...(subject === undefined ? {} : { subject }) };
  return new RuntError(kind, `${subject === undefined ? "" : `${subject}: `}${path}: ${text}`, site, error);
}

function mountPointOf(path: string): string {
  const points = readMountInfo().map((mount) => mount.mountPoint);
  let at = path;
  while (at !== "/" && !points.includes(at)) at = join(at, "..");
  return at;
}

/** procfs and sysfs mounts that show everything, outermost last so that inner ones go first. */
function fullProcMounts(rootfs: string): string[] {
  return readMountInfo()
    .filter((mount) => (mount.fsType === "proc" || mount.fsType === "sysfs") && mount.root === "/")
    .map((mount) => mount.mountPoint)
    .filter((point) => point !== rootfs && !point.startsWith(`${rootfs}/`))
    .reverse();
}
