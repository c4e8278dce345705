/** Monitors of containers that another runtime makes; here it is runc. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { MonitorClient } from "../../../src/engine/monitor/client.ts";
import type { MonitorSettings } from "../../../src/engine/monitor/create.ts";
import { createForeign } from "../../../src/engine/monitor/foreign.ts";
import { type MonitorExit, readExit, readHealth } from "../../../src/engine/monitor/records.ts";
import { readProcessStat } from "../../../src/linux/process.ts";
import { aBundle, type Bundle, freshName } from "../../support/bundle.ts";
import { eventually } from "../../support/container.ts";
import { needs } from "../../support/needs.ts";
import { collected, isRunning } from "./monitored.ts";

const withRunc = needs("root", "cgroup2", "program:runc");

/** A container that runc makes, and takes away at the end. */
class Foreign implements AsyncDisposable {
  readonly id = freshName();
  readonly bundle: Bundle;
  readonly directory: string;
  init = 0;
  monitor = 0;

  constructor(bundle: Bundle) {
    this.bundle = bundle;
    this.directory = join(bundle.directory, "monitor");
  }

  static async make(
    script: string,
    monitor: Partial<MonitorSettings> = {},
    process: object = {},
  ): Promise<Foreign> {
    const foreign = new Foreign(await aBundle({ process: { args: ["/bin/sh", "-c", script], ...process } }));
    const { bundle, id, directory } = foreign;
    try {
      const { pid } = await createForeign({
        terminal: bundle.config.process.terminal ?? false,
        command: (pidFile, consoleSocket) => ({
          argv: [
            execFileSync("which", ["runc"], { encoding: "utf8" }).trim(),
            ...foreign.#global(),
            "create",
            ...["--bundle", bundle.path, "--pid-file", pidFile],
            ...(consoleSocket ? ["--console-socket", consoleSocket] : []),
            id,
          ],
          env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
        }),
        monitor: {
          directory,
          oomScoreAdj: 0,
          input: "open",
          log: { path: join(bundle.directory, "log"), maxSizeBytes: 0, maxFiles: 1, carriageReturns: "keep" },
          exitCommand: undefined,
          restart: { on: "never", soonMs: 100, laterMs: 100, longRunMs: 10_000 },
          health: undefined,
          ...monitor,
        },
      });
      foreign.init = pid;
      using client = await MonitorClient.connect(directory);
      foreign.monitor = (await client.status()).monitor;
    } catch (error) {
      await foreign[Symbol.asyncDispose]();
      throw error;
    }
    return foreign;
  }

  #global(): string[] {
    return ["--root", join(this.bundle.directory, "runc")];
  }

  runc(...args: string[]): void {
    const { status, stderr } = spawnSync("runc", [...this.#global(), ...args], { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  }

  async start(): Promise<void> {
    this.runc("start", this.id);
    using client = await MonitorClient.connect(this.directory);
    await client.started();
  }

  exit(): Promise<MonitorExit> {
    return eventually(() => readExit(this.directory), "the exit record");
  }

  get log(): string {
    return readFileSync(join(this.bundle.directory, "log"), "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.runc("delete", "--force", this.id);
    // The monitor writes to the directory when all is over.
    await eventually(() => (isRunning(this.monitor) ? undefined : true), "the end of the monitor");
    await this.bundle[Symbol.asyncDispose]();
  }
}

describe("a foreign runtime", () => {
  withRunc("makes the container; the monitor is its parent, has its output, and learns its end", async () => {
    await using c = await Foreign.make("echo out; echo err >&2; read x; echo got $x; exit 7");
    using client = await MonitorClient.connect(c.directory);
    const status = await client.status();
    expect(status).toMatchObject({ init: c.init, phase: "created" });
    expect(readProcessStat(c.init)!.parent).toBe(status.monitor);
    const { stdin, stdout, stderr, exited } = await client.attach({
      stdin: true,
      stdout: true,
      stderr: true,
    });
    const output = Promise.all([collected(stdout), collected(stderr)]);
    await c.start();
    stdin!.write("word\n");
    expect((await output).map(String)).toEqual(["out\ngot word\n", "err\n"]);
    expect(await exited).toMatchObject({ status: { exited: 7 }, executed: true });
    expect(c.log).toContain("stdout F got word\n");
  });

  withRunc("with a terminal", async () => {
    await using c = await Foreign.make(
      "read x; echo got $x",
      {},
      { terminal: true, consoleSize: { height: 5, width: 50 } },
    );
    using client = await MonitorClient.connect(c.directory);
    const { stdin, stdout } = await client.attach({ stdin: true, stdout: true });
    const output = collected(stdout);
    await c.start();
    await client.resize(12, 34);
    stdin!.write("word\n");
    expect(String(await output)).toBe("word\r\ngot word\r\n");
    expect((await c.exit()).status).toEqual({ exited: 0 });
  });

  withRunc("restart policy and health checks begin with the start that one tells of", async () => {
    await using c = await Foreign.make("exec sleep 1000", {
      restart: { on: "onFailure", soonMs: 1, laterMs: 30, longRunMs: 10_000 },
      health: {
        argv: ["/bin/true"],
        env: [],
        intervalMs: 10,
        timeoutMs: 10_000,
        retries: 1,
        startPeriodMs: 0,
        startIntervalMs: 0,
      },
    });
    expect(readHealth(c.directory)).toBe(undefined);
    await c.start();
    await eventually(() => (readHealth(c.directory)?.status === "healthy" ? true : undefined), "health");
    process.kill(c.init, "SIGKILL");
    expect(await c.exit()).toMatchObject({ status: { signal: 9 }, executed: true, restartMs: 30 });
  });

  for (const terminal of [false, true]) {
    withRunc(
      `what it says when it cannot is the error, ${terminal ? "with a terminal" : "with pipes"}`,
      async () => {
        const made = Foreign.make("", {}, { args: ["/not/there"], terminal });
        await expect(made).rejects.toMatchObject({
          name: "RuntError",
          message: expect.stringMatching(/\/not\/there.*no such file or directory/),
        });
      },
    );
  }

  withRunc("a runtime that is not there", async () => {
    await using bundle = await aBundle();
    const made = createForeign({
      terminal: false,
      command: () => ({ argv: ["/not/there"], env: [] }),
      monitor: {
        directory: join(bundle.directory, "monitor"),
        oomScoreAdj: 0,
        input: "none",
        log: undefined,
        exitCommand: undefined,
        restart: { on: "never", soonMs: 0, laterMs: 0, longRunMs: 0 },
        health: undefined,
      },
    });
    await expect(made).rejects.toMatchObject({ message: expect.stringContaining("/not/there: errno 2") });
  });
});
