/** The same command lines with podman and with runt: they differ where docs/compat.md says so, and nowhere else. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missing } from "../support/needs.ts";
import { cases } from "./cases/index.ts";
import { type Compared, compare } from "./compare.ts";
import { knownDifferences } from "./differences.ts";
import { Peer } from "./peer.ts";

const needed = ["root", "cgroup2", "program:podman", "program:conmon", "program:catatonit"];
const gone = missing(...needed) ?? otherVersion();

/** Another version differs elsewhere, which would say nothing of runt. */
function otherVersion(): string | undefined {
  const version = execFileSync("podman", ["--version"], { encoding: "utf8" });
  return / 4\.3\./.test(version) ? undefined : `podman 4.3, not ${version.trim()}`;
}

const listed = knownDifferences.flatMap(({ at }) => at);

describe.skipIf(gone !== undefined)(`runt beside podman${gone ? ` (needs ${gone})` : ""}`, () => {
  let [podman, runt]: (Peer | undefined)[] = [];

  beforeAll(async () => {
    podman = await Peer.open("podman");
    runt = await Peer.open("runt");
  }, 60_000);

  afterAll(async () => {
    await Promise.all([podman, runt].map((peer) => peer?.[Symbol.asyncDispose]()));
  }, 60_000);

  test.each(cases)("$name", { timeout: 180_000 }, async (one) => {
    const expected = listed.filter((at) => at.startsWith(`${one.name}: `)).sort();
    const places = ({ differences }: Compared): string[] => differences.map(({ at }) => at).sort();
    let compared = await compare(one, podman!, runt!);
    // Now and then podman 4.3 loses the output of a short program, or restarts what was just stopped. It may try again;
    // what runt does must be the same each time.
    for (let again = 0; again < 2 && !isDeepStrictEqual(places(compared), expected); again++) {
      const { ours } = compared;
      compared = await compare(one, podman!, runt!);
      expect(compared.ours).toEqual(ours);
    }
    expect(places(compared), JSON.stringify(compared.differences, null, 1)).toEqual(expected);
  });
});

describe("docs/compat.md", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/compat.md"), "utf8");

  test("every known difference belongs to a case, once", () => {
    expect(new Set(listed).size).toBe(listed.length);
    const lost = listed.filter((at) => !cases.some(({ name }) => at.startsWith(`${name}: `)));
    expect(lost).toEqual([]);
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });

  test.each(knownDifferences)("says: $title", ({ title, reason }) => {
    expect(page).toContain(`**${title}.** ${reason}`);
  });
});
