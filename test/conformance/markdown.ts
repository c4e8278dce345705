/** docs/conformance.md: the known differences as a page for people. */
import { all as cases } from "./cases/index.ts";
import type { Judgement } from "./judgements.ts";
import { judgementOn, type Known, type LaneName } from "./known.ts";
import type { Measured } from "./measure.ts";

type Lanes = Partial<Record<LaneName, Known>>;

/** The whole page. */
export function markdown(known: Lanes): string {
  const all = Object.values(known).flatMap(({ differences }) => differences);
  const ofRunc = all.filter(({ peer }) => peer.startsWith("runc"));
  const groups = groupsOf(ofRunc);
  const title: Record<Judgement["supports"], string> = {
    runt: "The specification supports runt",
    runc: "The specification supports runc",
    either: "The specification leaves it open",
  };
  return [
    "# Where runt differs from runc",
    "",
    "Made by `npm run conformance` (test/conformance): the same cases are run with runt and with other runtimes, and",
    "everything that is seen is compared: exit status, whether an error is told and in the words callers look for,",
    "documents, the view from inside the container, what is left behind. What is not on this page is the same.",
    "`test/conformance/conformance.test.ts` fails when something else differs, or when something here does not any more.",
    "",
    ...runs(known),
    "",
    ...subjects(),
    "",
    ...(["runt", "runc", "either"] as const).flatMap((supports) => {
      const of = groups.filter(([judgement]) => judgement.supports === supports);
      return of.length === 0 ? [] : [`## ${title[supports]}`, "", ...of.flatMap(section)];
    }),
    ...unjudged(ofRunc),
    ...crunPart(all),
  ].join("\n");
}

function runs(known: Lanes): string[] {
  const names: Record<LaneName, string> = {
    host: "this machine's kernel",
    vm: "the VM lane, cgroup v2 with every controller",
  };
  return (Object.keys(known) as LaneName[]).map((lane) => {
    const { peers, cases: count, skipped } = known[lane]!;
    return `- ${names[lane]}: ${count - skipped} cases with ${list(peers)}${skipped ? ` (${skipped} need what it has not)` : ""}`;
  });
}

function subjects(): string[] {
  const count = new Map<string, number>();
  for (const { subject } of cases) count.set(subject, (count.get(subject) ?? 0) + 1);
  return [`Cases by subject: ${[...count].map(([name, n]) => `${name} ${n}`).join(", ")}.`];
}

function groupsOf(differences: readonly Measured[]): [Judgement, Measured[]][] {
  const groups = new Map<Judgement, Measured[]>();
  for (const difference of differences) {
    const judgement = judgementOn(difference);
    if (judgement) groups.set(judgement, [...(groups.get(judgement) ?? []), difference]);
  }
  return [...groups];
}

function section([{ about, section: where, why }, differences]: [Judgement, Measured[]]): string[] {
  return [
    `### ${about}`,
    "",
    `${why}${where === "none" ? "" : ` (${where})`}`,
    "",
    "| case | seen at | runt | other | who |",
    "| --- | --- | --- | --- | --- |",
    ...rows(differences),
    "",
  ];
}

/** Peers and lanes that show the same share a row. */
function rows(differences: readonly Measured[]): string[] {
  const merged = new Map<string, Set<string>>();
  for (const { case: name, peer, at, runt, theirs } of differences) {
    const row = [name, at, runt, theirs].map(cell).join(" | ");
    merged.set(row, (merged.get(row) ?? new Set()).add(peer));
  }
  return [...merged].map(([row, peers]) => `| ${row} | ${[...peers].join(", ")} |`);
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;") || "(nothing)";
}

function unjudged(differences: readonly Measured[]): string[] {
  const rest = differences.filter((difference) => !judgementOn(difference));
  return rest.length === 0
    ? []
    : [
        "## Not judged yet",
        "",
        "| case | seen at | runt | other | who |",
        "| --- | --- | --- | --- | --- |",
        ...rows(rest),
        "",
      ];
}

function crunPart(differences: readonly Measured[]): string[] {
  const crun = differences.filter(({ peer }) => peer.startsWith("crun"));
  const runc = new Set(
    differences.filter(({ peer }) => peer.startsWith("runc")).map(({ case: name }) => name),
  );
  if (crun.length === 0) return [];
  const same = new Map<string, Set<string>>();
  for (const { case: name, at, runt, theirs } of crun.filter((one) => !runc.has(one.case))) {
    // The same thing seen in many cases is one row.
    const row = [at.replace(/^.*?: /, ""), runt, theirs].map(cell).join(" | ");
    same.set(row, (same.get(row) ?? new Set()).add(name));
  }
  return [
    "## crun",
    "",
    "For comparison only: what Debian's crun does differently in cases in which runt and runc agree.",
    "",
    "| seen at | runt | crun | cases |",
    "| --- | --- | --- | --- |",
    ...[...same].map(([row, names]) => `| ${row} | ${some([...names])} |`),
    "",
  ];
}

function some(names: readonly string[]): string {
  const first = names.slice(0, 2).map(cell).join("; ");
  return names.length > 2 ? `${first} and ${names.length - 2} more` : first;
}

function list(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
