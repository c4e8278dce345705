/** One write to one cgroup file: what a resource limit comes to. */
import type { JsonPath, Origin } from "../../../spec/runtime/document-error.ts";

/** What is written, and what may go wrong with it. In `runt plan` this is one line. */
export interface ResourceWrite {
  readonly file: string;
  readonly value: string;
  /** The property that asks for it: ["linux", "resources", "memory", "limit"]. */
  readonly from: JsonPath;
  /** Errors that do not matter: "ENOENT" where an absent file means what was asked for anyway. */
  readonly ignore: readonly string[];
  /** What is written instead where `file` does not exist. */
  readonly otherwise?: { readonly file: string; readonly value: string };
  /** Says what an untouched cgroup does already, so that a missing controller is no loss. */
  readonly noop: boolean;
}

/** What the limits are compiled against. */
export interface LimitFacts {
  /** Path of the cgroup, for messages. */
  readonly cgroupPath: string;
  /** Controllers that are, or can be made, available in it. */
  readonly controllers: ReadonlySet<string>;
  /** For whom: the document and the verb. */
  readonly origin: Origin;
}

/** A write of which only the first three things are said. */
export function write(
  file: string,
  value: string | number | bigint,
  from: JsonPath,
  more: { ignore?: readonly string[]; otherwise?: { file: string; value: string }; noop?: boolean } = {},
): ResourceWrite {
  return { file, value: String(value), from, ignore: [], noop: false, ...more };
}

/** "memory" for "memory.swap.max". */
export function controllerOf(file: string): string {
  return file.slice(0, file.indexOf("."));
}
