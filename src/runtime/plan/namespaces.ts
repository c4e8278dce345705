/** `linux.namespaces`: which are made by clone3, which are joined before it, and what a new one needs. */
import { RuntError } from "../../errors.ts";
import { type NamespaceFile, namespaceFlags } from "../../linux/namespace-flags.ts";
import type { LinuxNamespaceType } from "../../spec/runtime/namespaces.ts";
import type { Op, SyncPoint } from "../wire/ops.ts";
import type { PlanContext } from "./context.ts";
import { mapArguments, mapText } from "./id-maps.ts";
import type { HostStep } from "./plan.ts";
import type { Setgroups } from "./process.ts";

/** The name in /proc/PID/ns of each kind in config.json. */
export const namespaceFile: Record<LinuxNamespaceType, NamespaceFile> = {
  cgroup: "cgroup",
  ipc: "ipc",
  mount: "mnt",
  network: "net",
  pid: "pid",
  time: "time",
  user: "user",
  uts: "uts",
};

export interface NamespaceOps {
  readonly cloneFlags: number;
  readonly before: readonly HostStep[];
  readonly shim: readonly Op[];
  readonly parent: readonly Op[];
  /** What init does to its own files in /proc, which it may not open any more once it is undumpable. */
  readonly dumpable: readonly Op[];
  /** First things in init. */
  readonly init: readonly Op[];
  readonly atSync: Partial<Record<SyncPoint, readonly HostStep[]>>;
}

/**
 * Root joins a user namespace last, while it still has every right over the others; an ordinary user has
 * rights only once it has joined. The mount namespace comes after all sources of the host are open, and a
 * pid namespace only takes effect for the child.
 */
const joinOrder: readonly LinuxNamespaceType[] = ["network", "ipc", "uts", "cgroup", "time", "pid", "mount"];

/** @see runtime-spec 1.3 config-linux.md#namespaces */
export function planNamespaces(context: PlanContext): NamespaceOps {
  const { config, host } = context;
  const before: HostStep[] = [];
  const shim: Op[] = [];
  const init: Op[] = [];
  const dumpable: Op[] = [];
  let cloneFlags = 0;

  const order: LinuxNamespaceType[] = host.capable ? [...joinOrder, "user"] : ["user", ...joinOrder];
  for (const type of order) {
    const wanted = context.namespace(type);
    const flag = namespaceFlags[namespaceFile[type]];
    if (wanted === undefined) continue;
    if (wanted === "new") {
      // The cgroup namespace's root is the cgroup one is in, and clone3 looks at the parent's. The time
      // namespace's offsets can be set only while nobody is in it.
      if (type === "cgroup") init.push({ op: "unshare", flags: flag, at: "linux.namespaces" });
      else if (type === "time") (host.capable ? shim : dumpable).push(...timeOps(context));
      else cloneFlags |= flag;
      continue;
    }
    const slot = `ns-${type}`;
    before.push({ step: "open", slot, path: wanted });
    const at = `linux.namespaces[${config.linux.namespaces.findIndex((each) => each.type === type)}]`;
    // From within a cgroup namespace nobody can be born in a cgroup that lies outside (nsdelegate); but root of a
    // new user namespace could not join the host's.
    const late = type === "cgroup" && context.namespace("user") !== "new";
    // Who joins a user namespace has no right any more over what is outside, and a monitor has to remove all that.
    if (type === "user" && context.request.monitor) shim.push({ op: "join_user", fd: slot, at });
    else (late ? init : shim).push({ op: "setns", fd: slot, nstype: flag, at });
  }

  const { parent, atSync } = planIdMaps(context);
  const become: Op[] = context.hasUserns ? [{ op: "become_root" }] : [];
  const loopback: Op[] = context.namespace("network") === "new" ? [{ op: "loopback_up" }] : [];
  const uts: Op[] = [];
  if (config.hostname) uts.push({ op: "sethostname", name: config.hostname, at: "hostname" });
  if (config.domainname) uts.push({ op: "setdomainname", name: config.domainname, at: "domainname" });
  return {
    cloneFlags,
    before,
    shim,
    parent,
    dumpable,
    init: [...become, ...init, ...loopback, ...uts],
    atSync,
  };
}

/**
 * As root in the shim, whose child is then born in it. An ordinary user may make one only in its own user
 * namespace, which init is; and init gets into it at execve, as Linux does since 6.2.
 */
function timeOps(context: PlanContext): Op[] {
  const { config, host } = context;
  if (!host.capable && isOlder(host.kernel, 6, 2)) {
    throw new RuntError(
      "Unimplemented",
      "config.json: linux.namespaces: a time namespace without root needs Linux 6.2",
      {
        operation: "create",
        subject: "config.json: linux.namespaces",
      },
    );
  }
  const { monotonic, boottime } = config.linux.timeOffsets;
  const lines = Object.entries({ monotonic, boottime }).flatMap(([clock, offset]) =>
    offset ? [`${clock} ${offset.secs} ${offset.nanosecs}\n`] : [],
  );
  const at = "linux.timeOffsets";
  const unshare: Op = { op: "unshare", flags: namespaceFlags.time, at: "linux.namespaces" };
  return lines.length === 0
    ? [unshare]
    : [unshare, { op: "write_proc", file: "timens_offsets", data: lines.join(""), at }];
}

function isOlder(release: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = release.split(".").map(Number);
  return a < major || (a === major && b < minor);
}

/** Root writes any map of ids it has; an ordinary user one line that maps itself, and asks newuidmap(1) for more. */
function planIdMaps(context: PlanContext): Pick<NamespaceOps, "parent" | "atSync"> {
  if (context.namespace("user") !== "new") return { parent: [], atSync: {} };
  const { uidMappings, gidMappings } = context.config.linux;
  const write = (file: string, data: string): Op => ({
    op: "write_proc",
    file,
    data,
    at: "linux.uidMappings",
  });
  const { host } = context;
  const self =
    uidMappings.length === 1 &&
    uidMappings[0]!.size === 1 &&
    uidMappings[0]!.hostID === host.euid &&
    gidMappings.length === 1 &&
    gidMappings[0]!.size === 1 &&
    gidMappings[0]!.hostID === host.egid;
  if (host.capable || self) {
    const deny = host.capable ? [] : [write("setgroups", "deny")];
    return {
      parent: [...deny, write("uid_map", mapText(uidMappings)), write("gid_map", mapText(gidMappings))],
      atSync: {},
    };
  }
  const step: HostStep = { step: "map-ids", uid: mapArguments(uidMappings), gid: mapArguments(gidMappings) };
  return { parent: [{ op: "sync", point: 0, at: "linux.uidMappings" }], atSync: { maps: [step] } };
}

/** Denied where an ordinary user mapped only itself, here or above. */
export function setgroupsOf(context: PlanContext): Setgroups {
  if (context.host.setgroupsDenied) return "denied";
  const user = context.namespace("user");
  if (user !== undefined && user !== "new") return "unknown";
  const { parent } = planIdMaps(context);
  return parent.some((op) => op.op === "write_proc" && op.file === "setgroups") ? "denied" : "allowed";
}
