/** Ranges of user or group ids and what they are called outside. @see runtime-spec 1.3 config-linux.md#user-namespace-mappings */
import { id, integer } from "./leaves.ts";
import { type Infer, list, object } from "./schema.ts";

/** `size` ids from `containerID` on are `hostID` and following on the host. */
export const LinuxIDMapping = object(() => ({
  containerID: id,
  hostID: id,
  /** How many ids; the kernel takes no empty range. */
  size: integer(1, 2 ** 32 - 1),
}));
export type LinuxIDMapping = Infer<typeof LinuxIDMapping>;

/** `uidMappings`, `gidMappings`: none when absent. */
export const idMappings = list(LinuxIDMapping);
