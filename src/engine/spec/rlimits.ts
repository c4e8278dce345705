/** `process.rlimits` of config.json. */
import { RuntError } from "../../errors.ts";
import type { ContainerRequest } from "../request.ts";

/** RLIM_INFINITY */
const unlimited = 18446744073709551615n;

const names = [
  "as",
  "core",
  "cpu",
  "data",
  "fsize",
  "locks",
  "memlock",
  "msgqueue",
  "nice",
  "nofile",
  "nproc",
  "rss",
  "rtprio",
  "rttime",
  "sigpending",
  "stack",
];

/** @throws {RuntError} InvalidArgument */
export function rlimitsOf(ulimits: ContainerRequest["ulimits"]): object[] {
  return Object.entries(ulimits).map(([name, { soft, hard }]) => {
    if (!names.includes(name)) {
      throw new RuntError("InvalidArgument", `invalid ulimit type: ${name}`, { operation: "create" });
    }
    const value = (limit: number) => (limit < 0 ? unlimited : limit);
    return { type: `RLIMIT_${name.toUpperCase()}`, soft: value(soft), hard: value(hard) };
  });
}
