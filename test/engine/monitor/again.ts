/**
 * What an engine's exit command does, for tests: makes the container again when its monitor has said so, with the
 * history of its restarts in a file.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createMonitored } from "../../../src/engine/monitor/create.ts";
import { readExit } from "../../../src/engine/monitor/records.ts";
import {
  afterRestart,
  noRestarts,
  parseRestartPolicy,
  type RestartHistory,
  restartRequest,
} from "../../../src/engine/monitor/restart-policy.ts";
import type { RuntimeContext } from "../../../src/runtime/api.ts";
import { startContainer } from "../../../src/runtime/container/start.ts";
import { deleteContainer } from "../../../src/runtime/index.ts";

/** What there is to know of the container. */
export interface Order {
  readonly root: string;
  readonly id: string;
  readonly bundle: string;
  /** Of the monitor; `history.json`, `restarts` and `errors` lie beside it. */
  readonly directory: string;
  readonly policy: string;
  /** A script that calls `make` with its argument, which is this as JSON. */
  readonly program: string;
}

/** Makes and starts it, with `program` as its exit command. */
export async function make(order: Order): Promise<void> {
  const context: RuntimeContext = {
    root: order.root,
    cgroupManager: "cgroupfs",
    rootless: "auto",
    log: () => {},
  };
  const place = (name: string): string => `${order.directory}-${name}`;
  const historyFile = place("history.json");
  let history: RestartHistory = existsSync(historyFile)
    ? (JSON.parse(readFileSync(historyFile, "utf8")) as RestartHistory)
    : noRestarts;
  const exit = readExit(order.directory);
  if (exit) {
    await deleteContainer(context, order.id, { force: true });
    appendFileSync(place("restarts"), `${exit.restartMs ?? "end"}\n`);
    if (exit.restartMs === undefined) return;
    history = afterRestart(history, exit.restartMs);
    writeFileSync(historyFile, JSON.stringify(history));
  }
  await createMonitored(context, order.id, {
    bundle: order.bundle,
    monitor: {
      directory: order.directory,
      oomScoreAdj: 0,
      input: "none",
      log: { path: place("log"), maxSizeBytes: 0, maxFiles: 1, carriageReturns: "keep" },
      exitCommand: {
        argv: [process.execPath, order.program, JSON.stringify(order)],
        env: ["PATH=/bin:/usr/bin", ...(process.env.RUNT_SHIM ? [`RUNT_SHIM=${process.env.RUNT_SHIM}`] : [])],
        errors: place("errors"),
      },
      restart: restartRequest(parseRestartPolicy(order.policy)!, history),
      health: undefined,
    },
  });
  await startContainer(context, order.id);
}
