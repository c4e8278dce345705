/** Options of every command that has a container in the foreground. */
import type { OptionSpecs } from "./option.ts";

export const foregroundOptions = {
  detachKeys: {
    type: "string",
    value: "keys",
    default: "ctrl-p,ctrl-q",
    summary: "what one types to leave a container with a terminal",
  },
  sigProxy: {
    type: "boolean",
    default: true,
    summary: "pass signals on to the container, unless it has a terminal",
  },
} as const satisfies OptionSpecs;
