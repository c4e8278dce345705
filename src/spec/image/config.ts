/**
 * The image config: what a container of the image runs, and the diffIDs of its layers. Its digest is the
 * image's ID, so it is only read; whoever changes one works on the parsed JSON, of which nothing is dropped.
 * @see image-spec config.md
 */
import { boolean, int64Number, optionalText, text, texts } from "../runtime/leaves.ts";
import {
  array,
  defaulted,
  filled,
  type Infer,
  leaf,
  list,
  mustBe,
  object,
  optional,
  record,
  refuse,
} from "../runtime/schema.ts";
import { diffID } from "./digest.ts";

/** A Go `map[string]struct{}`: only the keys say something. */
const set = optional(record(object(() => ({}))));

/** Docker's check whether a container is well. Durations in nanoseconds; 0 or absent is the engine's default. */
export const Healthcheck = object(() => ({
  /** `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", text]`; empty is inherited. */
  Test: optional(array(text)),
  Interval: optional(int64Number),
  Timeout: optional(int64Number),
  StartPeriod: optional(int64Number),
  StartInterval: optional(int64Number),
  Retries: optional(int64Number),
}));
export type Healthcheck = Infer<typeof Healthcheck>;

/** What a container of the image is started with unless told otherwise. */
export const ContainerConfig = object(() => ({
  /** user, uid, user:group, uid:gid, … as in the image's own /etc/passwd. */
  User: optionalText,
  /** Keys such as "80/tcp", "53/udp", "8080". */
  ExposedPorts: set,
  /** NAME=value. */
  Env: texts,
  Entrypoint: optional(array(text)),
  Cmd: optional(array(text)),
  /** Paths that get an anonymous volume. */
  Volumes: set,
  WorkingDir: optionalText,
  Labels: optional(record(text)),
  StopSignal: optionalText,
  Healthcheck: optional(Healthcheck),
  /** What the shell form of a Dockerfile's instructions is run by. */
  Shell: optional(array(text)),
  OnBuild: optional(array(text)),
  ArgsEscaped: optional(boolean),
}));
export type ContainerConfig = Infer<typeof ContainerConfig>;

/** One step of how the image was made. */
export const History = object(() => ({
  /** RFC 3339. */
  created: optionalText,
  created_by: optionalText,
  author: optionalText,
  comment: optionalText,
  /** The step made no layer. */
  empty_layer: optional(boolean),
}));
export type History = Infer<typeof History>;

const rootfsType = leaf((value) => (value === "layers" ? "layers" : refuse(mustBe('"layers"', value))));

/** An image config, OCI's or docker's. */
export const ImageConfig = object(() => ({
  /** RFC 3339. */
  created: optionalText,
  author: optionalText,
  /** Of this and `os`, "" is not said: the standard asks for both, not every tool writes them. */
  architecture: defaulted(text, () => ""),
  os: defaulted(text, () => ""),
  variant: optionalText,
  "os.version": optionalText,
  "os.features": optional(texts),
  config: filled(ContainerConfig),
  rootfs: object(() => ({
    type: rootfsType,
    /** Of the uncompressed layers, bottom first: as many as the manifest has layers. */
    diff_ids: list(diffID),
  })),
  history: list(History),
}));
export type ImageConfig = Infer<typeof ImageConfig>;
