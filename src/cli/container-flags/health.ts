/** `--health-*` and `--no-healthcheck`. @see docker run --health-cmd */
import type { HealthRequest } from "../../engine/request.ts";
import type { OptionSpecs, OptionValues } from "../option.ts";
import { conflict, flagError } from "./flag-error.ts";
import { durationMs, wholeNumber } from "./quantity.ts";

const group = "Health";

export const healthOptions = {
  healthCmd: {
    type: "string",
    value: "command",
    group,
    summary: "check with this: a line for sh, or a JSON array; none",
  },
  healthInterval: { type: "string", value: "time", group, summary: "between two checks (30s)" },
  healthTimeout: {
    type: "string",
    value: "time",
    group,
    summary: "a check that takes longer has failed (30s)",
  },
  healthRetries: {
    type: "string",
    value: "number",
    group,
    summary: "so many failures in a row: unhealthy (3)",
  },
  healthStartPeriod: {
    type: "string",
    value: "time",
    group,
    summary: "at the start failures do not count (0s)",
  },
  healthStartInterval: {
    type: "string",
    value: "time",
    group,
    summary: "between two checks at the start (5s)",
  },
  noHealthcheck: { type: "boolean", group, summary: "not even the check that the image has" },
} as const satisfies OptionSpecs;

/** @throws {RuntError} InvalidArgument */
export function healthOf(options: OptionValues<typeof healthOptions>): HealthRequest | "none" | undefined {
  const { noHealthcheck, healthCmd } = options;
  const keys = Object.keys(healthOptions) as (keyof typeof healthOptions)[];
  const given = keys.some((key) => key !== "noHealthcheck" && options[key] !== undefined);
  if (noHealthcheck) {
    if (given) throw conflict("--no-healthcheck conflicts with --health-* options");
    return "none";
  }
  if (!given) return undefined;
  if (healthCmd === "none") return "none";
  return {
    test: healthCmd === undefined || healthCmd === "" ? undefined : words(healthCmd),
    intervalMs: time("--health-interval", options.healthInterval),
    timeoutMs: time("--health-timeout", options.healthTimeout),
    retries:
      options.healthRetries === undefined
        ? undefined
        : wholeNumber("--health-retries", options.healthRetries, 0) || undefined,
    startPeriodMs: time("--health-start-period", options.healthStartPeriod),
    startIntervalMs: time("--health-start-interval", options.healthStartInterval),
  };
}

function words(text: string): string[] {
  if (!text.startsWith("[")) return ["CMD-SHELL", text];
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list) && list.length > 0 && list.every((word) => typeof word === "string")) {
      return list[0] === "CMD" || list[0] === "CMD-SHELL" ? list : ["CMD", ...list];
    }
  } catch {
    // `[ -f /ready ]` is a program too.
  }
  return ["CMD-SHELL", text];
}

/** 0 is docker's word for "not said". */
function time(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = durationMs(flag, text);
  if (ms !== 0 && ms < 1) throw flagError(flag, text, "less than 1ms");
  return ms === 0 ? undefined : Math.round(ms);
}
