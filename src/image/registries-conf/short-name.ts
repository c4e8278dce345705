/**
 * What a name without a registry means: an alias of registries.conf(5), else one of the registries that it says to
 * search, else docker.io, as with docker.
 */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { RuntError } from "../../errors.ts";
import { replaceFile } from "../content/durable.ts";
import { fullName, isShortName, parseReference } from "../reference/reference.ts";
import type { ShortNameMode } from "./parse.ts";
import type { RegistriesConfPlaces } from "./places.ts";
import { readOwnAliases, readRegistriesConf } from "./read.ts";

/** Full names that something may stand for. */
export interface Meanings {
  /** In the order of trying; at least one. */
  readonly names: readonly string[];
  readonly by: "itself" | "alias" | "search" | "default";
  /** The file that says so, for "alias" and "search". */
  readonly file: string | undefined;
  readonly mode: ShortNameMode;
}

/**
 * Reads what `text` may mean.
 * @throws {RuntError} InvalidArgument for what is no name, or a configuration that cannot be understood
 */
export async function meaningsOf(text: string, places: RegistriesConfPlaces): Promise<Meanings> {
  const itself = fullName(parseReference(text));
  const mode = "permissive";
  if (!isShortName(text)) return { names: [itself], by: "itself", file: undefined, mode };
  const { name, rest } = splitSuffix(text);
  const own = (await readOwnAliases(places)).get(name);
  if (own) return aliased(itself, full(own + rest, places.aliases), places.aliases);
  const { aliases, search, mode: said } = await readRegistriesConf(places);
  const alias = aliases.get(name);
  if (alias) return aliased(itself, full(alias.value + rest, alias.file), alias.file);
  if (!search?.value.length) return { names: [itself], by: "default", file: undefined, mode: said };
  const names = search.value.map((registry) => full(`${registry}/${text}`, search.file));
  return { names: [...new Set(names)], by: "search", file: search.file, mode: said };
}

/** Many an alias says what the name means anyway. */
function aliased(itself: string, name: string, file: string): Meanings {
  return { names: [name], by: name === itself ? "default" : "alias", file, mode: "permissive" };
}

function splitSuffix(text: string): { name: string; rest: string } {
  const named = text.split("@", 1)[0]!;
  const colon = named.lastIndexOf(":");
  const end = colon > named.lastIndexOf("/") ? colon : named.length;
  return { name: text.slice(0, end), rest: text.slice(end) };
}

function full(text: string, file: string): string {
  try {
    if (isShortName(text))
      throw new RuntError("InvalidArgument", `${text} names no registry`, { operation: "parse" });
    return fullName(parseReference(text));
  } catch (error) {
    if (!(error instanceof RuntError)) throw error;
    const site = { operation: "parse", subject: file };
    throw new RuntError("InvalidArgument", `${file}: ${error.message}`, site, error);
  }
}

/** Which of several registries a name is of: asked of a person; undefined where nobody is there. */
export type ChooseRegistry = (text: string, names: readonly string[]) => Promise<string | undefined>;

/**
 * The names to try at their registries.
 * @throws {RuntError} FailedPrecondition where somebody would have to choose, and nobody can be asked
 */
export async function namesToTry(
  text: string,
  { names, by, mode, file }: Meanings,
  choose: ChooseRegistry | undefined,
): Promise<{ names: readonly string[]; isChosen: boolean }> {
  if (by !== "search" || names.length === 1 || mode === "disabled") return { names, isChosen: false };
  const chosen = await choose?.(text, names);
  if (chosen !== undefined) return { names: [chosen], isChosen: true };
  if (mode === "permissive") return { names, isChosen: false };
  const what = `${JSON.stringify(text)} may be of ${names.length} registries of ${file}, and nobody can be asked`;
  throw new RuntError("FailedPrecondition", what, {
    operation: "pull",
    subject: `image name ${JSON.stringify(text)}`,
    hint: `write ${names.join(" or ")}`,
  });
}

/** Remembers a choice, in the file where podman remembers it. */
export async function rememberChoice(
  text: string,
  name: string,
  places: RegistriesConfPlaces,
): Promise<void> {
  const { domain, path } = parseReference(name);
  const aliases = new Map(await readOwnAliases(places));
  aliases.set(splitSuffix(text).name, `${domain}/${path}`);
  const lines = [...aliases].map(([from, to]) => `  ${JSON.stringify(from)} = ${JSON.stringify(to)}\n`);
  await mkdir(dirname(places.aliases), { recursive: true });
  await replaceFile(places.aliases, `[aliases]\n${lines.join("")}`);
}
