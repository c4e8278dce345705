/** The images of an engine, for a program. */
import type { ArchiveInput } from "../../image/archive/input.ts";
import type { PullOptions } from "../container/image.ts";
import type { Engine } from "../engine.ts";

/** A path, or bytes. */
export type ArchiveSource = string | AsyncIterable<Uint8Array>;

function inputOf(archive: ArchiveSource): ArchiveInput {
  return typeof archive === "string" ? archive : { name: "archive", bytes: archive };
}

export interface ImageInfo {
  readonly id: string;
  /** Full: "docker.io/library/alpine:3". */
  readonly names: readonly string[];
  readonly created: Date | undefined;
  readonly bytes: number;
  readonly labels: Readonly<Record<string, string>>;
}

export class RuntImages {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Fetches an image. `onProgress` is told how it goes. @returns its full name and its ID. @throws {RuntError} of the registry */
  async pull(
    name: string,
    options: PullOptions = {},
  ): Promise<{ readonly name: string; readonly id: string }> {
    const { name: full, image } = await (await this.#engine.images()).pull(name, options);
    return { name: full, id: image.id };
  }

  /** Newest first. */
  async list(): Promise<ImageInfo[]> {
    const images = await (await this.#engine.images()).list();
    return images.map(({ id, names, created, bytes, labels }) => ({ id, names, created, bytes, labels }));
  }

  /** By name, ID or the beginning of one. */
  async has(text: string): Promise<boolean> {
    const { RuntError } = await import("../../errors.ts");
    try {
      await (await this.#engine.images()).find(text, { operation: "find" });
      return true;
    } catch (error) {
      if (error instanceof RuntError && error.kind === "NotFound") return false;
      throw error;
    }
  }

  /** An archive as `docker save` or `runt save` writes it, from a file or a stream. @returns full names */
  async load(archive: ArchiveSource, options: { readonly signal?: AbortSignal } = {}): Promise<string[]> {
    const loaded = await (await this.#engine.images()).load(inputOf(archive), options);
    return loaded.flatMap(({ names }) => names);
  }

  /** The tar of a root file system as an image. @param changes lines of a Dockerfile: "CMD true". @returns its ID */
  async import(
    archive: ArchiveSource,
    name: string,
    options: { readonly changes?: readonly string[]; readonly signal?: AbortSignal } = {},
  ): Promise<string> {
    return await (await this.#engine.images()).import(inputOf(archive), name, options);
  }

  /** Gives it one more name. */
  async tag(image: string, name: string): Promise<void> {
    await (await this.#engine.images()).tag(image, name);
  }

  /** @throws {RuntError} NotFound; FailedPrecondition where a container uses it, unless `force` */
  async remove(
    image: string,
    options: { readonly force?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    await (await this.#engine.images()).remove(image, { force: false, ...options });
  }
}
