/** What an entry's name asks for: a place below the layer's root, or that something of the layers below be hidden. */
import { type LayerLimits, overLimit } from "./limits.ts";
import { entryText, malformed } from "./malformed.ts";

const prefix = ".wh.";
/** What aufs kept beside its whiteouts. */
const metaPrefix = ".wh..wh.";
const opaqueName = ".wh..wh..opq";

/** Paths are byte strings without a slash at either end; "" is the layer's root. */
export type NameMeaning =
  | { readonly kind: "path"; readonly path: string }
  /** Nothing of the layers below is at `path`. */
  | { readonly kind: "whiteout"; readonly path: string }
  /** Nothing of the layers below is in the directory at `path`. */
  | { readonly kind: "opaque"; readonly path: string }
  /** The root itself, or what only aufs knew what to do with. */
  | { readonly kind: "ignored" };

/**
 * @see image-spec layer.md#whiteouts
 * @throws {RuntError} InvalidArgument where the name leads out of the root, hides nothing, or is over a limit
 */
export function meaningOf(name: string, limits: LayerLimits): NameMeaning {
  const path = cleanPath(name, limits);
  if (path === "") return { kind: "ignored" };
  if (!path.includes(prefix)) return { kind: "path", path };
  const slash = path.lastIndexOf("/");
  const parent = slash < 0 ? "" : path.slice(0, slash);
  const base = path.slice(slash + 1);
  if (base === opaqueName) return { kind: "opaque", path: parent };
  if (base.startsWith(metaPrefix) || parent.startsWith(metaPrefix) || parent.includes(`/${metaPrefix}`))
    return { kind: "ignored" };
  if (!base.startsWith(prefix)) return { kind: "path", path };
  const hidden = base.slice(prefix.length);
  // "." and ".." would hide the directory itself and the one above it.
  if (hidden === "" || hidden === "." || hidden === "..") throw malformed("is a whiteout of nothing", name);
  return { kind: "whiteout", path: parent === "" ? hidden : `${parent}/${hidden}` };
}

const unclean = /(?:^|\/)\.{0,2}(?:\/|$)/;

/**
 * A name without "." and "..", double slashes and slashes at its ends. An absolute name is one below the root.
 * @throws {RuntError} InvalidArgument
 */
export function cleanPath(name: string, limits: LayerLimits): string {
  // No byte more than a path can have is looked at: a name can be a megabyte long.
  if (name.length > limits.pathBytes * 2)
    throw overLimit(`the name of ${entryText(name)} is longer than ${limits.pathBytes} bytes`, "pathBytes");
  let path = name;
  if (path.startsWith("./")) path = path.slice(2);
  if (path.endsWith("/")) path = path.slice(0, -1);
  if (unclean.test(path) || path === "") path = cleanSlowly(path, name);
  checkLimits(path, name, limits);
  return path;
}

function cleanSlowly(path: string, name: string): string {
  const components: string[] = [];
  for (const component of path.split("/")) {
    if (component === "" || component === ".") continue;
    if (component !== "..") components.push(component);
    else if (components.pop() === undefined) throw malformed("its name leads out of the layer", name);
  }
  return components.join("/");
}

/** @throws {RuntError} InvalidArgument */
export function checkLimits(path: string, name: string, limits: LayerLimits): void {
  if (path.length > limits.pathBytes)
    throw overLimit(`the path of ${entryText(name)} is longer than ${limits.pathBytes} bytes`, "pathBytes");
  if (path.length > limits.depth && path.split("/").length - 1 > limits.depth)
    throw overLimit(`${entryText(name)} is deeper than ${limits.depth} directories`, "depth");
}

/** The directory of a path, and the name in it. */
export function splitPath(path: string): { parent: string; base: string } {
  const slash = path.lastIndexOf("/");
  return { parent: slash < 0 ? "" : path.slice(0, slash), base: path.slice(slash + 1) };
}
