/** A container as `state` and `list` print it: the specification's members, then runc's. */
import type { ListedContainer } from "../../../runtime/api.ts";
import { sorted } from "../../output.ts";

/** The members in runc's order; no annotations are no member, a stopped container has pid 0. */
export function stateDocument(container: ListedContainer): object {
  const { ociVersion, id, pid, status, bundle, rootfs, created, annotations, owner } = container;
  const some = annotations && Object.keys(annotations).length > 0;
  return {
    ociVersion,
    id,
    pid: pid ?? 0,
    status,
    bundle,
    rootfs,
    created,
    ...(some && { annotations: sorted(annotations) }),
    owner,
  };
}
