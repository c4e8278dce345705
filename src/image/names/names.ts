/**
 * Names of images: entries of the content store's index.json, so that skopeo can be told
 * `oci:/var/lib/runt/content:NAME`. Changed under the store's lock, replaced by rename, read without either.
 */
import { RuntError } from "../../errors.ts";
import { REF_NAME } from "../../spec/image/annotations.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import type { Digest } from "../../spec/image/digest.ts";
import type { ContentDirectory } from "../content/directory.ts";
import { type IndexEntry, readIndexFile, writeIndexFile } from "../content/index-file.ts";
import type { ContentStore } from "../content/store.ts";

/** An image that the store keeps. */
export interface NamedImage {
  /** "docker.io/library/busybox:latest"; undefined for an image that is kept without one. */
  readonly name: string | undefined;
  /** Of its manifest, or of the index that it was found by. */
  readonly descriptor: Descriptor;
}

/** A change of names: every one is made, or none. */
export interface NameChanges {
  /** New names, and names that point elsewhere from now on. */
  readonly set?: ReadonlyMap<string, Descriptor>;
  /** Names to remove; those that are not there are passed over. */
  readonly remove?: Iterable<string>;
  /** Images to keep without a name: an entry is made unless there is one, with or without a name. */
  readonly keep?: Iterable<Descriptor>;
  /** Nameless entries to remove. */
  readonly drop?: Iterable<Digest>;
  /** Called while nobody else can change names, or collect what has none, before any of it is done. */
  readonly whileLocked?: () => void;
}

export class ImageNames {
  readonly #directory: ContentDirectory;
  readonly #store: ContentStore;

  constructor(store: ContentStore) {
    this.#store = store;
    this.#directory = store.directory;
  }

  /** What the name points to; undefined where nothing has it. */
  async get(name: string): Promise<Descriptor | undefined> {
    return (await this.list()).find((image) => image.name === name)?.descriptor;
  }

  /** All images, in the order of their names, those without one last. */
  async list(): Promise<NamedImage[]> {
    const images = (await readIndexFile(this.#directory)).map(({ name, descriptor }) => ({
      name,
      descriptor: withoutName(descriptor),
    }));
    return images.sort((a, b) => order(a.name, b.name));
  }

  /**
   * Points a name to an image that is in the store.
   * @returns what it pointed to before
   * @throws {RuntError} NotFound where the image is not in the store; InvalidArgument for a name that is none
   */
  async set(name: string, descriptor: Descriptor, signal?: AbortSignal): Promise<Descriptor | undefined> {
    const before = await this.change({ set: new Map([[name, descriptor]]) }, signal);
    return before.find((image) => image.name === name)?.descriptor;
  }

  /**
   * Removes a name. The image stays until garbage is collected, or for as long as it has another one.
   * @returns what it pointed to; undefined where nothing had it
   */
  async remove(name: string, signal?: AbortSignal): Promise<Descriptor | undefined> {
    const before = await this.change({ remove: [name] }, signal);
    return before.find((image) => image.name === name)?.descriptor;
  }

  /**
   * Makes several changes at once.
   * @returns the images as they were just before
   * @throws {RuntError} as `set`
   */
  async change(changes: NameChanges, signal?: AbortSignal): Promise<NamedImage[]> {
    const { set = new Map(), remove = [], keep = [], drop = [], whileLocked } = changes;
    for (const name of set.keys()) checkName(name);
    using _lock = await this.#directory.lock(signal);
    const before = await readIndexFile(this.#directory);
    const gone = new Set([...remove, ...set.keys()]);
    const dropped = new Set(drop);
    const after: IndexEntry[] = before.filter(({ name, descriptor }) =>
      name === undefined ? !dropped.has(descriptor.digest) : !gone.has(name),
    );
    for (const [name, descriptor] of set) after.push({ name, descriptor: await this.#stored(descriptor) });
    for (const descriptor of keep) {
      if (after.some((entry) => entry.descriptor.digest === descriptor.digest)) continue;
      after.push({ name: undefined, descriptor: await this.#stored(descriptor) });
    }
    whileLocked?.();
    if (!isSame(before, after)) await writeIndexFile(this.#directory, after);
    return before.map(({ name, descriptor }) => ({ name, descriptor: withoutName(descriptor) }));
  }

  /** Says that names lead to more than before, to those that remember what they led to: the file is a new one. */
  async refresh(signal?: AbortSignal): Promise<void> {
    using _lock = await this.#directory.lock(signal);
    await writeIndexFile(this.#directory, await readIndexFile(this.#directory));
  }

  /** Under the lock: what is there now cannot be collected before index.json names it. */
  async #stored(descriptor: Descriptor): Promise<Descriptor> {
    if (await this.#store.has(descriptor.digest)) return descriptor;
    throw new RuntError("NotFound", `image ${descriptor.digest} is not in the store`, {
      operation: "name",
      subject: `image ${descriptor.digest}`,
    });
  }
}

/** Names are written into other tools' references, so nothing that would end one there. */
function checkName(name: string): void {
  if (/^[\x21-\x7e]{1,1024}$/.test(name)) return;
  throw new RuntError("InvalidArgument", `not a name for an image: ${JSON.stringify(name.slice(0, 200))}`, {
    operation: "name",
  });
}

function withoutName(descriptor: Descriptor): Descriptor {
  const { annotations = {}, ...rest } = descriptor;
  const { [REF_NAME]: _name, ...others } = annotations;
  return Object.keys(others).length === 0 ? rest : { ...rest, annotations: others };
}

function order(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? 1 : -1;
  return a < b ? -1 : 1;
}

function isSame(before: readonly IndexEntry[], after: readonly IndexEntry[]): boolean {
  return before.length === after.length && before.every((entry, i) => entry === after[i]);
}
