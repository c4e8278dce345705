/** How much disk a tree takes. */
import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";

/** What a tree takes. */
export interface Usage {
  /** On disk; a file with many links counts once. */
  readonly bytes: number;
  readonly inodes: number;
}

/** st_blocks counts in these, whatever the file system's block size. */
const blockBytes = 512;

export interface UsageOptions {
  /** Whether directories take anything; they do unless said. */
  readonly directories?: "counted" | "free";
  readonly signal?: AbortSignal | undefined;
}

/** Counts the tree at `path`, itself included. */
export async function usageOf(
  path: string,
  { directories = "counted", signal }: UsageOptions = {},
): Promise<Usage> {
  const linked = new Set<string>();
  let bytes = 0;
  let inodes = 0;
  const visit = async (at: string): Promise<void> => {
    signal?.throwIfAborted();
    const stat = await lstat(at);
    if (stat.nlink > 1 && !stat.isDirectory()) {
      const id = `${stat.dev}:${stat.ino}`;
      if (linked.has(id)) return;
      linked.add(id);
    }
    if (directories === "counted" || !stat.isDirectory()) bytes += stat.blocks * blockBytes;
    inodes++;
    if (!stat.isDirectory()) return;
    for await (const entry of await opendir(at)) await visit(join(at, entry.name));
  };
  await visit(path);
  return { bytes, inodes };
}
