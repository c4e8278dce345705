/**
 * Images as a whole: what the command line, the engine and the library ask for. Each verb is a file of its own beside
 * this one, and loaded when it is called; here they only meet.
 */

import type { FsckOptions } from "./content/fsck.ts";
import type { OnImageEvent } from "./event.ts";
import type { StoredImage } from "./find.ts";
import type { RegistryOptions } from "./registry/options.ts";
import type { Stores } from "./stores.ts";
import { openStores } from "./stores.ts";

export class ImageStore {
  /** The stores below it, for what is not here. */
  readonly stores: Stores;

  private constructor(stores: Stores) {
    this.stores = stores;
  }

  /**
   * The images below `root`, "/var/lib/runt"; made where there is nothing.
   * @param onEvent is told what happens to them
   * @throws {RuntError} PermissionDenied
   */
  static async open(root: string, onEvent?: OnImageEvent): Promise<ImageStore> {
    return new ImageStore(await openStores(root, onEvent));
  }

  /** Pulls the image that `name` means at its registry, and unpacks it. See `pullByName`. */
  async pull(
    name: string,
    options: import("./pull-by-name.ts").PullByNameOptions = {},
  ): Promise<import("./pull.ts").Pulled> {
    const { pullByName } = await import("./pull-by-name.ts");
    return await pullByName(this.stores, name, options);
  }

  /** What a name may mean at registries. See `meaningsOf`. */
  async meanings(text: string, registry?: RegistryOptions) {
    const [{ placesFor }, { meaningsOf }] = await Promise.all([
      import("./pull-by-name.ts"),
      import("./registries-conf/short-name.ts"),
    ]);
    return await meaningsOf(text, placesFor(registry));
  }

  /** All tags of the repository that `name`, a full one, is in. */
  async tags(
    name: string,
    options: {
      readonly registry?: RegistryOptions | undefined;
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<string[]> {
    const [{ parseReference }, { openRegistry }] = await Promise.all([
      import("./reference/reference.ts"),
      import("./registry/client.ts"),
    ]);
    await using registry = await openRegistry(parseReference(name), options.registry);
    return await registry.listTags(options.signal);
  }

  /** Pushes the image `name`, to where its full name says or to `destination`. See `pushImage`. */
  async push(
    name: string,
    options: import("./push.ts").PushOptions & {
      readonly registry?: RegistryOptions | undefined;
      readonly destination?: string;
    } = {},
  ): Promise<import("./push.ts").Pushed> {
    const [{ parseReference }, { openRegistry }, { pushImage }] = await Promise.all([
      import("./reference/reference.ts"),
      import("./registry/client.ts"),
      import("./push.ts"),
    ]);
    const { destination = (await this.find(name, { operation: "push" })).name ?? name } = options;
    const reference = parseReference(destination);
    await using registry = await openRegistry(reference, options.registry);
    return await pushImage(this.stores, registry, name, reference, options);
  }

  /** Every image, newest first. See `listImages`. */
  async list(...args: Rest<typeof import("./list.ts").listImages>) {
    return (await import("./list.ts")).listImages(this.stores, ...args);
  }

  /** The image that `text` means: a name, an ID, the beginning of an ID. See `findImage`. */
  async find(...args: Rest<typeof import("./find.ts").findImage>) {
    return (await import("./find.ts")).findImage(this.stores, ...args);
  }

  /** Gives an image another name. See `tagImage`. */
  async tag(...args: Rest<typeof import("./tag.ts").tagImage>) {
    return (await import("./tag.ts")).tagImage(this.stores, ...args);
  }

  /** Removes a name, or an image. See `removeImage`. */
  async remove(...args: Rest<typeof import("./remove.ts").removeImage>) {
    return (await import("./remove.ts")).removeImage(this.stores, ...args);
  }

  /** Removes images that nobody needs. See `pruneImages`. */
  async prune(...args: Rest<typeof import("./remove.ts").pruneImages>) {
    return (await import("./remove.ts")).pruneImages(this.stores, ...args);
  }

  /** The steps by which an image was made. See `historyOf`. */
  async history(image: StoredImage) {
    return (await import("./history.ts")).historyOf(this.stores, image);
  }

  /** All that is known of an image. See `inspectImage`. */
  async inspect(image: StoredImage) {
    return (await import("./inspect.ts")).inspectImage(this.stores, image);
  }

  /** Makes a bundle of an image. See `unpackImage`. */
  async unpack(...args: Rest<typeof import("./unpack/unpack.ts").unpackImage>) {
    return (await import("./unpack/unpack.ts")).unpackImage(this.stores, ...args);
  }

  /** Makes an image of what a container has changed. See `commitImage`. */
  async commit(...args: Rest<typeof import("./commit.ts").commitImage>) {
    return (await import("./commit.ts")).commitImage(this.stores, ...args);
  }

  /** Loads the images of an archive. See `loadImages`. */
  async load(...args: Rest<typeof import("./load.ts").loadImages>) {
    return (await import("./load.ts")).loadImages(this.stores, ...args);
  }

  /** Makes an image out of a tar of a root file system. See `importFile`. */
  async import(...args: Rest<typeof import("./load.ts").importFile>) {
    return (await import("./load.ts")).importFile(this.stores, ...args);
  }

  /** Writes images to a file or a directory. See `saveImagesTo`. */
  async saveTo(...args: Rest<typeof import("./save.ts").saveImagesTo>) {
    return (await import("./save.ts")).saveImagesTo(this.stores, ...args);
  }

  /** The bytes of an archive of images. See `saveImages`. */
  async *save(...args: Rest<typeof import("./save.ts").saveImages>) {
    yield* (await import("./save.ts")).saveImages(this.stores, ...args);
  }

  /** Removes blobs and layers that nobody needs. See `collectGarbage`. */
  async collect(signal?: AbortSignal) {
    return (await import("./collect.ts")).collectGarbage(this.stores, signal);
  }

  /** Looks whether everything is what it should be. See `checkStores`. */
  async fsck(options?: FsckOptions) {
    return (await import("./fsck.ts")).checkStores(this.stores, options);
  }
}

/** The arguments after the stores. */
// biome-ignore lint/suspicious/noExplicitAny: only inferred from
type Rest<F extends (stores: Stores, ...rest: any[]) => unknown> = F extends (
  stores: Stores,
  ...rest: infer R
) => unknown
  ? R
  : never;
