/**
 * Changes docker's config.json without losing what others wrote into it: under a lock, by a new file that
 * takes the old one's place in one step and that only its owner can read.
 */
import { mkdir, open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RuntError } from "../../../errors.ts";
import { flock } from "../../../linux/flock.ts";
import { parseJson } from "../../../spec/runtime/json.ts";

/** The file as JSON, every property of it. */
export type AuthDocument = Record<string, unknown>;

/** A member of the document that is a table, made where it is missing. */
export function tableOf(document: AuthDocument, key: string): Record<string, unknown> {
  const value = document[key];
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  const table: Record<string, unknown> = {};
  document[key] = table;
  return table;
}

/**
 * Reads, changes and writes the file; a missing one is made, with its folder.
 * @param change works on the document and says whether there is something to write
 * @throws {RuntError} InvalidArgument where the file is not JSON; PermissionDenied where it cannot be written
 */
export async function editAuthFile(
  path: string,
  change: (document: AuthDocument) => Promise<"changed" | "same">,
  signal?: AbortSignal,
): Promise<void> {
  try {
    // Some keep the file elsewhere and have a link here: the link stays.
    const target = await realpath(path).catch(() => path);
    const folder = dirname(target);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    using _lock = await flock(folder, signal);
    const document = await readDocument(target);
    if ((await change(document)) === "changed")
      await replace(target, `${JSON.stringify(document, null, "\t")}\n`);
  } catch (cause) {
    if (cause instanceof RuntError || signal?.aborted) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    const site = { operation: "login", subject: path, path, code };
    throw new RuntError("PermissionDenied", `${path}: credentials cannot be stored: ${code}`, site, cause);
  }
}

async function readDocument(path: string): Promise<AuthDocument> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  const document = text.trim() === "" ? {} : parseJson(text, { where: path, operation: "login" });
  if (typeof document === "object" && document !== null && !Array.isArray(document))
    return document as AuthDocument;
  throw new RuntError("InvalidArgument", `${path}: must be an object`, {
    operation: "login",
    subject: path,
    path,
  });
}

async function replace(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `.config-${process.pid}-${crypto.randomUUID()}.json`);
  try {
    await using file = await open(temporary, "wx", 0o600);
    await file.writeFile(text);
    const old = await stat(path).catch(() => undefined);
    // Under sudo the file may be another user's, and must stay so.
    if (old !== undefined) await file.chown(old.uid, old.gid).catch(() => {});
    await file.sync();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
