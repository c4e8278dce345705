/** Many containers on one machine: what a hundred that do nothing cost, and what `runt ps` takes with five hundred. */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { Engine } from "../src/engine/engine.ts";
import { requestOf } from "../src/engine/request-defaults.ts";
import type { BenchBundle } from "./bundle.ts";
import { command } from "./commands.ts";
import { pssKb } from "./memory.ts";
import { interleave, type Subject, type Summary, summarize } from "./statistics.ts";
import { printTable, row } from "./table.ts";

const runt = resolve(import.meta.dirname, "../bin/runt");
const idle = 100;
const [few, many] = [5, 500];

export interface ManyResult {
  /** Kilobytes, of the monitors of a hundred containers together. */
  readonly monitorsKb: number;
  /** `runt ps --all`, by how many containers there are. */
  readonly ps: Readonly<Record<number, Summary>>;
}

/** @param directory on a disk; everything in it is the caller's to remove */
export async function manyContainers(
  { rootfs }: BenchBundle,
  directory: string,
  rounds: number,
): Promise<ManyResult> {
  const monitorsKb = await monitorsOf(rootfs, join(directory, "idle"));
  const subjects: Subject[] = [];
  for (const count of [few, many]) {
    const place = await created(rootfs, join(directory, `ps-${count}`), count);
    const args = ["--data-root", place.root, "--root", place.runRoot, "ps", "--all"];
    subjects.push(command(String(count), runt, () => args));
  }
  const samples = await interleave(subjects, { rounds, block: 5, warmUp: 5 });
  const ps = { [few]: summarize(samples.get(String(few))!), [many]: summarize(samples.get(String(many))!) };
  printTable("runt ps --all", [
    row(`${few} containers`, ps[few]!, ps[few]!),
    row(`${many} containers`, ps[many]!, ps[few]!, 2),
  ]);
  return { monitorsKb, ps };
}

interface Place {
  readonly root: string;
  readonly runRoot: string;
}

function placeIn(directory: string): Place {
  mkdirSync(directory, { recursive: true });
  return { root: join(directory, "root"), runRoot: join(directory, "run") };
}

/** As they are after `runt create`. */
async function created(rootfs: string, directory: string, count: number): Promise<Place> {
  const place = placeIn(directory);
  using engine = await Engine.open(place);
  for (let i = 0; i < count; i++) await engine.create(requestWith(rootfs));
  return place;
}

function requestWith(rootfs: string) {
  return requestOf({ rootfs, command: ["/bin/true", "wait"], network: { mode: "none" } });
}

async function monitorsOf(rootfs: string, directory: string): Promise<number> {
  using engine = await Engine.open({ ...placeIn(directory), afterExit: "none" });
  const pids: number[] = [];
  try {
    for (let i = 0; i < idle; i++) {
      using started = await engine.run(requestWith(rootfs), { waiting: "blocking" });
      pids.push(started.record.run.monitor!.pid);
    }
    return pids.reduce((sum, pid) => sum + pssKb(pid), 0);
  } finally {
    for (const { id } of await engine.list({ all: true })) await engine.remove(id, { force: true });
  }
}
