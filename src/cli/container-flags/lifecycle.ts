/** `--restart`, `--rm`, `--stop-*`, `--log-*`: how a container ends, whether it comes back, and what is left of it. */
import { constants } from "node:os";
import { parseRestartPolicy, type RestartPolicy } from "../../engine/monitor/restart-policy.ts";
import type { ContainerRequest, LogRequest } from "../../engine/request.ts";
import type { OptionSpecs, OptionValues } from "../option.ts";
import { cut } from "./environment.ts";
import { conflict, flagError } from "./flag-error.ts";
import { bytesOf, wholeNumber } from "./quantity.ts";

const group = "Start and end";

export const lifecycleOptions = {
  restart: {
    type: "string",
    value: "policy",
    group,
    summary: "start it again when it has ended: no, on-failure[:<times>], always, unless-stopped",
  },
  rm: { type: "boolean", summary: "remove it, and its volumes without a name, when it has ended" },
  stopSignal: {
    type: "string",
    value: "signal",
    group,
    summary: "what asks it to end, instead of the image's or SIGTERM",
  },
  stopTimeout: { type: "string", value: "seconds", group, summary: "until it is killed (10); -1: never" },
  logDriver: {
    type: "string",
    value: "driver",
    group: "Log",
    summary: "json-file (the default), local, none",
  },
  logOpt: { type: "strings", value: "name=value", group: "Log", summary: "max-size (10m), max-file (3)" },
} as const satisfies OptionSpecs;

type Lifecycle = Pick<ContainerRequest, "restart" | "autoRemove" | "stopSignal"> & {
  readonly stopTimeoutSeconds: number | undefined;
  readonly log: Partial<LogRequest>;
};

/** @throws {RuntError} InvalidArgument */
export function lifecycleOf(
  options: OptionValues<typeof lifecycleOptions>,
  warn: (message: string) => void,
): Lifecycle {
  return {
    restart: restartPolicy("--restart", options.restart ?? "no"),
    autoRemove: options.rm,
    stopSignal:
      options.stopSignal === undefined ? undefined : signalName("--stop-signal", options.stopSignal),
    stopTimeoutSeconds:
      options.stopTimeout === undefined
        ? undefined
        : wholeNumber("--stop-timeout", options.stopTimeout, -1, 2 ** 31),
    log: logOf(options.logDriver ?? "json-file", options.logOpt, warn),
  };
}

/** @throws {RuntError} InvalidArgument */
export function restartPolicy(flag: string, text: string): RestartPolicy {
  const policy = parseRestartPolicy(text);
  if (policy) return policy;
  const [name, count] = cut(text, ":");
  if (count !== undefined && ["no", "always", "unless-stopped"].includes(name)) {
    throw flagError(flag, text, `a number of times is for on-failure only`);
  }
  throw flagError(flag, text, "no, on-failure[:<times>], always or unless-stopped");
}

/** "9", "kill", "SIGKILL" → "SIGKILL"; "RTMIN+3" → "SIGRTMIN+3". @throws {RuntError} InvalidArgument */
export function signalName(flag: string, text: string): string {
  const byNumber = Object.entries(constants.signals).find(([, number]) => String(number) === text)?.[0];
  if (byNumber !== undefined) return byNumber;
  if (/^(3[4-9]|[45]\d|6[0-4])$/.test(text)) return `SIGRTMIN+${Number(text) - 34}`;
  const name = `SIG${text.toUpperCase().replace(/^SIG/, "")}`;
  if (Object.hasOwn(constants.signals, name) || /^SIGRT(MIN(\+\d{1,2})?|MAX(-\d{1,2})?)$/.test(name))
    return name;
  throw flagError(flag, text, "no such signal");
}

function logOf(
  driver: string,
  options: readonly string[],
  warn: (message: string) => void,
): Partial<LogRequest> {
  if (driver === "none") {
    if (options.length > 0) throw conflict("--log-driver none has no --log-opt");
    return { driver: "none" };
  }
  if (!["", "json-file", "k8s-file", "local", "file"].includes(driver)) {
    throw flagError("--log-driver", driver, "json-file, local and none are supported", "Unimplemented");
  }
  let log: Partial<LogRequest> = {};
  for (const text of options) {
    const [name, value] = cut(text);
    if (!value) throw flagError("--log-opt", text, "not name=value");
    if (name === "max-size")
      log = { ...log, maxSize: value === "-1" ? 0 : bytesOf("--log-opt max-size", value) };
    else if (name === "max-file")
      log = { ...log, maxFiles: wholeNumber("--log-opt max-file", value, 1, 1000) };
    else if (
      ["tag", "labels", "labels-regex", "env", "env-regex", "compress", "mode", "max-buffer-size"].includes(
        name,
      )
    ) {
      warn(`--log-opt ${name} has no effect`);
    } else throw flagError("--log-opt", text, `no such option: max-size, max-file`);
  }
  return log;
}
