/** What a vendor says of its devices. @see Container Device Interface, SPEC.md, versions 0.3 to 1.0 */

import type { Origin } from "../runtime/document-error.ts";
import { type Hook, hookNames } from "../runtime/hooks.ts";
import {
  absolutePath,
  id,
  int64Number,
  integer,
  nonEmptyText,
  oneOf,
  optionalText,
  texts,
  uint32,
} from "../runtime/leaves.ts";
import { readDocument } from "../runtime/parse.ts";
import {
  array,
  defaulted,
  type Infer,
  leaf,
  list,
  mustBe,
  object,
  optional,
  refuse,
} from "../runtime/schema.ts";

export type { Hook };

const CdiDeviceNode = object(() => ({
  /** In the container. */
  path: absolutePath,
  /** On the host; the same one if empty. */
  hostPath: optionalText,
  /** Absent: what the host's node is. */
  type: optional(oneOf(["b", "c", "u", "p"]), ""),
  major: optional(int64Number),
  minor: optional(int64Number),
  fileMode: optional(uint32),
  /** Of "rwm": what the cgroup allows; all of it if empty. */
  permissions: optionalText,
  uid: optional(id),
  gid: optional(id),
}));

const CdiMount = object(() => ({
  hostPath: nonEmptyText,
  containerPath: absolutePath,
  type: optionalText,
  options: texts,
}));

const CdiHook = object(() => ({
  hookName: oneOf(hookNames),
  path: absolutePath,
  args: texts,
  env: texts,
  timeout: optional(integer(1, Number.MAX_SAFE_INTEGER)),
}));

const ContainerEdits = object(() => ({
  /** "NAME=value". */
  env: list(
    leaf((value) =>
      typeof value === "string" && /^[^=\0]+=[^\0]*$/.test(value)
        ? value
        : refuse(mustBe("NAME=value", value)),
    ),
  ),
  deviceNodes: list(CdiDeviceNode),
  mounts: list(CdiMount),
  hooks: list(CdiHook),
  additionalGids: list(id),
}));
export type ContainerEdits = Infer<typeof ContainerEdits>;

const noEdits = (): object => ({});

const CdiSpec = object(() => ({
  cdiVersion: leaf((value) =>
    typeof value === "string" && /^(0\.[3-8]\.0|1\.\d+\.\d+)$/.test(value)
      ? value
      : refuse(mustBe("a version from 0.3.0 to 1.x", value)),
  ),
  /** "vendor.com/class" */
  kind: leaf((value) =>
    typeof value === "string" && /^[A-Za-z][\w.-]*\/[A-Za-z][\w-]*$/.test(value)
      ? value
      : refuse(mustBe("vendor/class", value)),
  ),
  devices: array(
    object(() => ({
      name: leaf((value) =>
        typeof value === "string" && /^[A-Za-z0-9][\w.:-]*$/.test(value)
          ? value
          : refuse(mustBe("a name", value)),
      ),
      containerEdits: defaulted(ContainerEdits, noEdits),
    })),
  ),
  /** Of each container that gets one of them. */
  containerEdits: defaulted(ContainerEdits, noEdits),
}));
export type CdiSpec = Infer<typeof CdiSpec>;

/** @throws {RuntError} InvalidArgument with the place that is wrong */
export function readCdiSpec(value: unknown, origin: Origin): CdiSpec {
  return readDocument(CdiSpec, value, origin);
}
