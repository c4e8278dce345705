/** Lists the tags of a repository, page after page. @see distribution-spec spec.md#listing-tags */
import { nextLink, TagList } from "../../spec/distribution/tags.ts";
import { repositoryScope } from "../../spec/distribution/token.ts";
import { parseDocument } from "../../spec/runtime/parse.ts";
import { failure, refusal } from "./failure.ts";
import type { ManifestQuery } from "./manifest.ts";
import { headersOf, readSmall } from "./response.ts";

const PAGE = 1000;
const LONGEST_PAGE = 8 * 1024 * 1024;
/** A registry that links its pages in a circle is left after this many. */
const MOST_PAGES = 10_000;

/**
 * All tags, in the registry's order.
 * @throws {RuntError} NotFound, PermissionDenied, Unavailable
 */
export async function listTagsAt({
  session,
  path,
  task,
  attempts,
  signal,
}: ManifestQuery): Promise<string[]> {
  const tags: string[] = [];
  let target: string | URL = `${path}/tags/list?n=${PAGE}`;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const response = await session.request({
      method: "GET",
      target,
      scopes: [repositoryScope(path, "pull")],
      limitBytes: LONGEST_PAGE,
      task,
      attempts,
      signal,
    });
    if (response.status !== 200) throw await refusal(response, task);
    const text = new TextDecoder().decode(await readSmall(response, LONGEST_PAGE, task.subject));
    const page = parseDocument(TagList, text, {
      where: `tags of ${task.subject}`,
      operation: task.operation,
    });
    tags.push(...page.tags);
    const next = headersOf(response, "link")
      .map(nextLink)
      .find((link) => link !== undefined);
    if (next === undefined) return tags;
    const url = URL.parse(next, response.url);
    if (url === null || url.origin !== response.url.origin)
      throw failure(
        "Unavailable",
        task,
        `the next page of tags is said to be at another server, ${next.slice(0, 100)}`,
      );
    target = url;
  }
  throw failure("Unavailable", task, `more than ${MOST_PAGES} pages of tags`);
}
