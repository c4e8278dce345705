/** The user namespace of a process that is no container's: `--userns=ns:/proc/PID/ns/user`. */
import { constants, openSync, statSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import { Fd } from "../../linux/fd.ts";
import { readIdMap } from "../../linux/id-map.ts";
import { mapText } from "../../runtime/plan/id-maps.ts";
import type { IdMaps } from "../request.ts";
import type { IdKind } from "../store/id-ranges.ts";

/** A namespace that stays what it is until this is disposed of, whatever becomes of the process. */
export interface HeldNamespace extends Disposable {
  /** Leads to it in this process, and not to another's that has got the same number. */
  readonly path: string;
  /** Its own. */
  readonly maps: IdMaps;
}

/** Undefined: the one that we are in. @throws {RuntError} for a path that does not say whose it is, and where nobody is */
export function mapsOfPath(path: string, operation: string): IdMaps | undefined {
  using held = hold(path, operation);
  return held?.maps;
}

function hold(path: string, operation: string): HeldNamespace | undefined {
  const pid = /^\/proc\/(\d+)\/ns\/user$/.exec(path)?.[1];
  if (pid === undefined) {
    const what = `--userns=ns:${path}: the ids of a namespace are known by one of its processes`;
    const site = { operation, hint: "give it as ns:/proc/PID/ns/user" };
    throw new RuntError("Unimplemented", what, site);
  }
  try {
    // What is found by it is that very process's, or nothing: the number may be another's at any moment.
    using process = new Fd(openSync(`/proc/${pid}`, constants.O_RDONLY | constants.O_DIRECTORY));
    const place = `self/fd/${process.n}`;
    using stack = new DisposableStack();
    const namespace = stack.use(new Fd(openSync(`/proc/${place}/ns/user`, constants.O_RDONLY)));
    const held = `/proc/self/fd/${namespace.n}`;
    if (statSync(held).ino === statSync("/proc/self/ns/user").ino) return undefined;
    const maps = { uid: readIdMap(place, "uid"), gid: readIdMap(place, "gid") };
    const kept = stack.move();
    return { path: held, maps, [Symbol.dispose]: () => kept.dispose() };
  } catch (error) {
    throw new RuntError("NotFound", `--userns=ns:${path}: no such namespace`, { operation, path }, error);
  }
}

/**
 * At each start: the number may be another process's by now, and the container's files are shown with the maps that it was
 * made with.
 * @param maps that the container was made with
 * @returns the caller's, to be disposed of once the container is in it
 * @throws {RuntError} NotFound, FailedPrecondition
 */
export function holdMapsOfPath(path: string, maps: IdMaps): HeldNamespace {
  using stack = new DisposableStack();
  const held = hold(path, "start");
  if (held) stack.use(held);
  const same = (kind: IdKind) => held && mapText(held.maps[kind]) === mapText(maps[kind]);
  if (held && same("uid") && same("gid")) {
    stack.move();
    return held;
  }
  const what = `--userns=ns:${path}: has other ids than when the container was made`;
  throw new RuntError("FailedPrecondition", what, {
    operation: "start",
    path,
    hint: "make the container anew, with a process of that namespace",
  });
}
