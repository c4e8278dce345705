/** The library on roots of a test's own, with an image of busybox, "bb". */
import { watch } from "node:fs";
import { tmpdir } from "node:os";
import { Runt } from "../../../src/index.ts";
import { TestEngine } from "../an-engine.ts";

export { forgetEngines, prepareEngines } from "../an-engine.ts";

// The one fd for all watches that libuv keeps for good once somebody has watched: not for the leak check to find.
watch(tmpdir()).close();

export interface TestRunt extends AsyncDisposable {
  readonly runt: Runt;
  /** What looks at the same from outside. */
  readonly t: TestEngine;
}

export async function aRunt(): Promise<TestRunt> {
  const t = await TestEngine.open();
  const runt = await Runt.open({
    root: t.root,
    runRoot: t.runRoot,
    afterExit: (id) => ({ argv: t.command("after-exit", id).argv, env: ["PATH=/bin:/usr/bin"] }),
  });
  return {
    runt,
    t,
    async [Symbol.asyncDispose]() {
      runt.close();
      await t[Symbol.asyncDispose]();
    },
  };
}

/** The shell runs it. */
export const sh = (text: string): { command: string[]; network: "none" } => ({
  command: ["sh", "-c", text],
  network: "none",
});

/** Runs until it is asked to end. */
export const forever = sh("trap 'exit 0' TERM; while :; do sleep 0.1; done");
