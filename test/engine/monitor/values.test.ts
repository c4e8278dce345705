/** The parts of the monitor's client that need no container: keys, policies, frames, lines, records. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DetachKeys, defaultDetachKeys, parseDetachKeys } from "../../../src/engine/monitor/detach-keys.ts";
import { encodeFrame, type Frame, FrameReader } from "../../../src/engine/monitor/frames.ts";
import { outputOf, parseLogLine } from "../../../src/engine/monitor/log-line.ts";
import { readExit } from "../../../src/engine/monitor/records.ts";
import {
  afterRestart,
  noRestarts,
  parseRestartPolicy,
  type RestartHistory,
  restartOn,
  restartRequest,
} from "../../../src/engine/monitor/restart-policy.ts";

describe("detach keys", () => {
  const bytes = (keys: string): number[] | undefined => {
    const parsed = parseDetachKeys(keys);
    return parsed && [...parsed];
  };
  test("are read as docker reads them", () => {
    expect(bytes(defaultDetachKeys)).toEqual([16, 17]);
    expect(bytes("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_")).toEqual([0, 27, 28, 29, 30, 31]);
    expect(bytes("a,b")).toEqual([97, 98]);
    expect(bytes("")).toEqual([]);
    for (const wrong of ["ctrl-", "ctrl-A", "ctrl-1", "ab", "a,,b", "ä"])
      expect(bytes(wrong)).toBe(undefined);
  });

  /** What the container gets, and "!" where the keys have come. */
  function typed(keys: string, ...pieces: string[]): string {
    const detach = new DetachKeys(parseDetachKeys(keys)!);
    let out = "";
    for (const piece of pieces) {
      const result = detach.feed(Buffer.from(piece));
      out += result.input.toString() + (result.detach ? "!" : "");
      if (result.detach) return out;
    }
    return out + detach.rest().toString();
  }
  test("are found in one piece and in several, and do not reach the container", () => {
    expect(typed("a,b,c", "xxabc")).toBe("xx!");
    expect(typed("a,b,c", "xxa", "b", "cyy")).toBe("xx!");
  });
  test("what only begins like them does", () => {
    expect(typed("a,b,c", "ab", "xab")).toBe("abxab");
    expect(typed("a,a,b", "a", "a", "a", "b")).toBe("a!");
    expect(typed("a,b,a,c", "abab", "ac")).toBe("ab!");
  });
  test("none are none", () => expect(typed("", "anything")).toBe("anything"));
});

describe("restart policy", () => {
  test("is read as docker reads it", () => {
    expect(parseRestartPolicy("on-failure:3")).toEqual({ name: "on-failure", maximumRetryCount: 3 });
    expect(parseRestartPolicy("on-failure")).toEqual({ name: "on-failure", maximumRetryCount: 0 });
    for (const name of ["no", "always", "unless-stopped"]) expect(parseRestartPolicy(name)).toEqual({ name });
    for (const wrong of ["yes", "on-failure:", "on-failure:-1", "always:3"])
      expect(parseRestartPolicy(wrong)).toBe(undefined);
  });

  test("waits 100 ms, then twice as long each time, up to a minute", () => {
    let history: RestartHistory = noRestarts;
    const waits: number[] = [];
    for (let i = 0; i < 12; i++) {
      const { soonMs, laterMs, longRunMs } = restartRequest({ name: "always" }, history);
      expect([soonMs, longRunMs]).toEqual([100, 10_000]);
      waits.push(laterMs);
      history = afterRestart(history, laterMs);
    }
    expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
    expect(history.count).toBe(12);
  });

  test("on-failure:2 starts again twice", () => {
    const policy = { name: "on-failure", maximumRetryCount: 2 } as const;
    const counts = [0, 1, 2, 3].map((count) => restartOn(policy, { count, delayMs: 0 }));
    expect(counts).toEqual(["onFailure", "onFailure", "never", "never"]);
  });
});

describe("frames", () => {
  function* pieces(bytes: Buffer, size: number): Generator<Buffer, void> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const sent = Buffer.concat([
    encodeFrame("resize", [24, 80]),
    encodeFrame("output", Buffer.from("text")),
    encodeFrame("end_input"),
  ]);
  for (const size of [1, 7, 1000]) {
    test(`come back from pieces of ${size} bytes`, () => {
      const reader = new FrameReader();
      const frames: Frame[] = [];
      for (const piece of pieces(sent, size)) frames.push(...reader.take(piece));
      expect(frames.map((frame) => [frame.name, frame.numbers, frame.data.toString()])).toEqual([
        ["resize", { rows: 24n, columns: 80n }, ""],
        ["output", {}, "text"],
        ["end_input", {}, ""],
      ]);
    });
  }

  test("of a newer monitor: unknown kinds are passed over, missing numbers are 0", () => {
    const unknown = Buffer.alloc(16);
    unknown.writeUInt32LE(4711, 0);
    unknown.writeUInt32LE(8, 4);
    const short = encodeFrame("exited", [1, 1]);
    const [frame, ...more] = [...new FrameReader().take(Buffer.concat([unknown, short]))];
    expect(more).toEqual([]);
    expect(frame).toMatchObject({ name: "exited", numbers: { executed: 1n, code: 1n, status: 0n } });
  });

  test("longer than any are refused", () => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(1 << 20, 4);
    expect(() => [...new FrameReader().take(bytes)]).toThrow(/frame of 1048576 bytes/);
  });
});

describe("log line", () => {
  test("time, stream, tag, content", () => {
    const line = parseLogLine(Buffer.from("2026-01-02T03:04:05.123456789Z stderr P a  b \xff", "latin1"))!;
    expect(line).toMatchObject({ time: "2026-01-02T03:04:05.123456789Z", stream: "stderr", tag: "part" });
    expect(outputOf(line).toString("latin1")).toBe("a  b \xff");
    expect(outputOf(parseLogLine(Buffer.from("t stdout F "))!).toString()).toBe("\n");
    expect(parseLogLine(Buffer.from("t stdout F:later x"))!.tag).toBe("full");
  });
  for (const wrong of ["", "t", "t stdout", "t stdout F", "t stdin F x", "t stdout X x"]) {
    test(`${JSON.stringify(wrong)} is none`, () => {
      expect(parseLogLine(Buffer.from(wrong))).toBe(undefined);
    });
  }
});

describe("records", () => {
  test("fields that this build does not know, and ones that are not there", () => {
    const directory = mkdtempSync("/tmp/runt-test-record-");
    try {
      expect(readExit(directory)).toBe(undefined);
      writeFileSync(join(directory, "exit"), "code 2\nstatus 15\nnews 7\nrestart_ms -1\n");
      expect(readExit(directory)).toMatchObject({
        status: { signaled: "SIGTERM", signal: 15 },
        executed: false,
        restartMs: undefined,
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
