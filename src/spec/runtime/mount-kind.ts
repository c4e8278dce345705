/** What an entry of `mounts` asks for, by its words. Apart from its schema, which who made it need not load. */
import type { Mount } from "./mount.ts";

/** Whether the mount is a bind mount: by the words "bind" and "rbind", or by the pseudo-type that callers also write. */
export function isBind(mount: Mount): boolean {
  return mount.type === "bind" || mount.options.includes("bind") || mount.options.includes("rbind");
}

/** Whether the mount gets an id map: by its own mappings, or by "idmap" or "ridmap" in its options. */
export function isIdMapped(mount: Mount): boolean {
  return mount.uidMappings.length > 0 || mount.options.some((word) => /^r?idmap(=|$)/.test(word));
}
