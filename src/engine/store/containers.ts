/** The tables of containers: what changes as they run, and what they were made to be. */
import type { ContainerRecord, RunState, StoredStatus, Summary } from "../record.ts";
import type { Database, Row } from "./database.ts";

/** A container as a list shows it. */
export type ListedRecord = Omit<ContainerRecord, "request" | "definition">;

/** What may be changed. */
export interface Changes {
  readonly name?: string;
  readonly status?: StoredStatus;
  readonly summary?: Summary;
  readonly request?: ContainerRecord["request"] | undefined;
  readonly definition?: ContainerRecord["definition"] | undefined;
  readonly run?: RunState;
  readonly owner?: ContainerRecord["owner"] | null;
}

const listed = "id, name, created, status, summary, run, owner";

export class Containers {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** @throws where there is one with that ID or name: see `isConflict` */
  insert(record: ContainerRecord): void {
    const { id, name, created, status, summary, request, definition, run, owner } = record;
    this.#db.transaction(() => {
      this.#db.run(
        `INSERT INTO containers (${listed}) VALUES (?, ?, ?, ?, ?, ?, ?)`,
        id,
        name,
        created,
        status,
        JSON.stringify(summary),
        JSON.stringify(run),
        owner ? JSON.stringify(owner) : null,
      );
      const texts = [JSON.stringify(request), JSON.stringify(definition)];
      this.#db.run(`INSERT INTO definitions VALUES (?, ?, ?)`, id, ...texts);
    });
  }

  get(id: string): ContainerRecord | undefined {
    const row = this.#db.get(
      `SELECT ${listed}, request, definition FROM containers JOIN definitions ON container = id WHERE id = ?`,
      id,
    );
    return row && recordOf(row);
  }

  /** @returns whether there was one */
  update(id: string, { request, definition, ...row }: Changes): boolean {
    if (request === undefined && definition === undefined) return this.#set("containers", "id", id, row);
    return this.#db.transaction(
      () =>
        this.#set("definitions", "container", id, { request, definition }) &&
        this.#set("containers", "id", id, row),
    );
  }

  #set(table: string, key: string, id: string, changes: Changes): boolean {
    const entries = Object.entries(changes).filter(([, value]) => value !== undefined);
    if (entries.length === 0) return true;
    const columns = entries.map(([column]) => column);
    const values = entries.map(([column, value]) =>
      column === "name" || column === "status"
        ? (value as string)
        : value === null
          ? null
          : JSON.stringify(value),
    );
    return this.#db.run(updateOf(table, columns, key), ...values, id) > 0;
  }

  /** See `EngineStore.prepareForRun`. */
  prepareForRun(): void {
    this.#db.prepare(updateOf("containers", ["status", "run", "owner"], "id"));
  }

  delete(id: string): void {
    this.#db.transaction(() => {
      this.#db.run("DELETE FROM containers WHERE id = ?", id);
      this.#db.run("DELETE FROM definitions WHERE container = ?", id);
    });
  }

  /** Oldest first. */
  list(): ListedRecord[] {
    return this.#db.all(`SELECT ${listed} FROM containers ORDER BY created, id`).map(listedOf);
  }

  idOfName(name: string): string | undefined {
    return this.#db.get("SELECT id FROM containers WHERE name = ?", name)?.id as string | undefined;
  }

  /** At most `limit` of those whose ID begins with `prefix`. */
  idsWithPrefix(prefix: string, limit: number): string[] {
    // A range, because only that uses the index.
    return this.#db
      .all("SELECT id FROM containers WHERE id >= ? AND id < ? LIMIT ?", prefix, `${prefix}g`, limit)
      .map(({ id }) => id as string);
  }
}

function updateOf(table: string, columns: readonly string[], key: string): string {
  return `UPDATE ${table} SET ${columns.map((column) => `${column} = ?`).join(", ")} WHERE ${key} = ?`;
}

function listedOf(row: Row): ListedRecord {
  return {
    id: row.id as string,
    name: row.name as string,
    created: row.created as string,
    status: row.status as StoredStatus,
    summary: JSON.parse(row.summary as string),
    run: JSON.parse(row.run as string),
    owner: row.owner === null ? undefined : JSON.parse(row.owner as string),
  };
}

function recordOf(row: Row): ContainerRecord {
  return {
    ...listedOf(row),
    request: JSON.parse(row.request as string),
    definition: JSON.parse(row.definition as string),
  };
}
