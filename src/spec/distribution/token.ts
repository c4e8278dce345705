/** What a token server answers, and the scopes asked of it. @see distribution docs/spec/auth/token.md, oauth.md */
import { optionalText } from "../runtime/leaves.ts";
import { type Infer, leaf, object, optional } from "../runtime/schema.ts";

/** Any number, or one that some servers write as a string. */
const seconds = leaf((value) => {
  const number = typeof value === "string" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) && number > 0 ? number : 0;
});

/** The answer of a token server. */
export const TokenResponse = object(() => ({
  token: optionalText,
  /** OAuth's name for the same. */
  access_token: optionalText,
  /** In seconds; 0 is not said. */
  expires_in: optional(seconds),
  /** An identity token, where one was asked for. */
  refresh_token: optionalText,
}));
export type TokenResponse = Infer<typeof TokenResponse>;

/** What a client may ask of a repository. */
export type Action = "pull" | "push";

/** The scope of a repository: `repository:library/busybox:pull`. */
export function repositoryScope(path: string, ...actions: readonly Action[]): string {
  return `repository:${path}:${actions.join(",")}`;
}

/** The scopes with those of the same resource made one, in a fixed order: equal sets give equal lists. */
export function mergeScopes(scopes: Iterable<string>): string[] {
  const actionsOf = new Map<string, Set<string>>();
  for (const scope of scopes) {
    const colon = scope.lastIndexOf(":");
    const [resource, actions] = colon < 0 ? [scope, ""] : [scope.slice(0, colon), scope.slice(colon + 1)];
    const known = actionsOf.get(resource) ?? new Set();
    for (const action of actions.split(",")) known.add(action);
    actionsOf.set(resource, known);
  }
  return [...actionsOf]
    .map(([resource, actions]) =>
      [resource, [...actions].filter(Boolean).sort().join(",")].filter(Boolean).join(":"),
    )
    .sort();
}
