/** Restart policies as docker has them, as the numbers that a monitor decides with. */
import type { RestartRequest } from "../../runtime/plan/monitor.ts";

/** `--restart`. "unless-stopped" differs from "always" in what happens after a reboot only. */
export type RestartPolicy =
  | { readonly name: "no" | "always" | "unless-stopped" }
  /** 0: as often as it fails. */
  | { readonly name: "on-failure"; readonly maximumRetryCount: number };

/** What is to be remembered from one run to the next. */
export interface RestartHistory {
  /** How often the policy has started it again. */
  readonly count: number;
  /** The wait before this run; 0 for the first. */
  readonly delayMs: number;
}

export const noRestarts: RestartHistory = { count: 0, delayMs: 0 };

const firstMs = 100;
const longestMs = 60_000;
/** Who has run for so long is taken for well, and the next wait is the first again. */
const longRunMs = 10_000;

/** What the monitor of the next run is told. */
export function restartRequest(policy: RestartPolicy, history: RestartHistory): RestartRequest {
  return {
    on: restartOn(policy, history),
    soonMs: firstMs,
    laterMs: history.delayMs === 0 ? firstMs : Math.min(2 * history.delayMs, longestMs),
    longRunMs,
  };
}

/** For `MonitorClient.setRestart`, when the policy is changed while it runs. */
export function restartOn(policy: RestartPolicy, history: RestartHistory): RestartRequest["on"] {
  switch (policy.name) {
    case "no":
      return "never";
    case "always":
    case "unless-stopped":
      return "always";
    case "on-failure": {
      const { maximumRetryCount: most } = policy;
      return most === 0 || history.count < most ? "onFailure" : "never";
    }
  }
}

/** @param delayMs the wait that the monitor has chosen: `restartMs` of the exit record */
export function afterRestart(history: RestartHistory, delayMs: number): RestartHistory {
  return { count: history.count + 1, delayMs };
}

/** `no`, `always`, `unless-stopped`, `on-failure`, `on-failure:3`; undefined for anything else. */
export function parseRestartPolicy(text: string): RestartPolicy | undefined {
  if (text === "" || text === "no") return { name: "no" };
  if (text === "always" || text === "unless-stopped") return { name: text };
  const match = /^on-failure(?::(\d{1,9}))?$/.exec(text);
  return match ? { name: "on-failure", maximumRetryCount: Number(match[1] ?? 0) } : undefined;
}
