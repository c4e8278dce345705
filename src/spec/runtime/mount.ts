/** The `mounts` section of config.json. @see runtime-spec 1.3 config.md#mounts */
import { idMappings } from "./id-mapping.ts";
import { optionalText, readText, texts } from "./leaves.ts";
import { type Infer, leaf, object, refuse } from "./schema.ts";

/** Absolute when read: the spec has a relative destination taken from "/". */
const destination = leaf((value) => {
  const path = readText(value);
  if (typeof path !== "string") return path;
  if (path === "") return refuse("must not be empty");
  return path.startsWith("/") ? path : `/${path}`;
});

/** One entry of `mounts`. They are mounted in the listed order. */
export const Mount = object(() => ({
  /** Absolute path inside the container; may still hold ".." and symbolic links. */
  destination,
  /** Host path, device or dummy name. A relative bind source is read from the bundle. */
  source: optionalText,
  /** Filesystem type as in /proc/filesystems. A bind mount is told by its options (see mount-kind.ts). */
  type: optionalText,
  /** mount(8) words and filesystem-specific data, in order; a later word wins. */
  options: texts,
  /** Id map of this mount alone; comes with `gidMappings`. */
  uidMappings: idMappings,
  gidMappings: idMappings,
}));
export type Mount = Infer<typeof Mount>;
