/**
 * A vitest reporter that ends a run with what CI reads: why tests were skipped, and one line of totals.
 *
 * The line goes to stdout and, where RUNT_VM_SUMMARY names a file, into that file.
 */
import { writeFileSync } from "node:fs";
import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** What the totals line is made of. */
export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/** The totals line, as the VM lane and CI look for it. */
export function totalsLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const totals: Totals = { passed: 0, failed: unhandled.length, skipped: 0 };
    const reasons = new Map<string, number>();
    for (const module of modules) {
      // A file that cannot be loaded, or a failing beforeAll, has no test to show for it.
      totals.failed += module.errors().length;
      for (const suite of module.children.allSuites()) totals.failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === "passed") totals.passed++;
        else if (result.state === "failed") totals.failed++;
        else {
          totals.skipped++;
          const reason =
            result.state === "skipped" && result.note ? result.note : `no reason: ${test.fullName}`;
          reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
        }
      }
    }
    const line = totalsLine(totals);
    for (const [reason, count] of [...reasons].sort()) console.log(`skipped ${count}: ${reason}`);
    console.log(line);
    const file = process.env.RUNT_VM_SUMMARY;
    if (file) writeFileSync(file, `${line}\n`);
  }
}
