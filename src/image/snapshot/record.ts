/** What is known of a committed layer, kept beside it. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { ChainID, DiffID } from "../../spec/image/digest.ts";

/** A committed layer. */
export interface LayerRecord {
  readonly chainID: ChainID;
  readonly diffID: DiffID;
  /** The layer below; absent for the lowest. */
  readonly parent?: ChainID;
  /** Of its files' content. */
  readonly bytes: number;
  /** Files, directories and everything else. */
  readonly entries: number;
  /** When it was committed: RFC 3339. */
  readonly created: string;
}

const name = "layer.json";

/** Writes the record into a layer's directory that nobody else sees yet. */
export function writeRecord(directory: string, record: LayerRecord): void {
  writeFileSync(join(directory, name), `${JSON.stringify(record)}\n`, { mode: 0o600 });
}

/**
 * Reads it back.
 * @returns undefined where there is no such layer
 * @throws {RuntError} Internal where the record is damaged
 */
export function readRecord(directory: string): LayerRecord | undefined {
  const path = join(directory, name);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
  try {
    const record = JSON.parse(text) as LayerRecord;
    if (typeof record.chainID === "string" && typeof record.diffID === "string") return record;
  } catch {} // said below
  throw new RuntError("Internal", `${path}: damaged`, {
    operation: "snapshot",
    path,
    hint: "runt image fsck --repair takes the layer away, and the next pull brings it back",
  });
}
