/** What a container finds in its file system: `-v`, `--mount`, `--tmpfs`, `--volumes-from`, `--read-only`, `--shm-size`. */
import type { ContainerRequest, MountRequest } from "../../engine/request.ts";
import type { OptionSpecs, OptionValues } from "../option.ts";
import { cut } from "./environment.ts";
import { conflict, flagError } from "./flag-error.ts";
import { parseMount } from "./mount.ts";
import { bytesOf } from "./quantity.ts";
import type { Surroundings } from "./surroundings.ts";
import { parseTmpfs } from "./tmpfs.ts";
import { parseVolume } from "./volume.ts";

const group = "Storage";

export const storageOptions = {
  volume: {
    type: "strings",
    short: "v",
    value: "[source:]dest[:options]",
    group,
    summary:
      "mount a directory of the host (/a, ./a), a volume (a name), or a new volume (no source); options: ro, nocopy, rshared, rslave …",
  },
  mount: {
    type: "strings",
    value: "key=value,…",
    group,
    summary: "the same in words: type=bind|volume|tmpfs|image,source=…,target=…[,readonly]",
  },
  tmpfs: {
    type: "strings",
    value: "path[:options]",
    group,
    summary: "mount an empty file system in memory: size=64m, mode=1777, exec",
  },
  volumesFrom: {
    type: "strings",
    value: "container[:ro]",
    group,
    summary: "all mounts of another container, in the same places",
  },
  readOnly: { type: "boolean", group, summary: "nothing can be written but to mounts" },
  shmSize: { type: "string", value: "size", default: "64m", group, summary: "size of /dev/shm" },
} as const satisfies OptionSpecs;

type Storage = Pick<ContainerRequest, "mounts" | "volumesFrom" | "readonlyRootfs" | "shmSize">;

/** @throws {RuntError} InvalidArgument */
export function storageOf(options: OptionValues<typeof storageOptions>, { cwd }: Surroundings): Storage {
  const mounts: MountRequest[] = [
    ...options.volume.map((text) => parseVolume(text, cwd)),
    ...options.mount.map((text) => parseMount(text, cwd)),
    ...options.tmpfs.map(parseTmpfs),
  ];
  const seen = new Set<string>();
  for (const { destination } of mounts) {
    if (seen.has(destination)) throw conflict(`duplicate mount point: ${destination}`);
    seen.add(destination);
  }
  const shmSize = bytesOf("--shm-size", options.shmSize);
  if (shmSize === 0) throw flagError("--shm-size", options.shmSize, "must be greater than 0");
  return {
    mounts,
    volumesFrom: options.volumesFrom.map(volumeFrom),
    readonlyRootfs: options.readOnly,
    shmSize,
  };
}

function volumeFrom(text: string): ContainerRequest["volumesFrom"][number] {
  const [container, list] = cut(text, ":");
  const words = list === undefined ? [] : list.split(",");
  const wrong = words.find((word) => !["ro", "rw", "z"].includes(word));
  if (container === "" || wrong !== undefined) {
    throw flagError(
      "--volumes-from",
      text,
      wrong === undefined ? "no container" : `invalid option ${JSON.stringify(wrong)}`,
    );
  }
  return { container, readonly: words.includes("ro") };
}
