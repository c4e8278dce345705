/**
 * Who needs a layer from outside the store: the directory of a bundle or of a container's own layers. As long as that
 * directory is there, the layer and those below it stay; nobody has to say goodbye.
 */
import { readdirSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../../linux/system-error.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import type { ChainID, Digest } from "../../spec/image/digest.ts";
import { sha256 } from "../../spec/sha256.ts";

/** What a commit needs of an image. Not its manifest: that is gone from an index, for one machine, only if it is gone. */
export interface RemovedImage {
  /** Digest of the config. */
  readonly id: Digest;
  readonly layers: readonly Descriptor[];
}

/** One directory and the layer that it needs. */
export interface LayerUse {
  /** Absolute. */
  readonly path: string;
  readonly chainID: ChainID;
  /** Images with that layer on top that were removed since, one of which may be its own. */
  readonly removed?: readonly RemovedImage[];
}

/** So that there is room in a file name, of 255 bytes, for what `noteUse` puts behind it. */
const longestName = 230;

/** Named by the path itself where that fits: to hash it takes longer than to write the file. */
function fileOf(uses: string, path: string): string {
  const name = path.replaceAll(/[%/.]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);
  return join(uses, Buffer.byteLength(name) <= longestName ? name : sha256(path).toString("hex"));
}

/** Notes that the directory `path`, which is there, needs a layer; a former note of it is replaced. */
export function noteUse(uses: string, use: LayerUse): void {
  const file = fileOf(uses, use.path);
  const temporary = `${file}.${process.pid}.new`;
  writeFileSync(temporary, `${JSON.stringify(use)}\n`, { mode: 0o600 });
  renameSync(temporary, file);
}

/** Takes the note back. */
export function dropUse(uses: string, path: string): void {
  try {
    unlinkSync(fileOf(uses, path));
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}

/** The uses whose directory is still there; the notes of others are dropped. */
export function livingUses(uses: string): LayerUse[] {
  const living: LayerUse[] = [];
  for (const name of readdirSync(uses)) {
    const file = join(uses, name);
    if (name.endsWith(".new")) {
      if (!isRunning(Number(name.split(".")[1]))) rmSync(file, { force: true });
      continue;
    }
    const use = readUse(file);
    if (!use) continue;
    if (isThere(use.path)) living.push(use);
    else rmSync(file, { force: true });
  }
  return living;
}

function readUse(file: string): LayerUse | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as LayerUse;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined; // taken back meanwhile
    throw error;
  }
}

/** What we cannot look at may be there: a disk that is not mounted just now answers ENOENT, no permission does not. */
function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch (error) {
    return !hasCode(error, "ENOENT", "ENOTDIR");
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, "EPERM");
  }
}
