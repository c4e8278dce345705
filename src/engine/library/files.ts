/** Files between a program, the host and a container, as `runt cp` copies them; whether the container runs or not. */
import { basename, dirname } from "node:path";
import { RuntError } from "../../errors.ts";
import { tarEvents } from "../../image/archive/tar-events.ts";
import { blankEntry, type TarEntry } from "../../image/layer/entry.ts";
import { endOfArchive, header, padding } from "../../image/layer/tar-writer.ts";
import { copy } from "../copy/copy.ts";
import { LocalFiles } from "../copy/local.ts";
import type { Engine } from "../engine.ts";

export interface CopyOptions {
  /** Copies what the source links to, not the link. */
  readonly followLink?: boolean | undefined;
  readonly onWarning?: ((text: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WriteFileOptions {
  /** 0o644 by default. */
  readonly mode?: number | undefined;
  /** Numbers as the container sees them; root by default. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws {RuntError} NotFound; the signal's reason */
export async function copyTo(
  engine: Engine,
  id: string,
  source: string,
  destination: string,
  options: CopyOptions,
): Promise<void> {
  await using files = await engine.files(id);
  await copy(new LocalFiles(), source, files, destination, { owner: "archive", ...complete(options) });
}

/** What is written belongs to us. @throws {RuntError} NotFound; the signal's reason */
export async function copyFrom(
  engine: Engine,
  id: string,
  source: string,
  destination: string,
  options: CopyOptions,
): Promise<void> {
  await using files = await engine.files(id);
  await copy(files, source, new LocalFiles(), destination, { owner: "container", ...complete(options) });
}

function complete({ followLink = false, onWarning = () => {}, signal }: CopyOptions) {
  return { followLink, onWarning, signal: signal ?? new AbortController().signal };
}

/** A file with that content; its directory must be there. @throws {RuntError} NotFound */
export async function writeFile(
  engine: Engine,
  id: string,
  path: string,
  content: string | Uint8Array,
  { mode = 0o644, uid = 0, gid = 0, signal }: WriteFileOptions,
): Promise<void> {
  const bytes = Buffer.from(content as Uint8Array);
  const entry: TarEntry = {
    ...blankEntry,
    name: Buffer.from(basename(path), "utf8").toString("latin1"),
    size: bytes.length,
    mode,
    uid,
    gid,
    mtimeS: Math.floor(Date.now() / 1000),
  };
  const archive = (async function* () {
    yield header(entry);
    yield bytes;
    yield padding(bytes.length);
    yield endOfArchive;
  })();
  await using files = await engine.files(id);
  await files.write(files.find(dirname(path), "follow"), archive, { owner: "archive", signal });
}

/** What a file holds; of a link, what it leads to. @throws {RuntError} NotFound; InvalidArgument for what is no file */
export async function readFile(
  engine: Engine,
  id: string,
  path: string,
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<Buffer> {
  await using files = await engine.files(id);
  const found = files.find(path, "follow");
  if (found.stat?.type !== "file") {
    const what = found.stat ? "is not a file" : "no such file or directory";
    throw new RuntError(found.stat ? "InvalidArgument" : "NotFound", `${path}: ${what}`, {
      operation: "cp",
      path,
    });
  }
  const parts: Buffer[] = [];
  const origin = { operation: "cp", name: path };
  for await (const event of tarEvents(files.read(found, { name: "file", signal }), origin)) {
    if (event.type === "data") parts.push(Buffer.from(event.bytes));
  }
  return Buffer.concat(parts);
}
