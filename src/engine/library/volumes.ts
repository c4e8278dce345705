/** Volumes, for a program. */
import { randomBytes } from "node:crypto";
import { RuntError } from "../../errors.ts";
import type { Engine } from "../engine.ts";
import type { VolumeInspect, VolumeOptions } from "../volume/volume.ts";

/** Disposed of, it is removed with what is in it. */
export class RuntVolume implements AsyncDisposable {
  readonly name: string;
  /** On the host. */
  readonly path: string;
  readonly #engine: Engine;

  constructor(engine: Engine, { Name, Mountpoint }: VolumeInspect) {
    this.#engine = engine;
    this.name = Name;
    this.path = Mountpoint;
  }

  /** Twice does no harm. @throws {RuntError} FailedPrecondition where a container has it */
  async remove(): Promise<void> {
    await this.#engine.removeVolume(this.name, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }
}

export class RuntVolumes {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Without a name one is made up; one that is there already stays as it is. */
  async create(options: Omit<VolumeOptions, "driver"> = {}): Promise<RuntVolume> {
    // One without a name would go with the first container that has it.
    const name = options.name ?? randomBytes(32).toString("hex");
    return new RuntVolume(this.#engine, await this.#engine.createVolume({ ...options, name }));
  }

  /** @throws {RuntError} NotFound */
  async get(name: string): Promise<RuntVolume> {
    return new RuntVolume(this.#engine, await this.#engine.inspectVolume(name));
  }

  async list(): Promise<VolumeInspect[]> {
    return await this.#engine.listVolumes();
  }

  /** @throws {RuntError} NotFound; FailedPrecondition where a container has it */
  async remove(name: string): Promise<void> {
    if (name === "") throw new RuntError("InvalidArgument", "a volume has a name", { operation: "volume" });
    await this.#engine.removeVolume(name);
  }
}
