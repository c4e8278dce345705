/** The `linux.intelRdt` section: cache and memory bandwidth allocation. @see runtime-spec 1.3 config-linux.md#intelrdt */
import { flag, readText } from "./leaves.ts";
import { type Infer, leaf, list, mustBe, object, optional, type Refusal, refuse } from "./schema.ts";

function readLine(value: unknown): string | Refusal {
  const line = readText(value);
  return typeof line === "string" && line.includes("\n") ? refuse("must be one line") : line;
}

/** A directory name in resctrl, or "/" for the default class. */
const closID = leaf((value) => {
  const name = readLine(value);
  const isPath =
    name === "." || name === ".." || (typeof name === "string" && name !== "/" && name.includes("/"));
  return isPath ? refuse(mustBe('a single name or "/"', name)) : name;
});

const line = leaf(readLine);

const memBwSchema = leaf((value) => {
  const schema = readLine(value);
  return typeof schema === "string" && !schema.startsWith("MB:")
    ? refuse(mustBe('something that starts with "MB:"', schema))
    : schema;
});

export const LinuxIntelRdt = object(() => ({
  /** Class of service; absent: one of the container's own, named by its id. */
  closID: optional(closID, ""),
  /** Lines for the class's schemata file, written after the two below. */
  schemata: list(line),
  l3CacheSchema: optional(line, ""),
  memBwSchema: optional(memBwSchema, ""),
  /** Give the container a monitoring group of its own. */
  enableMonitoring: flag,
}));
export type LinuxIntelRdt = Infer<typeof LinuxIntelRdt>;
