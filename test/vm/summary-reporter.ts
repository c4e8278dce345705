/**
 * A vitest reporter that ends a run with what CI reads: why tests were skipped, and one line of totals.
 *
 * The line goes to stdout and, where RUNT_VM_SUMMARY names a file, into that file. Where RUNT_FAILURES names one, a line
 * for each failure is added to it: of a run of half an hour, some show no more than the end.
 */
import { appendFileSync, writeFileSync } from "node:fs";
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
    const failures = unhandled.map((error) => failure("between tests", error));
    for (const module of modules) {
      const file = module.relativeModuleId;
      // A file that cannot be loaded, or a failing beforeAll, has no test to show for it.
      const errors = module.errors().map((error) => failure(file, error));
      for (const suite of module.children.allSuites()) {
        errors.push(...suite.errors().map((error) => failure(`${file} > ${suite.fullName}`, error)));
      }
      totals.failed += errors.length;
      failures.push(...errors);
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === "passed") totals.passed++;
        else if (result.state === "failed") {
          totals.failed++;
          failures.push(...result.errors.map((error) => failure(`${file} > ${test.fullName}`, error)));
        } else {
          totals.skipped++;
          const reason =
            result.state === "skipped" && result.note ? result.note : `no reason: ${test.fullName}`;
          reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
        }
      }
    }
    if (process.env.RUNT_FAILURES) appendFileSync(process.env.RUNT_FAILURES, failures.join(""));
    const line = totalsLine(totals);
    for (const [reason, count] of [...reasons].sort()) console.log(`skipped ${count}: ${reason}`);
    console.log(line);
    const file = process.env.RUNT_VM_SUMMARY;
    if (file) writeFileSync(file, `${line}\n`);
  }
}

function failure(where: string, { message = "" }: { readonly message?: string }): string {
  return `failed: ${where}: ${message.slice(0, 1000).replaceAll(/\s*\n\s*/g, " | ")}\n`;
}
