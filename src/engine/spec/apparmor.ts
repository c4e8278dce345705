/**
 * The AppArmor profile of containers: what is asked for, or a profile of our own that keeps root in a container from
 * what the kernel has no namespace for. It is loaded into the kernel when it is first needed.
 * @see apparmor.d(5)
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import type { SecurityRequest } from "../request.ts";

export const defaultProfile = "runt-default";

/** What the kernel has loaded. */
const loadedProfiles = "/sys/kernel/security/apparmor/profiles";
const parsers = ["/sbin/apparmor_parser", "/usr/sbin/apparmor_parser"];

/** What there is on this machine. */
export interface AppArmorHost {
  readonly enabled: boolean;
  /** Program that loads profiles. Without it there is no default profile, as with docker. */
  readonly parser: string | undefined;
}

export function appArmorHost(enabled: boolean): AppArmorHost {
  return { enabled, parser: enabled ? parsers.find((path) => existsSync(path)) : undefined };
}

/** Name of the profile that a container gets; undefined: none. */
export function profileName(
  { apparmor, privileged }: Pick<SecurityRequest, "apparmor" | "privileged">,
  { enabled, parser }: AppArmorHost,
): string | undefined {
  if (apparmor !== undefined) return apparmor === "unconfined" ? undefined : apparmor;
  return privileged || !enabled || parser === undefined ? undefined : defaultProfile;
}

/** Loads the default profile unless the kernel has it. @throws {RuntError} Unavailable */
export function loadDefaultProfile({ parser }: AppArmorHost): void {
  if (existsSync(loadedProfiles) && isLoaded(readFileSync(loadedProfiles, "utf8"))) return;
  const { status, stderr, error } = spawnSync(parser!, ["--replace", "--skip-cache"], {
    input: profileText,
    encoding: "utf8",
  });
  if (status === 0) return;
  throw new RuntError(
    "Unavailable",
    `AppArmor profile ${defaultProfile}: ${(error?.message ?? stderr).trim()}`,
    { operation: "start", hint: "--security-opt apparmor=unconfined goes without it" },
    error,
  );
}

function isLoaded(profiles: string): boolean {
  return profiles.split("\n").some((line) => line.startsWith(`${defaultProfile} (`));
}

/**
 * As docker-default: files, capabilities and the network are the business of mounts, capability sets and namespaces;
 * this denies what would reach the host through /proc and /sys, and mounting. `kernel/shm*` is the container's own.
 */
const profileText = `${existsSync("/etc/apparmor.d/abi/3.0") ? "abi <abi/3.0>,\n" : ""}include <tunables/global>

profile ${defaultProfile} flags=(attach_disconnected,mediate_deleted) {
  include <abstractions/base>

  file,
  capability,
  network,
  umount,
  deny mount,

  # Whoever is outside may end it; within it all may.
  signal (receive) peer=unconfined,
  signal (receive) peer=runc,
  signal (receive) peer=crun,
  signal (send, receive) peer=${defaultProfile},
  ptrace (trace, read, tracedby, readby) peer=${defaultProfile},

  # Of /proc only what belongs to a process may be written, and kernel/shm*.
  deny @{PROC}/* w,
  deny @{PROC}/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9]*}/** w,
  deny @{PROC}/sys/[^k]** w,
  deny @{PROC}/sys/kernel/{?,??,[^s][^h][^m]**} w,
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/kcore rwklx,

  # Of /sys only cgroups.
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
`;
