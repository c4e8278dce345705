/** How a container is asked to end, and how long it may take, as `stop` and `restart` are told. */
import type { OptionSpecs } from "./option.ts";

export const stopFlags = {
  time: {
    type: "integer",
    short: "t",
    value: "seconds",
    summary: "until it is killed; -1: never (what the container has, or 10)",
  },
  timeout: { type: "integer", value: "seconds", summary: "the same as --time", hidden: true },
  signal: {
    type: "string",
    short: "s",
    value: "signal",
    summary: "instead of the container's own stop signal",
  },
} as const satisfies OptionSpecs;

/** What was given of them, for the engine; the container's own settings hold for the rest. */
export function stopOptions(given: {
  readonly time?: number | undefined;
  readonly timeout?: number | undefined;
  readonly signal?: string | undefined;
}): { readonly signal?: string; readonly timeoutSeconds?: number } {
  const { signal, timeout, time = timeout } = given;
  return {
    ...(signal !== undefined && { signal }),
    ...(time !== undefined && { timeoutSeconds: time }),
  };
}
