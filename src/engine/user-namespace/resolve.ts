/** `--userns`: from what is asked for to maps of ids. */
import { RuntError } from "../../errors.ts";
import { MergedView } from "../../image/snapshot/merged.ts";
import { isPrivileged } from "../../image/snapshots.ts";
import { readIdMap } from "../../linux/id-map.ts";
import { type IdRange, subordinateIds } from "../../linux/subordinate-ids.ts";
import { layerMapping } from "../../runtime/plan/overlay.ts";
import type { LinuxIDMapping } from "../../spec/runtime/id-mapping.ts";
import { checkIdMap } from "../../spec/runtime/validate/id-maps.ts";
import { findRecord } from "../container/find.ts";
import type { EngineContext } from "../context.ts";
import type { ContainerRequest, IdMaps } from "../request.ts";
import { isSame } from "../spec/id-maps.ts";
import type { IdKind } from "../store/id-ranges.ts";
import { mapsOfPath } from "./of-process.ts";
import { allot, keepIdMap, mapInOrder } from "./ranges.ts";
import { neededIds } from "./size.ts";

export interface ResolvedUserNamespace {
  /** The request, with what follows from the namespace: "host" where it turns out to be the host's. */
  readonly request: ContainerRequest;
  /** In the transaction that makes the container `id`: its maps, which nobody else gets from then on. */
  take(id: string): IdMaps | undefined;
  /** See `Definition.owners`. */
  readonly owners: "stored" | undefined;
}

type Resolution = Omit<ResolvedUserNamespace, "owners">;

/** Where ids for "auto" come from, and what a mode means, which is not the same for root and an ordinary user. */
interface Surroundings {
  readonly context: EngineContext;
  readonly request: ContainerRequest;
  /** Of the image, top to bottom. */
  readonly layers: () => readonly string[];
  readonly imageUser: string;
  /** Undefined for root of the machine. */
  readonly own: OwnIds | undefined;
}

const kinds = ["uid", "gid"] as const;
const files = { uid: "/etc/subuid", gid: "/etc/subgid" } as const;
/** All but the last, which is nobody's. */
const everyId = 2 ** 32 - 1;

/**
 * @param layers of the image, top to bottom @param imageUser that the image's config names
 * @throws {RuntError} InvalidArgument, FailedPrecondition, NotFound
 */
export function resolveUserNamespace(
  context: EngineContext,
  request: ContainerRequest,
  layers: () => readonly string[],
  imageUser: string,
): ResolvedUserNamespace {
  const own = isPrivileged() ? undefined : ownIds();
  const mapped = request.mounts.find((mount) => mount.type === "bind" && mount.idMaps !== undefined);
  if (own && mapped) {
    throw refused(
      "Unimplemented",
      `mount at ${mapped.destination}: idmap is for root: no kernel lets anybody else`,
    );
  }
  const resolved = resolutionOf({ context, request, layers, imageUser, own });
  return { ...resolved, owners: own && "stored" };
}

function resolutionOf(here: Surroundings): Resolution {
  const { context, request, own } = here;
  const asked = request.namespaces.user;
  switch (asked) {
    case "host":
      return { request, take: () => undefined };
    case "auto":
      return automatic(here, { size: undefined, uid: [], gid: [] });
    case "nomap":
      if (!own) throw refused("InvalidArgument", "--userns=nomap: nomap is only supported in rootless mode");
      return fixed(
        here,
        bothKinds((kind) => [{ containerID: 0, hostID: 1, size: own.count[kind] - 1 }]),
      );
    case "keep-id":
      return keepIds(here, { uid: undefined, gid: undefined });
  }
  if ("auto" in asked) return automatic(here, asked.auto);
  if ("keepId" in asked) return keepIds(here, asked.keepId);
  if ("maps" in asked) return fixed(here, asked.maps);
  if ("subordinate" in asked) return fixed(here, subordinate(here, asked.subordinate));
  if ("path" in asked) {
    const maps = mapsOfPath(asked.path, "create");
    if (maps && !own) checkLayers(maps);
    // As with "keep-id": who has everybody's ids takes them from nobody.
    return joined(request, maps, (id) => maps && !isSame(maps) && note(context.store, id, maps));
  }
  const other = findRecord(context, asked.container, "create");
  return joined(request, other.definition.idMaps, (id) => context.store.idRanges.share(other.id, id));
}

function bothKinds(of: (kind: IdKind) => LinuxIDMapping[]): IdMaps {
  return { uid: of("uid"), gid: of("gid") };
}

/** An ordinary user's, as root of its user namespace, who it is outside being 0. */
interface OwnIds {
  readonly outside: Record<IdKind, number>;
  readonly count: Record<IdKind, number>;
}

function ownIds(): OwnIds {
  if (process.geteuid!() !== 0) {
    const what = "--userns: an ordinary user's containers need its user namespace for that";
    throw refused("FailedPrecondition", what, "runt unshare runt run …");
  }
  const [uid, gid] = [readIdMap("self", "uid"), readIdMap("self", "gid")];
  const sum = (maps: LinuxIDMapping[]) => maps.reduce((total, { size }) => total + size, 0);
  return { outside: { uid: uid[0]!.hostID, gid: gid[0]!.hostID }, count: { uid: sum(uid), gid: sum(gid) } };
}

/** Root's are all there are; an ordinary user is one of them, and its program runs as that one. */
function keepIds(
  here: Surroundings,
  asked: { readonly uid: number | undefined; readonly gid: number | undefined },
) {
  const { request, own } = here;
  if (!own) {
    if (asked.uid !== undefined || asked.gid !== undefined) {
      const what = "--userns=keep-id: uid and gid are only supported in rootless mode";
      throw refused("InvalidArgument", what);
    }
    const all = bothKinds(() => [{ containerID: 0, hostID: 0, size: everyId }]);
    return { request, take: () => all };
  }
  const ids = { uid: asked.uid ?? own.outside.uid, gid: asked.gid ?? own.outside.gid };
  const user = request.user ?? `${ids.uid}:${ids.gid}`;
  return fixed(
    { ...here, request: { ...request, user } },
    bothKinds((kind) => keepIdMap(ids[kind], own.count[kind])),
  );
}

/**
 * @param keep in the transaction that makes the container: notes that it has these ids too, since it may run on when the
 *   other one is removed
 */
function joined(request: ContainerRequest, maps: IdMaps | undefined, keep: (id: string) => void): Resolution {
  if (maps) {
    return {
      request,
      take(id) {
        keep(id);
        return maps;
      },
    };
  }
  const namespaces = { ...request.namespaces, user: "host" } as const;
  return { request: { ...request, namespaces }, take: () => undefined };
}

/** What is said may be another container's too; but nobody gets it by "auto". */
function fixed({ context, request, own }: Surroundings, maps: IdMaps): Resolution {
  checkMaps(maps);
  if (!own) checkLayers(maps);
  return {
    request,
    take(id) {
      note(context.store, id, maps);
      return maps;
    },
  };
}

/** @throws {RuntError} InvalidArgument for what no kernel takes: an id twice on either side, too many lines */
function checkMaps(maps: IdMaps): void {
  for (const kind of kinds) {
    checkIdMap(maps[kind], [], ([i, field], message) => {
      const map = maps[kind][i as number];
      const where = map ? ` ${map.containerID}:${map.hostID}:${map.size}: ${String(field)}` : "";
      throw refused("InvalidArgument", `--userns: ${kind} map${where}: ${message}`);
    });
  }
}

/** @throws {RuntError} InvalidArgument for maps that layers cannot be shown with */
function checkLayers(maps: IdMaps): void {
  if (isSame(maps)) return;
  const kind = kinds.find((each) => layerMapping(maps[each]) === undefined);
  if (!kind) return;
  const what = `--userns: ${kind} map: leave id 4294967294 of the container, and one line, to its root file system`;
  throw refused("InvalidArgument", what);
}

function note(store: EngineContext["store"], id: string, maps: IdMaps): void {
  for (const kind of kinds) {
    for (const { hostID, size } of maps[kind])
      store.idRanges.insert(id, kind, { first: hostID, count: size });
  }
}

function subordinate({ own }: Surroundings, names: { readonly uid: string; readonly gid: string }): IdMaps {
  if (own) throw refused("Unimplemented", "--subuidname is for root: an ordinary user has its own ids only");
  const mapOf = (kind: IdKind): LinuxIDMapping[] => {
    const ranges = subordinateIds(files[kind], { uid: -1, name: names[kind] });
    if (ranges.length > 0) return mapInOrder(ranges);
    const what = `--sub${kind}name=${names[kind]}: no ranges found for it in ${files[kind]}`;
    throw refused("FailedPrecondition", what, undefined);
  };
  return { uid: mapOf("uid"), gid: mapOf("gid") };
}

function automatic(here: Surroundings, asked: { readonly size: number | undefined } & IdMaps): Resolution {
  const { context, request, layers, imageUser } = here;
  checkMaps(asked);
  const size = asked.size ?? sizeFor(layers(), request.user ?? imageUser);
  const available = { uid: rangesFor(here, "uid"), gid: rangesFor(here, "gid") };
  const { idRanges } = context.store;
  const allotted = (kind: IdKind): LinuxIDMapping[] => {
    const maps = allot(size, asked[kind], available[kind], idRanges.taken(kind));
    if (maps) return maps;
    const what = `--userns=auto: not enough unused ids in ${files[kind]} for a container of ${size}`;
    throw refused("FailedPrecondition", what, "remove containers, ask for fewer, or put more there");
  };
  return {
    request,
    take(id) {
      const maps = bothKinds(allotted);
      if (!here.own) checkLayers(maps);
      note(context.store, id, maps);
      return maps;
    },
  };
}

function sizeFor(layers: readonly string[], user: string): number {
  const view = new MergedView(layers);
  const text = (path: string) => view.readText(path, 4 << 20) ?? "";
  return neededIds(text("/etc/passwd"), text("/etc/group"), user);
}

/** @throws {RuntError} FailedPrecondition where there are none */
function rangesFor({ context, own }: Surroundings, kind: IdKind): readonly IdRange[] {
  if (own) return [{ first: 1, count: own.count[kind] - 1 }];
  const ranges = context.idRanges?.(kind) ?? subordinateIds(files[kind], { uid: -1, name: "containers" });
  if (ranges.length > 0) return ranges;
  const what = `--userns=auto: no ranges found for user "containers" in ${files[kind]}`;
  throw refused("FailedPrecondition", what, `add one: "containers:2147483647:2147483648"`);
}

function refused(
  kind: "Unimplemented" | "InvalidArgument" | "FailedPrecondition" | "NotFound",
  what: string,
  hint?: string,
  cause?: unknown,
): RuntError {
  return new RuntError(kind, what, { operation: "create", ...(hint !== undefined && { hint }) }, cause);
}
