/** An argument of `cp`: a path here, one in a container, or an archive on stdin or stdout. Pure. */
import { RuntError } from "../../errors.ts";

export type CopyPlace =
  | { readonly in: "container"; readonly container: string; readonly path: string }
  | { readonly in: "here"; readonly path: string }
  | { readonly in: "stream" };

/** What begins with "/" or "." is here, whatever colons are in it. */
export function placeOf(text: string): CopyPlace {
  if (text === "-") return { in: "stream" };
  const colon = text.indexOf(":");
  if (text.startsWith("/") || text.startsWith(".") || colon <= 0) return { in: "here", path: text };
  return { in: "container", container: text.slice(0, colon), path: text.slice(colon + 1) };
}

/** @throws {RuntError} InvalidArgument, in docker's words, unless exactly one is in a container */
export function checkPlaces(from: CopyPlace, to: CopyPlace): void {
  const invalid = (what: string) => new RuntError("InvalidArgument", what, { operation: "cp" });
  if (from.in === "container" && to.in === "container")
    throw invalid("copying between containers is not supported");
  if (from.in !== "container" && to.in !== "container") {
    throw invalid("must specify at least one container source");
  }
  for (const place of [from, to]) {
    if (place.in === "container" && place.path === "")
      throw invalid("a path in the container is missing after the colon");
  }
}
