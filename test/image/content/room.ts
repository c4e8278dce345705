/** A directory with a store for one test, and processes that work on it. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { ContentStore } from "../../../src/image/content/store.ts";
import { ImageNames } from "../../../src/image/names/names.ts";
import { compiled } from "../../support/compiled.ts";
import type { Event, Order } from "./store-process.ts";

/** Compiled when the first process is started. */
let program: string | undefined;

type OrderWithoutRoot = Order extends infer O ? (O extends Order ? Omit<O, "root"> : never) : never;

/** A root with a store; removed with all its processes. */
export class Room implements AsyncDisposable {
  readonly root: string;
  readonly store: ContentStore;
  readonly names: ImageNames;
  readonly #processes: StoreProcess[] = [];

  private constructor(root: string, store: ContentStore) {
    this.root = root;
    this.store = store;
    this.names = new ImageNames(store);
  }

  static async make(): Promise<Room> {
    const root = await mkdtemp(join(tmpdir(), "runt-content-"));
    return new Room(root, await ContentStore.open(root));
  }

  /** Names in a directory of the store: "ingest", "leases", "trash", "blobs/sha256". */
  list(directory: string): string[] {
    return readdirSync(join(this.store.directory.path, directory)).sort();
  }

  /** A path of this room that nothing has yet. */
  path(name: string): string {
    return join(this.root, name);
  }

  /** Starts a process on this store, or on another root. */
  start(order: OrderWithoutRoot, options: { root?: string; wrapper?: readonly string[] } = {}): StoreProcess {
    const { root = this.root, wrapper = [] } = options;
    const started = new StoreProcess([...wrapper], JSON.stringify({ ...order, root }));
    this.#processes.push(started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const started of this.#processes) await started.kill();
    await rm(this.root, { recursive: true, force: true });
  }
}

/** One process, and what it has told so far. */
export class StoreProcess {
  readonly events: Event[] = [];
  readonly exited: Promise<unknown>;
  readonly #child: ChildProcessByStdio<null, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(wrapper: string[], order: string) {
    program ??= compiled(join(import.meta.dirname, "store-process.ts"));
    const [command, ...args] = [...wrapper, process.execPath, program, order];
    this.#child = spawn(command!, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.exited = once(this.#child, "exit");
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** The next thing that it tells; undefined at its end. */
  async next(): Promise<Event | undefined> {
    const { value, done } = await this.#lines.next();
    if (done) return undefined;
    const event = JSON.parse(value) as Event;
    this.events.push(event);
    return event;
  }

  /** Waits until it tells this. @throws where it ends first */
  async until<E extends Event["event"]>(name: E): Promise<Event & { event: E }> {
    for (let event = await this.next(); event !== undefined; event = await this.next()) {
      if (event.event === name) return event as Event & { event: E };
    }
    throw new Error(`the process ended without "${name}": ${JSON.stringify(this.events.slice(-3))}`);
  }

  /** Waits for its end. @returns all that it told */
  async end(): Promise<Event[]> {
    while ((await this.next()) !== undefined);
    await this.exited;
    return this.events;
  }

  /** kill -9, and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await this.exited;
  }
}
