import { describe, expect, test } from "vitest";
import { requestOf as defaults } from "../../../src/engine/request-defaults.ts";
import { read, requestOf } from "./request.ts";

describe("start and end", () => {
  test.each([
    ["no", { name: "no" }],
    ["always", { name: "always" }],
    ["unless-stopped", { name: "unless-stopped" }],
    ["on-failure", { name: "on-failure", maximumRetryCount: 0 }],
    ["on-failure:3", { name: "on-failure", maximumRetryCount: 3 }],
  ])("--restart %s", async (text, restart) => {
    expect((await requestOf("--restart", text)).restart).toEqual(restart);
  });

  test.each([
    [["--restart", "sometimes"], '--restart "sometimes": no, on-failure[:<times>], always or unless-stopped'],
    [["--restart", "always:3"], '--restart "always:3": a number of times is for on-failure only'],
    [["--restart", "on-failure:-1"], '--restart "on-failure:-1": no, on-failure[:<times>]'],
    [["--stop-signal", "SIGFOO"], '--stop-signal "SIGFOO": no such signal'],
    [["--stop-timeout", "x"], '--stop-timeout "x": not a whole number'],
    [["--stop-timeout", "-2"], /^--stop-timeout "-2": not between -1 and/],
    [["--pull", "sometimes"], 'invalid argument "sometimes" for --pull: not always, missing, never'],
  ])("%j is refused", async (args, message) => {
    await expect(read(args)).rejects.toThrow(message);
  });

  test.each([
    ["9", "SIGKILL"],
    ["term", "SIGTERM"],
    ["SIGUSR1", "SIGUSR1"],
    ["RTMIN+3", "SIGRTMIN+3"],
    ["37", "SIGRTMIN+3"],
  ])("--stop-signal %s is %s", async (text, signal) => {
    expect((await requestOf("--stop-signal", text)).stopSignal).toBe(signal);
  });

  test("--stop-timeout -1 is for ever; --rm, --runtime, --platform", async () => {
    expect(
      await requestOf("--stop-timeout", "-1", "--rm", "--runtime", "runc", "--platform", "linux/arm64"),
    ).toMatchObject({ stopTimeoutSeconds: -1, autoRemove: true, runtime: "runc", platform: "linux/arm64" });
    expect((await requestOf("--runtime", "runt")).runtime).toBeUndefined();
  });
});

describe("logs", () => {
  test.each([
    [["--log-driver", "none"], { driver: "none" }],
    [["--log-driver", "local"], { driver: "file" }],
    [
      ["--log-opt", "max-size=1m", "--log-opt", "max-file=9"],
      { driver: "file", maxSize: 2 ** 20, maxFiles: 9 },
    ],
    [["--log-opt", "max-size=-1"], { maxSize: 0, maxFiles: defaults({}).log.maxFiles }],
  ])("%j", async (args, log) => {
    expect((await requestOf(...args)).log).toMatchObject(log);
  });

  test.each([
    [["--log-driver", "syslog"], '--log-driver "syslog": json-file, local and none are supported'],
    [["--log-opt", "colour=red"], '--log-opt "colour=red": no such option: max-size, max-file'],
    [["--log-opt", "max-file=0"], '--log-opt max-file "0": not between 1 and 1000'],
    [
      ["--log-driver", "none", "--log-opt", "max-file=2"],
      "conflicting options: --log-driver none has no --log-opt",
    ],
  ])("%j is refused", async (args, message) => {
    await expect(read(args)).rejects.toThrow(message);
  });

  test("what docker has and we do not is told", async () => {
    expect((await read(["--log-opt", "tag=x"])).warnings).toEqual(["--log-opt tag has no effect"]);
  });
});

describe("health", () => {
  test("not given: the image's", async () => {
    expect((await requestOf()).health).toBeUndefined();
  });

  test.each([
    [["--no-healthcheck"], "none"],
    [["--health-cmd", "none"], "none"],
    [["--health-cmd", "curl -f localhost"], { test: ["CMD-SHELL", "curl -f localhost"] }],
    [["--health-cmd", '["curl", "-f"]'], { test: ["CMD", "curl", "-f"] }],
    [["--health-cmd", "[ -f /ready ]"], { test: ["CMD-SHELL", "[ -f /ready ]"] }],
    [["--health-interval", "1m30s"], { test: undefined, intervalMs: 90_000 }],
    [
      ["--health-timeout", "500ms", "--health-retries", "5", "--health-start-period", "1h"],
      { timeoutMs: 500, retries: 5, startPeriodMs: 3_600_000 },
    ],
    [["--health-start-interval", "0s", "--health-cmd", "x"], { startIntervalMs: undefined }],
  ])("%j", async (args, health) => {
    const found = (await requestOf(...args)).health;
    if (typeof health === "string") expect(found).toBe(health);
    else expect(found).toMatchObject(health);
  });

  test.each([
    [
      ["--health-interval", "5"],
      '--health-interval "5": not a time: numbers with units, as in "1m30s" or "500ms"',
    ],
    [["--health-interval", "-5s"], '--health-interval "-5s": not a time'],
    [["--health-interval", "10us"], '--health-interval "10us": less than 1ms'],
    [["--health-retries", "-1"], '--health-retries "-1": less than 0'],
    [["--no-healthcheck", "--health-cmd", "x"], "--no-healthcheck conflicts with --health-* options"],
  ])("%j is refused", async (args, message) => {
    await expect(read(args)).rejects.toThrow(message);
  });
});
