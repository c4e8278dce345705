/** The monitor built with AddressSanitizer and UndefinedBehaviorSanitizer: random frames, and everything at once. */

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeFrame } from "../../src/engine/monitor/frames.ts";
import { readExit } from "../../src/engine/monitor/records.ts";
import { nativePath } from "../../src/linux/native.ts";
import { frameNames, frames } from "../../src/runtime/wire/monitor.ts";
import { aMonitored, collected, eventually, type Monitored } from "../engine/monitor/monitored.ts";
import { missing } from "../safety/containers.ts";
import { makeNative } from "../support/native-build.ts";
import { Random } from "./random.ts";

const seed = Number(process.env.RUNT_FUZZ_SEED ?? 1);
const connections = Number(process.env.RUNT_FUZZ_ROUNDS ?? 300);

describe.skipIf(missing)("the sanitized monitor", () => {
  const before = process.env.RUNT_SHIM;
  beforeAll(() => {
    makeNative("sanitized");
    process.env.RUNT_SHIM = nativePath("runt-shim-sanitized");
  }, 120_000);
  afterAll(() => {
    if (before === undefined) delete process.env.RUNT_SHIM;
    else process.env.RUNT_SHIM = before;
  });

  /** Numbers at the edges of what fits. */
  const edges = [
    0,
    1,
    -1,
    2 ** 31,
    2 ** 32,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    65_535,
    65_536,
  ];

  function randomBytes(random: Random): Buffer {
    const parts: Buffer[] = [];
    for (let i = random.below(20); i >= 0; i--) {
      const name = frameNames[random.below(frameNames.length)]!;
      const fields = frames[name];
      let frame =
        fields === "data"
          ? encodeFrame(name, Buffer.alloc(random.below(3) === 0 ? 16_384 : random.below(100), 65))
          : encodeFrame(
              name,
              fields.map(() => edges[random.below(edges.length)]!),
            );
      // Now and then something that no client would send.
      if (random.below(8) === 0) frame = frame.subarray(0, random.below(frame.length + 1));
      if (random.below(8) === 0) {
        frame = Buffer.from(frame);
        frame[random.below(Math.min(8, frame.length || 1))] = random.below(256);
      }
      parts.push(frame);
    }
    return Buffer.concat(parts);
  }

  async function attack(c: Monitored, random: Random): Promise<void> {
    const socket = connect({ path: join(c.directory, "monitor.sock") });
    socket.on("error", () => {});
    await once(socket, "connect").catch(() => {});
    if (random.below(2) === 0) socket.resume();
    socket.write(randomBytes(random));
    if (random.below(3) === 0) socket.end();
    await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
  }

  for (const terminal of [false, true]) {
    test(`random frames, ${terminal ? "a terminal" : "pipes"}`, { timeout: 120_000 }, async () => {
      const random = new Random(seed);
      await using c = await aMonitored({
        // Some of the noise is ^C to a terminal.
        script: "trap '' INT QUIT TSTP; while :; do echo some output; echo and errors >&2; sleep 0.005; done",
        config: { process: { terminal } },
        monitor: { input: "open" },
        log: { maxSizeBytes: 20_000, maxFiles: 3 },
      });
      await c.start();
      for (let i = 0; i < connections; i += 10) {
        await Promise.all(Array.from({ length: 10 }, () => attack(c, random)));
      }
      expect(readExit(c.directory)).toBe(undefined);
      // Those who were here before us may still have to be seen out.
      const phase = async () => (await (await c.client()).status().catch(() => undefined))?.phase;
      await expect.poll(phase).toBe("running");
      const client = await c.client();
      await client.setRestart("never");
      process.kill(c.init, "SIGKILL");
      expect((await c.exit()).status).toMatchObject({ signal: 9 });
      await c.gone();
    });
  }

  test("a life with everything: log, rotation, health, input, slow clients, restart, exit command", async () => {
    const errors = `/tmp/runt-test-sanitized-${process.pid}`;
    writeFileSync(errors, "");
    await using c = await aMonitored({
      script:
        "cat; i=0; while [ $i -lt 3000 ]; do echo line $i; echo error $i >&2; i=$((i+1)); done; sleep 0.2; exit 3",
      monitor: {
        input: "once",
        oomScoreAdj: 500,
        exitCommand: { argv: ["/bin/sh", "-c", "echo ran >&2"], env: [], errors },
        restart: { on: "onFailure", soonMs: 10, laterMs: 50, longRunMs: 1_000_000 },
        health: {
          argv: ["/bin/sh", "-c", "echo fine"],
          env: ["PATH=/bin"],
          intervalMs: 10,
          timeoutMs: 5000,
          retries: 2,
          startPeriodMs: 50,
          startIntervalMs: 5,
        },
      },
      log: { maxSizeBytes: 5000, maxFiles: 5 },
    });
    expect(readFileSync(`/proc/${c.pid}/oom_score_adj`, "utf8").trim()).toBe("500");
    expect(readFileSync(`/proc/${c.init}/oom_score_adj`, "utf8").trim()).not.toBe("500");
    const slow = await (await c.client()).attach({ stdout: true, stderr: true });
    const { stdin, stdout, exited } = await (await c.client()).attach({
      stdin: true,
      stdout: true,
      whenSlow: "wait",
    });
    const output = collected(stdout);
    await c.start();
    stdin!.end(Buffer.alloc(100_000, "i"));
    expect((await output).length).toBe(
      100_000 + Array.from({ length: 3000 }, (_, i) => `line ${i}\n`).join("").length,
    );
    expect((await exited).restartMs).toBe(50);
    slow.stdout!.resume();
    slow.stderr!.resume();
    expect((await slow.exited).status).toEqual({ exited: 3 });
    await c.gone();
    expect(readFileSync(errors, "utf8")).toBe("ran\n");
    await eventually(() => (spawnSync("rm", [errors]).status === 0 ? true : undefined), "rm");
  });
});
