/**
 * Where the engine keeps what.
 *
 * ```
 * <root>/engine.db              containers, volumes, events; see store/schema.ts
 * <root>/containers/<id>/       the monitor's records, log, hosts, hostname, resolv.conf; upper/, work/, init/
 * <root>/volumes/<name>/_data   a named volume's files
 * <root>/networks/              definitions of networks; see network/
 * <root>/network/               who has what on them
 * <root>/rootfs/                empty: what the root file system is mounted over, in the container's own namespace
 * <runRoot>/<id>/               what the OCI runtime keeps of a container that exists in the kernel
 * ```
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { isOrdinaryUser } from "../runtime/library/default-root.ts";

export class EngineLayout {
  /** "/var/lib/runt": the images' root too. */
  readonly root: string;
  /** "/run/runt-engine": gone after a reboot. */
  readonly runRoot: string;

  constructor(root: string, runRoot: string) {
    this.root = root;
    this.runRoot = runRoot;
  }

  get database(): string {
    return join(this.root, "engine.db");
  }

  get containers(): string {
    return join(this.root, "containers");
  }

  get volumes(): string {
    return join(this.root, "volumes");
  }

  /** Definitions of networks. */
  get definitions(): string {
    return join(this.root, "networks");
  }

  /** Leases, claims and records of networks. */
  get network(): string {
    return join(this.root, "network");
  }

  get rootfs(): string {
    return join(this.root, "rootfs");
  }

  /** Of a container: the monitor's directory too. */
  container(id: string): string {
    return join(this.root, "containers", id);
  }

  log(id: string): string {
    return join(this.root, "containers", id, "log");
  }

  /** What another OCI runtime keeps of its container. */
  foreignState(id: string): string {
    return join(this.runRoot, id);
  }

  /** /dev/shm of a container that shares it; on the tmpfs of `runRoot`. */
  sharedMemory(id: string): string {
    return join(this.runRoot, ".shm", id);
  }
}

/** Where the data are when nobody says. */
export function defaultEngineRoot(environment: NodeJS.ProcessEnv = process.env): string {
  if (!isOrdinaryUser()) return "/var/lib/runt";
  return join(environment.XDG_DATA_HOME || join(environment.HOME || homedir(), ".local/share"), "runt");
}

/** Where the run state is when nobody says. */
export function defaultRunRoot(environment: NodeJS.ProcessEnv = process.env): string {
  if (!isOrdinaryUser()) return "/run/runt-engine";
  return join(environment.XDG_RUNTIME_DIR || `/tmp/runt-${process.geteuid!()}`, "runt-engine");
}
