/** From `linux.cgroupsPath` to a place in the hierarchy. */
import { RuntError } from "../../errors.ts";

/**
 * The cgroup of a container, as a path from the mount point of cgroup2.
 *
 * An absolute `cgroupsPath` counts from the mount point. A relative one, and `id` where there is none,
 * counts from the parent of the runtime's own cgroup: the own one has processes in it, and the kernel gives
 * no controllers to the children of such a cgroup.
 *
 * @param own cgroup of the runtime
 * @throws {RuntError} InvalidArgument for "..", for a name the kernel has no room for, and for the root
 * @see runtime-spec 1.3 config-linux.md#cgroups-path
 */
export function cgroupPath(cgroupsPath: string, id: string, own: string): string {
  const refuse = (why: string): RuntError => {
    const subject = "config.json: linux.cgroupsPath";
    return new RuntError("InvalidArgument", `${subject}: ${why}`, { operation: "create", subject });
  };
  const wanted = cgroupsPath === "" ? id : cgroupsPath;
  const names = wanted.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) throw refuse('must be without ".."');
  if (names.some((name) => Buffer.byteLength(name) > 255))
    throw refuse("a name in it is longer than 255 bytes");
  if (/[\n\0]/.test(wanted)) throw refuse("must be one line without NUL bytes");
  // Killing or freezing such a container would mean the whole machine.
  if (names.length === 0) throw refuse("must not be the root of the hierarchy");
  const parent = wanted.startsWith("/") ? "" : own.replace(/\/[^/]*$/, "");
  return `${parent}/${names.join("/")}`;
}

/** "/a/b/c" → "/a/b"; the parent of "/a" is "/". */
export function parentPath(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** "/a/b" → ["/a", "/a/b"], outermost first. */
export function levels(path: string): string[] {
  const names = path.split("/").slice(1);
  return names.map((_, i) => `/${names.slice(0, i + 1).join("/")}`);
}
