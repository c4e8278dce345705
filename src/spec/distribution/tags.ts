/** The list of a repository's tags, which comes in pages. @see distribution-spec spec.md#listing-tags */
import { optionalText, texts } from "../runtime/leaves.ts";
import { type Infer, object } from "../runtime/schema.ts";

/** One page of tags. */
export const TagList = object(() => ({ name: optionalText, tags: texts }));
export type TagList = Infer<typeof TagList>;

/** The target of the `rel="next"` link of a Link header; undefined on the last page. @see RFC 8288 */
export function nextLink(header: string | undefined): string | undefined {
  for (const [, target, parameters] of (header ?? "").matchAll(
    /<([^>]*)>((?:\s*;\s*[^,;"]+(?:"[^"]*")?)*)/g,
  )) {
    if (/;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\b)/i.test(parameters ?? "")) return target;
  }
  return undefined;
}
