/** How a user namespace counts users and groups, and how the host does. @see user_namespaces(7) */
import { readFileSync, readlinkSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import type { IdMaps } from "../request.ts";

interface Range {
  readonly inside: number;
  readonly outside: number;
  readonly length: number;
}

export class IdMap {
  /** Where both count alike. */
  static readonly same: IdMap = new IdMap([], []);
  readonly #uids: readonly Range[];
  readonly #gids: readonly Range[];

  private constructor(uids: readonly Range[], gids: readonly Range[]) {
    this.#uids = uids;
    this.#gids = gids;
  }

  /** Of the user namespace of a process. */
  static ofProcess(pid: number): IdMap {
    const namespace = (of: number | "self") => readlinkSync(`/proc/${of}/ns/user`);
    // Who is in it himself is shown how its ids are outside.
    if (namespace(pid) === namespace("self")) return IdMap.same;
    return new IdMap(
      parseIdMap(readFileSync(`/proc/${pid}/uid_map`, "latin1")),
      parseIdMap(readFileSync(`/proc/${pid}/gid_map`, "latin1")),
    );
  }

  /** Of a container that may not run; without maps both count alike. */
  static of(maps: IdMaps | undefined): IdMap {
    if (!maps) return IdMap.same;
    const ranges = (list: IdMaps["uid"]) =>
      list.map(({ containerID, hostID, size }) => ({ inside: containerID, outside: hostID, length: size }));
    return new IdMap(ranges(maps.uid), ranges(maps.gid));
  }

  /** @throws {RuntError} InvalidArgument for who is nobody there */
  toHost(owner: { readonly uid: number; readonly gid: number }): { uid: number; gid: number } {
    return { uid: outside(this.#uids, owner.uid), gid: outside(this.#gids, owner.gid) };
  }

  /** 65534 for who has no name there, as in the container itself. */
  toContainer(owner: { readonly uid: number; readonly gid: number }): { uid: number; gid: number } {
    return { uid: inside(this.#uids, owner.uid), gid: inside(this.#gids, owner.gid) };
  }
}

/** The lines of /proc/PID/uid_map; nothing where they change nothing. */
export function parseIdMap(text: string): Range[] {
  const ranges = text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number, number])
    .map(([inside, outside, length]) => ({ inside, outside, length }));
  return ranges.every((range) => range.inside === range.outside) ? [] : ranges;
}

const overflowId = 65534;

function outside(ranges: readonly Range[], id: number): number {
  if (ranges.length === 0) return id;
  const range = ranges.find(({ inside, length }) => id >= inside && id < inside + length);
  if (!range) {
    throw new RuntError("InvalidArgument", `owner ${id} is nobody in the container's user namespace`, {
      operation: "cp",
    });
  }
  return range.outside + id - range.inside;
}

function inside(ranges: readonly Range[], id: number): number {
  if (ranges.length === 0) return id;
  const range = ranges.find(({ outside, length }) => id >= outside && id < outside + length);
  return range ? range.inside + id - range.outside : overflowId;
}
