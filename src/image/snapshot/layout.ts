/**
 * Where the snapshot store keeps what.
 *
 * ```
 * layers/sha256/<hex of chainID>/   a committed layer, never changed again
 *   diff/                           what a container gets to see of it: one lower directory of OverlayFS
 *   layer.json                      its record
 *   init/                           what lies between it and the layers of containers on top of it; see init-layer.ts
 * active/<alg>-<hex>/               the same while it is filled; whoever fills it has its flock
 * l/<12 hex>                        a link to a layer's diff/, for mounts of many layers
 * writable/<name>/                  the layers of one container on top of an image
 * uses/<a path>                     a directory somewhere that needs a layer; a long one by its SHA-256
 * aside/                            on its way out
 * ```
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ChainID } from "../../spec/image/digest.ts";
import { algorithmOf, hexOf } from "../../spec/image/digest-parts.ts";

/** Only for their owner: an image may hold setuid programs of any age, which nobody should reach past a container. */
const mode = 0o700;

/** The directories of a snapshot store. */
export class SnapshotLayout {
  readonly root: string;
  readonly layers: string;
  readonly active: string;
  readonly links: string;
  readonly writable: string;
  readonly uses: string;
  readonly aside: string;

  constructor(root: string) {
    this.root = root;
    this.layers = join(root, "layers");
    this.active = join(root, "active");
    this.links = join(root, "l");
    this.writable = join(root, "writable");
    this.uses = join(root, "uses");
    this.aside = join(root, "aside");
  }

  /** Makes those that are not there. */
  make(): void {
    // The last one that is made: where it is there, all are.
    if (existsSync(this.aside)) return;
    for (const directory of [this.layers, this.active, this.links, this.writable, this.uses, this.aside]) {
      mkdirSync(directory, { recursive: true, mode });
    }
  }

  /** A committed layer's directory. */
  layer(chainID: ChainID): string {
    return join(this.layers, algorithmOf(chainID), hexOf(chainID));
  }

  /** Where a layer is filled. */
  activeLayer(chainID: ChainID): string {
    return join(this.active, `${algorithmOf(chainID)}-${hexOf(chainID)}`);
  }

  /** A short path that leads to a layer's diff/. */
  link(chainID: ChainID): string {
    return join(this.links, hexOf(chainID).slice(0, 12));
  }
}
