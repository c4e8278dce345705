/** One thing that people do with an engine, and what they see of it. */
import type { Peer } from "./peer.ts";

export interface Case {
  readonly name: string;
  /** Does it. @returns what was seen, each under a name of its own; what differs is listed by it */
  run(engine: Peer): Promise<Readonly<Record<string, unknown>>>;
  /** Verbs that take away what the case leaves beside containers. */
  readonly after?: readonly (readonly string[])[];
}

export type Look = Case["run"];

/** Many cases of one subject. */
export function about(subject: string, looks: Readonly<Record<string, Look | Omit<Case, "name">>>): Case[] {
  return Object.entries(looks).map(([name, look]) => ({
    name: `${subject}: ${name}`,
    ...(typeof look === "function" ? { run: look } : look),
  }));
}
