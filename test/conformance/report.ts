/**
 * `npm run conformance`: runs all cases with runt and with the other runtimes of this machine, writes what differs to
 * differences.json, and docs/conformance.md from it. RUNT_LANES=host leaves the VM lane out, whose part then stays as
 * it was. Exits with 1 when there is a difference that judgements.ts says nothing of.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cases } from "./cases/index.ts";
import { judgementOn, type Known, type LaneName, laneName, readKnown, writeKnown } from "./known.ts";
import { markdown } from "./markdown.ts";
import { keyOf, type Measured, measure, missingFor } from "./measure.ts";
import { aLane, peers } from "./runtimes.ts";

/** Before the guest's result, as one line among what else comes from there. */
const begin = "conformance-result ";

/** All cases, one after the other: what they start runs side by side anyway. */
async function measureAll(): Promise<Known> {
  await using lane = await aLane();
  const others = peers();
  const differences: Measured[] = [];
  let skipped = 0;
  for (const one of cases) {
    if (missingFor(one)) {
      skipped++;
      continue;
    }
    const outcome = await measure(one, others, lane);
    differences.push(...outcome.differences);
    const failed = Object.values(outcome.ours.steps).some((step) => step.status !== 0);
    if (failed !== (one.fails ?? false))
      process.stderr.write(
        `${keyOf(one)}: ${failed ? "fails" : "does not fail"} with runt: ${outcome.ours.errors}\n`,
      );
    process.stderr.write(outcome.differences.length > 0 ? "x" : ".");
  }
  process.stderr.write("\n");
  return { peers: others.map((peer) => peer.name), cases: cases.length, skipped, differences };
}

function measureInGuest(): Known | undefined {
  const run = join(import.meta.dirname, "../vm/run");
  const { stdout } = spawnSync(run, ["--", "node", "test/conformance/report.ts"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 64 << 20,
  });
  const line = stdout.split("\n").find((text) => text.startsWith(begin));
  return line === undefined ? undefined : JSON.parse(line.slice(begin.length));
}

if (laneName === "vm") {
  process.stdout.write(`${begin}${JSON.stringify(await measureAll())}\n`);
} else {
  const lanes = (process.env.RUNT_LANES ?? "host vm").split(" ");
  const known: Partial<Record<LaneName, Known>> = readKnown();
  if (lanes.includes("host")) known.host = await measureAll();
  if (lanes.includes("vm")) {
    const guest = measureInGuest();
    if (guest) known.vm = guest;
    else process.exitCode = 1;
  }
  writeKnown(known);
  writeFileSync(join(import.meta.dirname, "../../docs/conformance.md"), markdown(known));
  const unjudged = Object.values(known)
    .flatMap(({ differences }) => differences)
    .filter((difference) => difference.peer.startsWith("runc") && !judgementOn(difference));
  for (const { case: name, peer, at, runt, theirs } of unjudged)
    process.stderr.write(`no judgement: ${name} | ${peer} | ${at}: ${runt} / ${theirs}\n`);
  if (unjudged.length > 0) process.exitCode = 1;
}
