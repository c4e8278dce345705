/** Configurations that are completed without the schema are what the schema would make of them. */
import { describe, expect, test } from "vitest";
import { definitionOf } from "../../../src/engine/container/definition.ts";
import { type RequestChanges, requestOf } from "../../../src/engine/request-defaults.ts";
import { configOf, type SpecFacts } from "../../../src/engine/spec/config.ts";
import { defaultSeccomp } from "../../../src/engine/spec/seccomp-profile.ts";
import { usualConfig } from "../../../src/engine/spec/usual.ts";
import { type Config, readConfig } from "../../../src/spec/runtime/config.ts";

const id = "0123456789abcdef".repeat(4);
const overlay = { destination: "/", type: "overlay", source: "overlay", options: ["lowerdir=/a:/b"] };

const usualFacts: SpecFacts = {
  id,
  rootfs: "/var/lib/runt/rootfs",
  user: { uid: 0, gid: 0, additionalGids: [1, 2, 3], home: "/root" },
  groups: [],
  capabilities: ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN", "CAP_NET_ADMIN"],
  ordinaryUser: false,
  pids: new Map([["other", 7]]),
  network: "new",
  mounts: {
    root: [overlay],
    files: [{ destination: "/etc/hosts", source: "/var/lib/runt/containers/x/hosts" }],
    hostSys: false,
    sharedMemory: undefined,
    volumes: new Map(),
    images: new Map(),
  },
  devices: [],
  resources: { blockDevices: new Map(), devices: { nodes: [], rules: [] }, rules: [], privileged: false },
  seccomp: (held) => defaultSeccomp(held),
  apparmor: undefined,
  init: undefined,
};

const image = { Env: ["A=1"], Cmd: ["sh"], User: "", WorkingDir: "/srv" } as never;

/** @returns what is completed by hand, and what the schema says: a configuration, or why not */
function both(changes: RequestChanges, facts: Partial<SpecFacts> = {}, config: unknown = image) {
  const request = requestOf({ image: "i", ...changes });
  const { hostname = "0123456789ab" } = request;
  const mounts = request.mounts.map((mount) => ({ ...mount, name: "v", source: "/v" }) as never);
  const definition = definitionOf(request, config as never, { image: undefined, hostname, mounts });
  const made = configOf(request, definition, { ...usualFacts, ...facts });
  let read: Config | Error;
  try {
    read = readConfig(made, "config.json");
  } catch (error) {
    read = error as Error;
  }
  return { usual: usualConfig(request, definition, made), read };
}

const none = {} as const;

describe("what nothing special was asked for", () => {
  test.each<[string, RequestChanges, Partial<SpecFacts>]>([
    ["nothing", none, none],
    ["a command", { command: ["a", "b", ""], entrypoint: ["e"], env: ["B=2", "C="], workingDir: "/" }, none],
    ["no network, a read-only root", { network: { mode: "none" }, readonlyRootfs: true }, none],
    ["the host's namespaces", hostNamespaces(), { network: "host" }],
    ["a shareable IPC namespace", { namespaces: { ipc: "shareable" } }, sharedMemory("/run/shm")],
    ["no IPC", { namespaces: { ipc: "none" } }, none],
    ["a user", { user: "1000" }, { user: { uid: 1000, gid: 100, additionalGids: [], home: "" } }],
    ["groups", { groups: ["5"] }, { groups: [5] }],
    ["an init", { init: true }, { init: "/sbin/docker-init" }],
    ["capabilities", { security: { capAdd: ["sys_admin"], capDrop: ["KILL"] } }, none],
    ["no filter", { security: { seccomp: "unconfined" } }, { seccomp: () => undefined }],
    ["no new privileges", { security: { noNewPrivileges: true, systemPaths: "unconfined" } }, none],
    ["AppArmor of the host", none, { apparmor: "runt-default" }],
    ["a host name", { hostname: "x".repeat(64) }, none],
    ["an ordinary user", none, { ordinaryUser: true }],
    ["labels, ports and a restart policy", { labels: { a: "b" }, restart: { name: "always" } }, none],
  ])("%s", (_what, changes, facts) => {
    const { usual, read } = both(changes, facts);
    expect(usual).toEqual(read);
    // A filter that the build has compiled is found by the text of its profile.
    expect(JSON.stringify(usual?.linux.seccomp)).toBe(JSON.stringify((read as Config).linux.seccomp));
    for (const part of [usual!.annotations, usual!.linux.sysctl, usual!.linux.netDevices]) {
      expect(Object.getPrototypeOf(part)).toBeNull();
    }
  });
});

describe("what is to be checked", () => {
  test.each<[string, RequestChanges, Partial<SpecFacts>]>([
    ["a mount", { mounts: [bind("/proc/x")] }, none],
    ["a relative directory", { workingDir: "x" }, none],
    ["a NUL byte in an argument", { command: ["a\0b"] }, none],
    ["a variable without a name", { env: ["=x"] }, none],
    ["a NUL byte in a variable", { env: ["a=\0"] }, none],
    ["a host name that is too long", { hostname: "ä".repeat(33) }, none],
    ["a user that cannot be", none, { user: { uid: 2 ** 32 - 1, gid: 0, additionalGids: [], home: "" } }],
    ["a group that cannot be", none, { groups: [2 ** 40] }],
    ["a sysctl", { sysctls: { "kernel.hostname": "x" } }, none],
    ["a limit", { ulimits: { nofile: { soft: 2, hard: 1 } } }, none],
    ["memory", { resources: { memory: 5, memorySwap: 4 } }, none],
    ["a file of the cgroup", { resources: { unified: { "a/b": "c" } } }, none],
    ["a cgroup", { resources: { cgroupParent: "/a/../b" } }, none],
    ["a path as namespace", { namespaces: { pid: { path: "x" } } }, none],
    ["another's network", { network: { mode: { path: "x" } } }, { network: { path: "x" } }],
    ["not even a boolean", { readonlyRootfs: "yes" as never }, none],
    ["not even texts", { command: [1] as never }, none],
    ["a profile", { security: { seccomp: "/p.json" } }, { seccomp: () => ({ defaultAction: "?" }) }],
  ])("%s: refused by the schema, and not completed", (_what, changes, facts) => {
    const { usual, read } = both(changes, facts);
    expect(read).toBeInstanceOf(Error);
    expect(usual).toBeUndefined();
  });

  test.each<[string, RequestChanges]>([
    ["a domain name", { domainname: "x" }],
    ["annotations", { annotations: { a: "b" } }],
    ["a terminal", { tty: true, consoleSize: { width: 1, height: 70_000 } }],
    ["privileges", { security: { privileged: true } }],
    ["the OOM killer's score", { resources: { oomScoreAdj: 5 } }],
    ["a user namespace", { namespaces: { user: "auto" } }],
    ["a root file system", { rootfs: "/x", image: undefined }],
    ["another runtime", { runtime: "runc" }],
  ])("%s", (_what, changes) => {
    expect(both(changes).usual).toBeUndefined();
  });
});

function hostNamespaces(): RequestChanges {
  return { network: { mode: "host" }, namespaces: { pid: "host", ipc: "host", uts: "host", cgroup: "host" } };
}

function sharedMemory(path: string): Partial<SpecFacts> {
  return { mounts: { ...usualFacts.mounts, sharedMemory: path } };
}

function bind(destination: string) {
  return {
    type: "bind",
    destination,
    source: "/v",
    readonly: false,
    missing: "refuse",
    propagation: "rprivate",
    recursive: "enabled",
    options: [],
  } as const;
}
