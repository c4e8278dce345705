/** A container's monitor as the engine sees it: made with the container, asked over its socket, read back from disk. */
export { Attachment, type AttachOptions, type MonitorEvent } from "./attachment.ts";
export { MonitorClient, type MonitorStatus } from "./client.ts";
export { createMonitored, type MonitoredOptions, type MonitorSettings } from "./create.ts";
export { DetachKeys, defaultDetachKeys, parseDetachKeys } from "./detach-keys.ts";
export { type FoundMonitor, findMonitor } from "./find.ts";
export { createForeign, type ForeignOptions } from "./foreign.ts";
export { type LogLine, outputOf, parseLogLine } from "./log-line.ts";
export {
  type HealthCheck,
  type HealthRecord,
  type HealthStatus,
  type LogLoss,
  type MonitorExit,
  readExit,
  readHealth,
} from "./records.ts";
export {
  afterRestart,
  noRestarts,
  parseRestartPolicy,
  type RestartHistory,
  type RestartPolicy,
  restartOn,
  restartRequest,
} from "./restart-policy.ts";
