/** Opens what the verbs work with: cheap, because most commands need little of it. */
import { chmodSync, existsSync } from "node:fs";
import { RuntError } from "../errors.ts";
import type { SnapshotStore } from "../image/snapshot/store.ts";
import type { ImageStore } from "../image/store.ts";
import { makeDirectory } from "../linux/make-directory.ts";
import { errnoText, hasCode } from "../linux/system-error.ts";
import type { CgroupManager, RuntimeContext } from "../runtime/api.ts";
import type { HostCommand } from "../runtime/plan/monitor.ts";
import type { EngineContext } from "./context.ts";
import { defaultEngineRoot, defaultRunRoot, EngineLayout } from "./layout.ts";
import type { NetworkDriver } from "./network-driver.ts";
import { afterExitCommand, execInCommand, healthChangedCommand, unlessAttended } from "./program.ts";
import { EngineStore } from "./store/store.ts";

export interface EngineOptions {
  /** "/var/lib/runt", or below the home directory of an ordinary user. Absolute. */
  readonly root?: string | undefined;
  /** "/run/runt-engine". Absolute. */
  readonly runRoot?: string | undefined;
  readonly cgroupManager?: CgroupManager | undefined;
  /** Messages that are no errors. */
  readonly log?: RuntimeContext["log"] | undefined;
  /** What a monitor becomes in the end, in place of `runt internal after-exit ID`; "none": nothing. */
  readonly afterExit?: ((id: string) => HostCommand) | "none" | undefined;
  /** What `userns: "auto"` takes from, in place of what user "containers" has in /etc/subuid and /etc/subgid. */
  readonly idRanges?: EngineContext["idRanges"];
  /** In place of the engine's own. */
  readonly network?: ((context: EngineContext) => NetworkDriver) | undefined;
}

/** @throws {RuntError} PermissionDenied, Unavailable */
export function openContext(options: EngineOptions): EngineContext {
  if (process.geteuid!() !== 0) {
    throw new RuntError("PermissionDenied", "an ordinary user's program must be root of a user namespace", {
      operation: "open",
      hint: "call enterUserNamespace() first, or start it with runt unshare",
    });
  }
  const layout = new EngineLayout(options.root ?? defaultEngineRoot(), options.runRoot ?? defaultRunRoot());
  makeDirectories(layout);
  const log = options.log ?? (() => {});
  let images: Promise<ImageStore> | undefined;
  let snapshots: Promise<SnapshotStore> | undefined;
  let network: Promise<NetworkDriver> | undefined;
  const { afterExit } = options;
  const store = EngineStore.open(layout.database);
  const context: EngineContext = {
    layout,
    store,
    log,
    runtime: {
      root: layout.runRoot,
      cgroupManager: options.cgroupManager ?? "cgroupfs",
      rootless: "auto",
      log,
    },
    images: () => {
      images ??= openImages(layout.root, store, log);
      return images;
    },
    snapshots: () => {
      snapshots ??= openSnapshots(layout.root);
      return snapshots;
    },
    network: () => {
      network ??= openNetwork(context, options);
      return network;
    },
    afterExit: (id) =>
      afterExit === "none"
        ? undefined
        : afterExit
          ? unlessAttended(layout, id, afterExit(id))
          : afterExitCommand(layout, id),
    healthChanged: (id) => (afterExit === undefined ? healthChangedCommand(layout, id) : undefined),
    execCommand: (record, words) => execInCommand(layout, record, words),
    idRanges: options.idRanges,
  };
  return context;
}

async function openImages(root: string, store: EngineStore, log: EngineContext["log"]): Promise<ImageStore> {
  const [{ ImageStore }, { imageEvents }] = await Promise.all([
    import("../image/store.ts"),
    import("./image-events.ts"),
  ]);
  return ImageStore.open(root, imageEvents(store, log));
}

async function openSnapshots(root: string): Promise<SnapshotStore> {
  return (await import("../image/snapshots.ts")).openSnapshots(root);
}

async function openNetwork(context: EngineContext, options: EngineOptions): Promise<NetworkDriver> {
  if (options.network) return options.network(context);
  return (await import("./network-modes.ts")).openNetworkDriver(context);
}

function makeDirectories(layout: EngineLayout): void {
  // The last that is made: where it is there, all are.
  if (existsSync(layout.rootfs) && existsSync(`${layout.runRoot}/`)) return;
  try {
    for (const path of [layout.root, layout.containers, layout.volumes]) makeDirectory(path, 0o700);
    makeDirectory(layout.runRoot, 0o711);
    makeDirectory(layout.rootfs, 0o755);
    // Whatever our umask.
    chmodSync(layout.rootfs, 0o755);
  } catch (error) {
    const { path = layout.root, code = "", errno = 0 } = error as NodeJS.ErrnoException;
    const kind = hasCode(error, "EACCES", "EPERM", "EROFS") ? "PermissionDenied" : "Unavailable";
    const why = hasCode(error, "EEXIST", "ENOTDIR") ? "there is a file in the way" : errnoText(-errno);
    const hint = "--data-root and --root name directories that can be made";
    throw new RuntError(
      kind,
      `cannot make the directory ${path}: ${why}`,
      { operation: "open", path, code, hint },
      error,
    );
  }
}
