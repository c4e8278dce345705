/** Makes a cgroup: each directory of its path, with the controllers handed down from level to level. */
import { mkdirSync, rmdirSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import { hasCode } from "../../linux/system-error.ts";
import { Cgroup } from "./cgroup.ts";
import { kernelRefusal } from "./errors.ts";
import { hierarchy, words } from "./hierarchy.ts";
import { levels, parentPath } from "./path.ts";

/** What a cgroup is, as far as it matters to its neighbours: the kernel makes them alike. */
type Kind = "domain" | "threaded";

/** What is known of a directory whose children have been made before. */
interface Ready {
  /** What its last child was. */
  readonly kind: Kind;
  readonly controllers: ReadonlySet<string>;
}

/** Directories that this process has made ready for children, so that the next one costs a mkdir only. */
const ready = new Map<string, Ready>();

/** What `createCgroup` made, outermost first; what existed before is not in it. */
export type Made = readonly Cgroup[];

/**
 * Makes `cgroup` and whatever is missing above it.
 * @param domainController a controller that a limit needs and that a threaded cgroup cannot have
 * @throws {RuntError} FailedPrecondition where it has processes or is frozen, or is threaded and must not be;
 *   PermissionDenied; nothing is left behind then
 */
export function createCgroup(cgroup: Cgroup, domainController: string | undefined): Made {
  const parent = new Cgroup(cgroup.mountPoint, parentPath(cgroup.path));
  const known = ready.get(parent.dir);
  if (known) {
    try {
      return makeLeaf(cgroup, known.kind, domainController).made;
    } catch (error) {
      // Somebody removed the parent since.
      if (!hasCode((error as RuntError).cause, "ENOENT")) throw error;
      ready.delete(parent.dir);
    }
  }
  const made: Cgroup[] = [];
  try {
    const controllers = makeParents(parent, domainController, made);
    const leaf = makeLeaf(cgroup, undefined, domainController);
    made.push(...leaf.made);
    ready.set(parent.dir, { kind: leaf.kind, controllers });
    return made;
  } catch (error) {
    removeMade(made);
    throw error;
  }
}

/** Removes, innermost first, what `createCgroup` made and nobody else uses. */
export function removeMade(made: Made): void {
  for (const each of made.toReversed()) {
    each[Symbol.dispose]();
    ready.delete(each.dir);
    try {
      rmdirSync(each.dir);
    } catch {
      // In use by now, by a neighbour: then it is theirs.
      return;
    }
  }
}

/**
 * The controllers that a cgroup at `path` has, or would have once made: those of the nearest ancestor that
 * exists, since what exists above can be handed down.
 */
export function availableControllers(mountPoint: string, path: string): ReadonlySet<string> {
  for (let at = parentPath(path); at !== "/"; at = parentPath(at)) {
    using ancestor = new Cgroup(mountPoint, at);
    const known = ready.get(ancestor.dir)?.controllers;
    if (known) return known;
    const text = ancestor.readIfAny("cgroup.controllers");
    if (text !== undefined) return words(text);
  }
  return hierarchy().controllers;
}

/** Hands the controllers down once more, where a limit found its file missing. */
export function enableControllersAbove(cgroup: Cgroup): void {
  ready.clear();
  using root = new Cgroup(cgroup.mountPoint, "/");
  enableControllers(root);
  for (const path of levels(cgroup.path).slice(0, -1)) {
    using level = new Cgroup(cgroup.mountPoint, path);
    enableControllers(level);
  }
}

/** @returns the controllers that the leaf can have */
function makeParents(
  parent: Cgroup,
  domainController: string | undefined,
  made: Cgroup[],
): ReadonlySet<string> {
  using root = new Cgroup(parent.mountPoint, "/");
  let controllers = enableControllers(root);
  for (const path of parent.path === "/" ? [] : levels(parent.path)) {
    const level = new Cgroup(parent.mountPoint, path);
    try {
      if (makeDirectory(level)) made.push(level);
      settleType(level, domainController);
      controllers = enableControllers(level);
    } finally {
      level[Symbol.dispose]();
    }
  }
  return controllers;
}

/** @param kind what its neighbours are, where that is known: then there is no need to look */
function makeLeaf(
  cgroup: Cgroup,
  kind: Kind | undefined,
  domainController: string | undefined,
): { made: Made; kind: Kind } {
  if (!makeDirectory(cgroup)) {
    refuseInUse(cgroup);
    return { made: [], kind: settleType(cgroup, domainController) };
  }
  try {
    return { made: [cgroup], kind: kind === "domain" ? kind : settleType(cgroup, domainController) };
  } catch (error) {
    removeMade([cgroup]);
    throw error;
  }
}

/** @returns whether it is new */
function makeDirectory(cgroup: Cgroup): boolean {
  try {
    mkdirSync(cgroup.dir, 0o755);
    return true;
  } catch (error) {
    // A read-only file system says so even for what exists.
    if (hasCode(error, "EEXIST") || (hasCode(error, "EROFS") && cgroup.exists())) return false;
    throw kernelRefusal(error, `cannot make cgroup ${cgroup.path}`, {
      operation: "create",
      path: cgroup.dir,
    });
  }
}

/**
 * Below a threaded cgroup, or one with processes and threaded controllers, a cgroup begins as "domain
 * invalid". It can be made threaded, which memory and I/O limits rule out.
 */
function settleType(cgroup: Cgroup, domainController: string | undefined): Kind {
  const type = cgroup.readIfAny("cgroup.type")?.trim() ?? "domain";
  if (type === "domain") return "domain";
  if (domainController) {
    throw new RuntError(
      "FailedPrecondition",
      `the ${domainController} controller cannot be used in cgroup ${cgroup.path}, which is in ${type} mode`,
      { operation: "create", path: cgroup.dir },
    );
  }
  if (type === "domain invalid") {
    try {
      cgroup.write("cgroup.type", "threaded");
    } catch (error) {
      const what = `cannot make cgroup ${cgroup.path} threaded`;
      throw kernelRefusal(error, what, { operation: "create", path: cgroup.dir });
    }
  }
  return "threaded";
}

/**
 * Enables for the children whatever is available. Failures are left to be found by the limit that misses its
 * file, because what cannot be enabled is often not wanted either: for an ordinary user, beside processes
 * ("no internal processes" rule), cpu beside realtime tasks.
 * @returns what is available, enabled or not
 */
function enableControllers(cgroup: Cgroup): ReadonlySet<string> {
  const available = cgroup.path === "/" ? hierarchy().controllers : cgroup.controllers();
  const enabled = words(cgroup.readIfAny("cgroup.subtree_control") ?? "");
  const missing = [...available].filter((name) => !enabled.has(name));
  if (missing.length === 0) return available;
  const enable = (names: readonly string[]): boolean => {
    try {
      cgroup.write("cgroup.subtree_control", names.map((name) => `+${name}`).join(" "));
      return true;
    } catch {
      return false;
    }
  };
  if (!enable(missing)) for (const name of missing) enable([name]);
  return available;
}

/** @throws {RuntError} FailedPrecondition for a cgroup that has processes or is frozen */
export function refuseInUse(cgroup: Cgroup): void {
  const site = { operation: "create", path: cgroup.dir };
  if (cgroup.populated()) {
    const n = cgroup.processes().length;
    throw new RuntError(
      "FailedPrecondition",
      `container's cgroup is not empty: ${n} process(es) found`,
      site,
    );
  }
  if (cgroup.readIfAny("cgroup.freeze")?.trim() === "1") {
    throw new RuntError("FailedPrecondition", "container's cgroup unexpectedly frozen", site);
  }
}
