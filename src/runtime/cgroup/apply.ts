/** Carries out resource writes on a cgroup: at once for a new container, with a way back for a running one. */
import { RuntError } from "../../errors.ts";
import { hasCode } from "../../linux/system-error.ts";
import { formatPath } from "../../spec/runtime/document-error.ts";
import type { Cgroup } from "./cgroup.ts";
import { enableControllersAbove } from "./create.ts";
import { kernelRefusal } from "./errors.ts";
import { controllerOf, type LimitFacts, type ResourceWrite } from "./limits/write.ts";
import { missingController } from "./resource-writes.ts";

/**
 * Does the writes in order and stops at the first that fails.
 * @throws {RuntError} with the property that asked for the write
 */
export function applyWrites(cgroup: Cgroup, writes: readonly ResourceWrite[], facts: LimitFacts): void {
  for (const each of writes) writeOne(cgroup, each, facts);
}

/**
 * The same for a cgroup in use: when one write fails, the files written so far get their old content back.
 * @returns what takes the writes back
 * @throws {RuntError} as `applyWrites`
 */
export function replaceWrites(
  cgroup: Cgroup,
  writes: readonly ResourceWrite[],
  facts: LimitFacts,
): () => void {
  const before = new Map<string, string>();
  for (const { file, otherwise } of writes) {
    for (const name of otherwise ? [file, otherwise.file] : [file]) {
      const text = before.has(name) ? undefined : readOld(cgroup, name);
      if (text !== undefined) before.set(name, text);
    }
  }
  const done: ResourceWrite[] = [];
  const takeBack = (): void => {
    const touched = done.flatMap((each) => (each.otherwise ? [each.otherwise, each] : [each]));
    for (const { file, value } of touched.reverse()) restore(cgroup, file, before.get(file), value);
  };
  try {
    for (const each of writes) {
      done.push(each);
      writeOne(cgroup, each, facts);
    }
  } catch (error) {
    takeBack();
    throw error;
  }
  return takeBack;
}

function writeOne(cgroup: Cgroup, each: ResourceWrite, facts: LimitFacts): void {
  try {
    try {
      writeOrOtherwise(cgroup, each);
    } catch (error) {
      if (!hasCode(error, "ENOENT") || cgroup.controllers().has(controllerOf(each.file))) throw error;
      // Somebody removed and made again a directory above since this process handed its controllers down.
      enableControllersAbove(cgroup);
      if (!each.noop && !cgroup.controllers().has(controllerOf(each.file)))
        throw missingController(each, facts);
      writeOrOtherwise(cgroup, each);
    }
  } catch (error) {
    if (error instanceof RuntError) throw error;
    if (hasCode(error, ...each.ignore) || (each.noop && hasCode(error, "ENOENT"))) return;
    throw refusal(cgroup, each, facts, error);
  }
}

function writeOrOtherwise(cgroup: Cgroup, { file, value, otherwise }: ResourceWrite): void {
  try {
    cgroup.write(file, value);
  } catch (error) {
    if (!otherwise || !hasCode(error, "ENOENT")) throw error;
    cgroup.write(otherwise.file, otherwise.value);
  }
}

function refusal(cgroup: Cgroup, each: ResourceWrite, facts: LimitFacts, error: unknown): RuntError {
  const subject = `${facts.origin.where}: ${formatPath(each.from)}`;
  return kernelRefusal(error, `${subject}: cannot write "${each.value.trim()}" to ${each.file}`, {
    operation: facts.origin.operation,
    subject,
    path: `${cgroup.dir}/${each.file}`,
  });
}

function readOld(cgroup: Cgroup, file: string): string | undefined {
  try {
    return cgroup.readIfAny(file);
  } catch {
    // Write-only, such as memory.reclaim: there is nothing to go back to.
    return undefined;
  }
}

/** Best effort: the error that is on its way says more than one from here would. */
function restore(cgroup: Cgroup, file: string, old: string | undefined, written: string): void {
  if (old === undefined) return;
  for (const line of restoringLines(file, old, written)) {
    try {
      cgroup.write(file, line);
    } catch {}
  }
}

/** What to write so that `file` says `old` again, after `written` was written to it. */
export function restoringLines(_file: string, old: string, written: string): string[] {
  const lines = old.split("\n").filter((line) => line !== "");
  const device = /^(\d+:\d+|\S+) \S*=/.exec(written)?.[1];
  if (device !== undefined) {
    const line = lines.find((each) => each.startsWith(`${device} `));
    // io.max and rdma.max do not list what has no limit.
    return [line ?? written.replaceAll(/=\S+/g, "=max")];
  }
  if (lines.length === 0) return ["\n"];
  if (/^\d+:\d+ \d+$/.test(written)) {
    const [major] = written.split(" ");
    return [lines.find((each) => each.startsWith(`${major} `)) ?? `${major} default`];
  }
  return lines.slice(0, 1);
}
