/** Where a mount goes: onto a path in the root file system, or as the root file system itself. */
import { posix } from "node:path";
import { isBind } from "../../spec/runtime/mount-kind.ts";
import type { Op } from "../wire/ops.ts";
import type { PlanContext } from "./context.ts";

type MoveMount = Extract<Op, { op: "move_mount" }>;

/** Puts a tree onto its place. What is mounted on "/" becomes the root that everything after it is looked up in. */
export function placeOp(context: PlanContext, move: Omit<MoveMount, "op">): Op {
  if (isRoot(move.path)) return { op: "attach_root", tree: move.tree, path: rootPlace(context) };
  return { op: "move_mount", ...move };
}

function isRoot(path: string): boolean {
  return /^[/.]*$/.test(path) && posix.resolve("/", path) === "/";
}

/**
 * Whether the first mount is a root file system that the shim has made, and so nothing of the one below is seen. Then the
 * latter is not looked for: whom the container's root is on the host may not reach it.
 */
export function bringsRoot(context: PlanContext): boolean {
  const [first] = context.config.mounts;
  return (
    first !== undefined &&
    isRoot(first.destination) &&
    !first.options.includes("remount") &&
    (first.type === "overlay" || isBind(first)) &&
    context.sourcePhase === "shim" &&
    !context.sharesMounts &&
    context.request.pivot === "pivot_root"
  );
}

/** Where the root file system is mounted until it becomes "/". */
function rootPlace(context: PlanContext): string {
  return bringsRoot(context) ? "/" : context.bundle.rootfs;
}
