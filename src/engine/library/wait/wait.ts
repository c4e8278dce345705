/** The ways to wait for a container, by the names that testcontainers has for them. */
import { HttpStrategy } from "./http.ts";
import { LogStrategy } from "./log.ts";
import { AllStrategy, CommandStrategy, ExitStrategy, HealthStrategy } from "./others.ts";
import { PortStrategy } from "./port.ts";
import type { WaitStrategy } from "./strategy.ts";

export const Wait = {
  /** A line of its log has this in it; with `times`, so many lines. */
  forLogMessage: (pattern: RegExp | string, times = 1) => new LogStrategy(pattern, times),
  /** Somebody listens: at these TCP ports of the container, by default at all that are published or exposed. */
  forListeningPorts: (...ports: number[]) => new PortStrategy(ports.length > 0 ? ports : undefined),
  /** Its health check succeeds; when it fails for good, so does the wait. */
  forHealthCheck: () => new HealthStrategy(),
  /** A request is answered, with a status of 200 to 399 unless something else is said. */
  forHttp: (path: string, port: number) => new HttpStrategy(path, port),
  /** It ends with that exit code. */
  forExit: (code = 0) => new ExitStrategy(code),
  /** The same with 0, by testcontainers' name. */
  forOneShotStartup: () => new ExitStrategy(0),
  /** A command in it, a line for its shell or a list of words, succeeds. */
  forSuccessfulCommand: (command: string | readonly string[]) =>
    new CommandStrategy(typeof command === "string" ? ["/bin/sh", "-c", command] : command),
  /** All of them. */
  forAll: (strategies: readonly WaitStrategy[]) => new AllStrategy(strategies),
} as const;
