/** The root file system: attached, pivoted into, and given its final propagation. */
import * as k from "../../linux/mount-flags.ts";
import type { Op } from "../wire/ops.ts";
import type { PlanContext } from "./context.ts";
import { slaveTree } from "./mounts.ts";
import { bringsRoot } from "./place.ts";

export interface RootfsOps {
  readonly shim: readonly Op[];
  /** Before anything is mounted in it. */
  readonly attach: readonly Op[];
  /** When everything is mounted and the createContainer hooks have run. */
  readonly enter: readonly Op[];
}

const propagationTypes: Record<string, number> = {
  private: k.MS_PRIVATE,
  shared: k.MS_SHARED,
  slave: k.MS_SLAVE,
  unbindable: k.MS_UNBINDABLE,
};

/** The mount(2) flag of "rslave", and whether it is for everything below too. */
function parsePropagation(word: string): { type: number; at_flags: number } {
  const recursive = word.startsWith("r");
  return {
    type: propagationTypes[recursive ? word.slice(1) : word]!,
    at_flags: recursive ? k.AT_RECURSIVE : 0,
  };
}

export function planRootfs(context: PlanContext): RootfsOps {
  const { config, bundle, request } = context;
  if (context.namespace("mount") === undefined) {
    return { shim: [], attach: [], enter: [] };
  }
  const tree = "root";
  const open: Op = {
    op: "open_tree",
    out: tree,
    dir: null,
    path: bundle.rootfs,
    flags: k.OPEN_TREE_CLONE | k.AT_RECURSIVE,
    at: "root.path",
  };
  const wanted = config.linux.rootfsPropagation;
  // Nothing mounted here may reach the host, unless that is what was asked for.
  const first = context.sharesMounts ? k.MS_SHARED : wanted?.endsWith("private") ? k.MS_PRIVATE : k.MS_SLAVE;
  const attach: Op[] = [
    {
      op: "propagation",
      path: "/",
      propagation: first,
      at_flags: k.AT_RECURSIVE,
      at: "linux.rootfsPropagation",
    },
  ];
  // pivot_root(2) refuses a new root whose parent mount is shared.
  if (context.sharesMounts) {
    attach.push({
      op: "propagation",
      path: bundle.rootfsMount,
      propagation: k.MS_PRIVATE,
      at_flags: 0,
      at: "root.path",
    });
  }
  const brought = bringsRoot(context);
  const shim =
    context.sourcePhase === "shim" && !brought
      ? [open, ...(context.sharesMounts ? [] : [slaveTree(tree)])]
      : [];
  if (context.sourcePhase === "init") attach.push(open);
  if (context.sharesMounts) {
    const own = {
      op: "tree_setattr",
      tree,
      at_flags: 0,
      set: 0,
      clear: 0,
      propagation: k.MS_PRIVATE,
      userns: null,
    } as const;
    attach.push({ ...own, at: "root.path" });
  }
  if (!brought) attach.push({ op: "attach_root", tree, path: bundle.rootfs, at: "root.path" });

  const enter: Op[] = [];
  if (request.pivot === "pivot_root") enter.push({ op: "pivot_root", at: "root.path" });
  else {
    // Chroot leaves the old mounts reachable, and a full procfs among them would let a user namespace mount one.
    for (const path of bundle.procMounts) enter.push({ op: "umount", path, optional: true, at: "root.path" });
    enter.push({ op: "move_root", at: "root.path" });
  }
  if (wanted !== undefined) {
    const { type, at_flags } = parsePropagation(wanted);
    enter.push({
      op: "mount_setattr",
      path: "/",
      at_flags,
      set: 0,
      clear: 0,
      propagation: type,
      at: "linux.rootfsPropagation",
    });
  }
  return { shim, attach, enter };
}

/** `root.readonly`, last of all. */
export function planReadonlyRoot({ config }: PlanContext): Op[] {
  if (!config.root.readonly) return [];
  const plain = { op: "mount_setattr", path: "/", at_flags: 0, clear: 0, propagation: 0 } as const;
  return [{ ...plain, set: k.MOUNT_ATTR_RDONLY, at: "root.readonly" }];
}
