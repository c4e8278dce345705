/** What comes along in an archive of which only the images for some machines are wanted, and goes again. */
import type { Descriptor } from "../spec/image/descriptor.ts";
import type { Digest } from "../spec/image/digest.ts";
import type { Choice } from "./archive/choose-platform.ts";
import { reach } from "./content/graph.ts";
import { indexFileVersion, readIndexFile } from "./content/index-file.ts";
import type { Lease } from "./content/lease.ts";
import type { ContentStore } from "./content/store.ts";

export class Unwanted {
  readonly #content: ContentStore;
  readonly #lease: Lease;
  readonly #version: string;
  readonly #targets = new Set<Digest>();
  readonly #unwanted = new Set<Digest>();
  /** What names led to before, and what is wanted. */
  readonly #kept: Set<Digest>;

  private constructor(content: ContentStore, lease: Lease, version: string, kept: Set<Digest>) {
    this.#content = content;
    this.#lease = lease;
    this.#version = version;
    this.#kept = kept;
  }

  /** To be made before the archive is read. @param lease of who reads it */
  static async of(content: ContentStore, lease: Lease): Promise<Unwanted> {
    const { directory } = content;
    const version = await indexFileVersion(directory);
    const named = (await readIndexFile(directory)).map(({ descriptor }) => descriptor);
    const kept = new Set<Digest>();
    for await (const { digest, present } of reach(directory, named)) if (present) kept.add(digest);
    return new Unwanted(content, lease, version, kept);
  }

  /** What has been chosen of an entry: another entry may want what this one does not. */
  add({ digest }: Descriptor, { wanted, unwanted }: Choice): void {
    this.#targets.add(digest);
    for (const one of wanted) this.#kept.add(one);
    for (const one of unwanted) this.#unwanted.add(one);
  }

  /**
   * Takes it out of the store, while the lease still is there, and no name of ours yet: whom else the same index belongs
   * to meanwhile has said so in index.json.
   */
  async forget(): Promise<void> {
    const manifests = [...this.#unwanted].filter((digest) => !this.#kept.has(digest));
    if (manifests.length === 0) return;
    await this.#content.forget(manifests, {
      from: this.#targets,
      evenPartly: true,
      lease: this.#lease,
      version: this.#version,
    });
  }
}
