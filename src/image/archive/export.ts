/** The way back of import: a root file system, of a container for one, as a tar. */
import { type PackOptions, packLayer } from "../layer/pack.ts";
import { writeWhole } from "./write-file.ts";

export type ExportOptions = Omit<PackOptions, "source">;

/**
 * The tar of everything in `dir`, in pieces that are the caller's to keep; the same files give the same bytes.
 * @throws {RuntError} as `packLayer`
 */
export function exportTree(dir: string, options: ExportOptions = {}): AsyncGenerator<Uint8Array, void> {
  return packLayer(dir, { ...options, source: "tree" });
}

/**
 * Writes it to a file that is there when it is whole, or not at all.
 * @throws {RuntError} as `packLayer` and `writeWhole`
 */
export function exportTreeTo(dir: string, path: string, options: ExportOptions = {}): Promise<void> {
  return writeWhole(path, exportTree(dir, options));
}
