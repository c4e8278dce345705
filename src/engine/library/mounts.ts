/** Mounts: as `-v` has them, or in parts. */
import { resolve } from "node:path";
import { RuntError } from "../../errors.ts";
import type { MountRequest, Propagation } from "../request.ts";

export type MountOption =
  /** "/host/path:/container/path[:ro]", "./here:/there", "volume:/container/path", "/anonymous/volume". */
  | string
  | {
      readonly type: "bind";
      /** Must be there. A relative path is read from the working directory. */
      readonly source: string;
      readonly destination: string;
      readonly readOnly?: boolean;
      readonly propagation?: Propagation;
    }
  | {
      readonly type: "volume";
      /** Left out: one that goes with the container. */
      readonly name?: string;
      readonly destination: string;
      readonly readOnly?: boolean;
      /** Whether an empty volume gets what the image has there, as it does by default. */
      readonly copyUp?: boolean;
      readonly subpath?: string;
    }
  | {
      readonly type: "tmpfs";
      readonly destination: string;
      /** mount(8) words: "size=64m". */
      readonly options?: readonly string[];
    }
  | {
      readonly type: "image";
      readonly image: string;
      readonly destination: string;
      readonly subpath?: string;
    };

/** @throws {RuntError} InvalidArgument */
export function mountsOf(options: readonly MountOption[]): MountRequest[] {
  return options.map((option) => {
    const mount = typeof option === "string" ? parse(option) : complete(option);
    if (mount.destination.startsWith("/")) return mount;
    throw badMount(JSON.stringify(option), "the path in the container must be absolute");
  });
}

function complete(option: Exclude<MountOption, string>): MountRequest {
  const { destination } = option;
  const readonly = "readOnly" in option && option.readOnly === true;
  switch (option.type) {
    case "bind":
      return bind(resolve(option.source), destination, readonly, "refuse", option.propagation);
    case "volume":
      return {
        ...volume(option.name, destination, readonly),
        copyUp: option.copyUp ?? true,
        subpath: option.subpath,
      };
    case "tmpfs":
      return { type: "tmpfs", destination, readonly: false, options: option.options ?? [] };
    case "image":
      return { type: "image", destination, readonly: true, image: option.image, subpath: option.subpath };
  }
}

function parse(text: string): MountRequest {
  const [first = "", second, mode, ...more] = text.split(":");
  if (more.length > 0 || (mode !== undefined && mode !== "ro" && mode !== "rw")) {
    throw badMount(text, 'as in "/host:/container:ro" or "volume:/container"');
  }
  if (second === undefined) return volume(undefined, first, false);
  const readonly = mode === "ro";
  return /^[./]/.test(first)
    ? bind(resolve(first), second, readonly, "make")
    : volume(first, second, readonly);
}

function bind(
  source: string,
  destination: string,
  readonly: boolean,
  missing: "make" | "refuse",
  propagation: Propagation = "rprivate",
): MountRequest {
  return {
    type: "bind",
    source,
    destination,
    readonly,
    missing,
    propagation,
    recursive: "enabled",
    options: [],
  };
}

type VolumeMount = Extract<MountRequest, { type: "volume" }>;

function volume(name: string | undefined, destination: string, readonly: boolean): VolumeMount {
  const rest = { copyUp: true, subpath: undefined, driverOptions: {}, labels: {} };
  return { type: "volume", name, destination, readonly, ...rest };
}

function badMount(text: string, why: string): RuntError {
  return new RuntError("InvalidArgument", `mounts: ${text}: ${why}`, {
    operation: "create",
    subject: "mounts",
  });
}
