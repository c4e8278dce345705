/**
 * The engine as a program holds it: no daemon, and no program beside this one.
 *
 * ```ts
 * await using runt = await Runt.open();
 * const { stdout } = await runt.run("alpine", { command: ["uname", "-a"], network: "none" });
 * ```
 */

import { RuntError } from "../../errors.ts";
import { hierarchy } from "../../runtime/cgroup/hierarchy.ts";
import type { PullOptions } from "../container/image.ts";
import type { ListedContainer, ListOptions } from "../container/ps.ts";
import { Engine, type EngineOptions } from "../engine.ts";
import { Attended } from "./attended.ts";
import { type BuilderStartOptions, type BuiltContainer, ContainerBuilder } from "./builder.ts";
import { type Aborting, RuntContainer } from "./container.ts";
import { RuntImages } from "./images.ts";
import { RuntNetworks } from "./networks.ts";
import type { ContainerOptions } from "./options.ts";
import { containerRequest } from "./request.ts";
import type { RunOptions, RunResult } from "./run.ts";
import { RuntVolumes } from "./volumes.ts";

export interface RuntOptions extends EngineOptions, Aborting {}

export class Runt implements AsyncDisposable {
  /** The verbs below, one for one, for what is not here. */
  readonly engine: Engine;
  readonly images: RuntImages;
  readonly volumes: RuntVolumes;
  readonly networks: RuntNetworks;
  readonly #attended = new Attended();

  private constructor(engine: Engine) {
    this.engine = engine;
    this.images = new RuntImages(engine);
    this.volumes = new RuntVolumes(engine);
    this.networks = new RuntNetworks(engine);
  }

  /**
   * Opens the engine of a root, "/var/lib/runt" by default: the one that the command line has. Any number of programs may.
   * @throws {RuntError} PermissionDenied, Unavailable
   */
  static async open({ signal, ...options }: RuntOptions = {}): Promise<Runt> {
    signal?.throwIfAborted();
    return new Runt(await Engine.open(options));
  }

  /** Fetches an image. See `RuntImages.pull`. */
  pull(name: string, options?: PullOptions): Promise<{ readonly name: string; readonly id: string }> {
    return this.images.pull(name, options);
  }

  /**
   * Makes a container, runs it to its end and removes it.
   * @throws {RuntError} why it could not run, never because of what the program did; the signal's reason
   */
  async run(image: string, options: RunOptions = {}): Promise<RunResult> {
    return await (await import("./run.ts")).runToEnd(this.engine, image, options);
  }

  /** Makes a container; nothing runs. @throws {RuntError} with nothing left behind */
  async create(image: string, options: ContainerOptions & Aborting = {}): Promise<RuntContainer> {
    const { signal, onProgress, registry } = options;
    const request = containerRequest(image, options);
    const created = await this.engine.create(request, { pull: { onProgress, registry }, signal });
    return new RuntContainer(this.engine, this.#attended, created);
  }

  /** Makes a container and starts it. Resolves when its program runs. @throws {RuntError} with nothing left behind */
  async start(image: string, options: ContainerOptions & Aborting = {}): Promise<RuntContainer> {
    return await this.#ready(await this.create(image, options), (container) => container.start(options));
  }

  /** A container said step by step, that is waited for until it is ready. */
  container(image: string): ContainerBuilder {
    return new ContainerBuilder(image, (built, options) => this.#build(built, options));
  }

  /** One that is there: by name, ID or the beginning of one. @throws {RuntError} NotFound */
  async get(text: string): Promise<RuntContainer> {
    return new RuntContainer(this.engine, this.#attended, await this.engine.find(text, "get"));
  }

  /** What containers there are; by default those that run. */
  async list(options?: ListOptions): Promise<ListedContainer[]> {
    return await this.engine.list(options);
  }

  /** What this machine can limit: names of cgroup v2's controllers, "memory", "pids", "cpu". Without one its limit is refused. */
  controllers(): ReadonlySet<string> {
    try {
      return hierarchy().controllers;
    } catch (error) {
      if (error instanceof RuntError) return new Set();
      throw error;
    }
  }

  async #build(built: BuiltContainer, { signal }: BuilderStartOptions): Promise<RuntContainer> {
    const { image, options, files, strategy, startupTimeoutMs } = built;
    const created = await this.create(image, { ...options, signal });
    return await this.#ready(created, async (container) => {
      for (const { source, content, target, mode } of files) {
        if (source !== undefined) await container.copyTo(source, target, { signal });
        else await container.writeFile(target, content ?? "", { mode, signal });
      }
      await container.start({ signal });
      if (!strategy) return;
      const { untilReady } = await import("./wait/until-ready.ts");
      await untilReady(container, strategy, { timeoutMs: startupTimeoutMs, signal });
    });
  }

  /** What does not get ready is not left lying about. */
  async #ready(
    container: RuntContainer,
    work: (container: RuntContainer) => Promise<void>,
  ): Promise<RuntContainer> {
    try {
      await work(container);
      return container;
    } catch (error) {
      await container.remove().catch(() => {});
      throw error;
    }
  }

  /** Closes it. Containers go on, and what is to be done at their end their monitors see to. */
  close(): void {
    this.#attended.leave();
    this.engine[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
