/** The table of events: what has happened, by anybody's doing, the last ten thousand of it. */
import { timestamp } from "../time.ts";
import type { Database } from "./database.ts";

export interface EngineEvent {
  /** Counts up; never the same twice. */
  readonly seq: number;
  /** RFC 3339 with nanoseconds, UTC. */
  readonly time: string;
  readonly type: "container" | "volume" | "network" | "image";
  /** docker's words: create, start, die, kill, oom, destroy, … */
  readonly action: string;
  /** ID of the container, image or network, name of the volume; of an image that is pulled or pushed the name. */
  readonly actor: string;
  readonly attributes: Readonly<Record<string, string>>;
}

const kept = 10_000;
/** So seldom is looked whether there are too many. */
const cleanEvery = 500;

const insertion =
  "INSERT INTO events (time, type, action, actor, attributes) VALUES (?, ?, ?, ?, ?) RETURNING seq";

export class Events {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  append(event: Omit<EngineEvent, "seq" | "time">): void {
    const { type, action, actor, attributes } = event;
    this.#db.transaction(() => {
      const row = this.#db.get(insertion, timestamp(), type, action, actor, JSON.stringify(attributes));
      const seq = row!.seq as number;
      if (seq % cleanEvery === 0) this.#db.run("DELETE FROM events WHERE seq <= ?", seq - kept);
    });
  }

  /** See `EngineStore.prepareForRun`. */
  prepareForRun(): void {
    this.#db.prepare(insertion);
  }

  /** Those after the one with the number `seq`, oldest first. */
  after(seq: number): EngineEvent[] {
    return this.#db.all("SELECT * FROM events WHERE seq > ? ORDER BY seq", seq).map((row) => ({
      seq: row.seq as number,
      time: row.time as string,
      type: row.type as EngineEvent["type"],
      action: row.action as string,
      actor: row.actor as string,
      attributes: JSON.parse(row.attributes as string),
    }));
  }

  /** The number of the newest; 0 where there is none. */
  last(): number {
    return (this.#db.get("SELECT max(seq) AS seq FROM events")?.seq as number | null) ?? 0;
  }
}
