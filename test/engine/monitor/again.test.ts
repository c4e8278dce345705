/** A restart policy from end to end: monitor, exit command, a new container with a new monitor. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { MonitorClient } from "../../../src/engine/monitor/client.ts";
import * as runtime from "../../../src/runtime/index.ts";
import { aBundle, freshName } from "../../support/bundle.ts";
import { aContext, stateRoot } from "../../support/container.ts";
import { asRoot } from "../../support/needs.ts";
import { Script } from "../../support/script.ts";
import { make, type Order } from "./again.ts";

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Each time a program of Node's is started, which takes its time on a busy machine. */
const patience = { timeout: 50_000 };

let program: Script;
beforeAll(() => {
  program = new Script(`
    import { make } from "./test/engine/monitor/again.ts";
    await make(JSON.parse(process.argv[2]));`);
});
afterAll(() => program[Symbol.dispose]());

describe("restart policy", () => {
  asRoot(
    "on-failure:3 — three times more, each after twice the wait, into one log; nothing is left",
    async () => {
      await using bundle = await aBundle({ process: { args: ["/bin/sh", "-c", "echo run; exit 1"] } });
      const order: Order = {
        root: stateRoot,
        id: freshName(),
        bundle: bundle.path,
        directory: join(bundle.directory, "monitor"),
        policy: "on-failure:3",
        program: program.path,
      };
      await make(order);
      const restarts = `${order.directory}-restarts`;
      await expect.poll(() => read(restarts), patience).toContain("end");
      expect(read(restarts)).toBe("100\n200\n400\nend\n");
      const log = read(`${order.directory}-log`).trim().split("\n");
      expect(log.map((line) => line.split(" ").slice(1).join(" "))).toEqual(Array(4).fill("stdout F run"));
      const times = log.map((line) => Date.parse(line.split(" ")[0]!));
      for (const [i, wait] of [100, 200, 400].entries())
        expect(times[i + 1]! - times[i]!).toBeGreaterThanOrEqual(wait - 5);
      expect(read(`${order.directory}-errors`)).toBe("");
      await expect(MonitorClient.connect(order.directory)).rejects.toMatchObject({ kind: "NotFound" });
    },
    120_000,
  );

  asRoot(
    "always — until somebody stops it",
    async () => {
      await using bundle = await aBundle({
        process: { args: ["/bin/sh", "-c", "echo run; exec sleep 1000"] },
      });
      const order: Order = {
        root: stateRoot,
        id: freshName(),
        bundle: bundle.path,
        directory: join(bundle.directory, "monitor"),
        policy: "always",
        program: program.path,
      };
      const runs = (): number => read(`${order.directory}-log`).split("\n").length - 1;
      await make(order);
      await expect.poll(runs, patience).toBe(1);
      await runtime.kill(aContext(), order.id, 9, { all: false });
      await expect.poll(runs, patience).toBe(2);
      const client = await untilItWorks(() => MonitorClient.connect(order.directory));
      await client.setRestart("never");
      await runtime.kill(aContext(), order.id, 9, { all: false });
      await expect.poll(() => read(`${order.directory}-restarts`), patience).toContain("end");
      client[Symbol.dispose]();
      expect(runs()).toBe(2);
      expect(runtime.list(aContext()).map(({ id }) => id)).not.toContain(order.id);
    },
    120_000,
  );
});

/** Until it works. */
async function untilItWorks<T>(attempt: () => Promise<T>): Promise<T> {
  for (let i = 0; ; i++) {
    try {
      return await attempt();
    } catch (error) {
      if (i > 5000) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
