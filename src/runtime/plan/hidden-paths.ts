/** `linux.maskedPaths` and `linux.readonlyPaths`. @see runtime-spec 1.3 config-linux.md#masked-paths */
import * as k from "../../linux/mount-flags.ts";
import type { Op } from "../wire/ops.ts";
import type { PlanContext } from "./context.ts";

const S_IFCHR = 0o020000;

export interface HiddenPathOps {
  readonly shim: readonly Op[];
  /** While the host's /dev is still in sight. */
  readonly open: readonly Op[];
  readonly init: readonly Op[];
}

export function planHiddenPaths(context: PlanContext): HiddenPathOps {
  const { maskedPaths, readonlyPaths } = context.config.linux;
  const none = { shim: [], open: [], init: [] };
  if (context.namespace("mount") === undefined) return none;
  const readonly = readonlyPaths.map(
    (path, i): Op => ({ op: "readonly_path", path, at: `linux.readonlyPaths[${i}]` }),
  );
  if (maskedPaths.length === 0) return { ...none, init: readonly };

  const at = "linux.maskedPaths";
  // The host's own null device, checked: one from the container's /dev could be anything (CVE-2025-31133).
  const cover: Op[] = [
    { op: "open_tree", out: "null", dir: null, path: "/dev/null", flags: k.OPEN_TREE_CLONE, at },
    { op: "check_device", fd: "null", type: S_IFCHR, major: 1, minor: 3, at },
  ];
  // One empty directory covers them all.
  const empty: Op = {
    op: "fsmount",
    out: "empty",
    type: "tmpfs",
    options: ["ro", "nr_blocks=1", "nr_inodes=1", "mode=0555"],
    attrs: k.MOUNT_ATTR_RDONLY | k.MOUNT_ATTR_NOSUID | k.MOUNT_ATTR_NODEV | k.MOUNT_ATTR_NOEXEC,
    at,
  };
  const masked = maskedPaths.map(
    (path, i): Op => ({ op: "mask_path", path, null: "null", empty: "empty", at: `${at}[${i}]` }),
  );
  const inShim = context.sourcePhase === "shim";
  return {
    shim: inShim ? cover : [],
    open: inShim ? [empty] : [...cover, empty],
    init: [...readonly, ...masked],
  };
}
