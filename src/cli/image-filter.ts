/** `--filter` of image lists. */
import { matchesGlob } from "node:path";
import { RuntError } from "../errors.ts";
import type { ImageSummary } from "../image/list.ts";
import { parseBool } from "./go-flags.ts";
import { momentOf } from "./human.ts";
import { shownName } from "./images.ts";

/** The image with the names that are left of it; undefined where nothing is. */
export type ImageFilter = (image: ImageSummary) => ImageSummary | undefined;

const operation = "images";

/**
 * Reads filters; an image must pass all, of several references one.
 * @throws {RuntError} InvalidArgument for one that there is none of, NotFound for `before` and `since` of no image
 */
export async function imageFilter(
  filters: readonly string[],
  all: readonly ImageSummary[],
): Promise<ImageFilter> {
  const shown = new Map<string, string>();
  for (const { names } of all) for (const name of names) shown.set(name, await shownName(name));
  const tests: ((image: ImageSummary) => boolean)[] = [];
  const references: string[] = [];
  for (const filter of filters) {
    const equals = filter.indexOf("=");
    const [key, value] = equals < 0 ? [filter, ""] : [filter.slice(0, equals), filter.slice(equals + 1)];
    if (key === "reference") references.push(value);
    else tests.push(testOf(key, value, all, shown));
  }
  return (image) => {
    if (!tests.every((test) => test(image))) return undefined;
    if (references.length === 0) return image;
    const names = image.names.filter((name) =>
      references.some((pattern) => isMeant(shown.get(name)!, pattern)),
    );
    return names.length > 0 ? { ...image, names } : undefined;
  };
}

function testOf(
  key: string,
  value: string,
  all: readonly ImageSummary[],
  shown: ReadonlyMap<string, string>,
): (image: ImageSummary) => boolean {
  switch (key) {
    case "dangling": {
      const wanted = parseBool(value);
      if (wanted === undefined) throw invalid(`dangling=${value}`);
      return ({ names }) => (names.length === 0) === wanted;
    }
    case "label": {
      const equals = value.indexOf("=");
      const [name, text] =
        equals < 0 ? [value, undefined] : [value.slice(0, equals), value.slice(equals + 1)];
      return ({ labels }) => Object.hasOwn(labels, name) && (text === undefined || labels[name] === text);
    }
    case "before":
    case "since": {
      const other = all.find(
        ({ id, names }) =>
          id.slice(7).startsWith(value) ||
          id === value ||
          names.some((name) => [name, shown.get(name)].includes(value)),
      );
      if (!other) throw new RuntError("NotFound", `no such image: ${value}`, { operation });
      const moment = other.created?.getTime() ?? 0;
      return ({ created }) =>
        key === "before" ? (created?.getTime() ?? 0) < moment : (created?.getTime() ?? 0) > moment;
    }
    case "until": {
      const moment = momentOf(value);
      if (!moment) throw invalid(`until=${value}`);
      return ({ created }) => (created?.getTime() ?? 0) < moment.getTime();
    }
    default:
      throw invalid(key);
  }
}

function invalid(filter: string): RuntError {
  return new RuntError("InvalidArgument", `invalid filter ${JSON.stringify(filter)}`, { operation });
}

/** docker's rule: the pattern is for the name with its tag, the name without, or the last parts of that. */
function isMeant(name: string, pattern: string): boolean {
  const [named] = name.split("@", 1) as [string];
  const colon = named.lastIndexOf(":");
  const repository = colon > named.lastIndexOf("/") ? named.slice(0, colon) : named;
  return [named, repository].some((text) => text === pattern || matchesGlob(text, pattern));
}
