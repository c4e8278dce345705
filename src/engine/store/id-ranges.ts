/** The table of ids of the host that containers have in user namespaces of their own, until they are removed. */
import type { IdRange } from "../../linux/subordinate-ids.ts";
import type { Database } from "./database.ts";

export type IdKind = "uid" | "gid";

export class IdRanges {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** All that some container has. */
  taken(kind: IdKind): IdRange[] {
    return this.#db
      .all("SELECT first, count FROM id_ranges WHERE kind = ?", kind)
      .map((row) => ({ first: row.first as number, count: row.count as number }));
  }

  insert(container: string, kind: IdKind, { first, count }: IdRange): void {
    this.#db.run(
      "INSERT INTO id_ranges (container, kind, first, count) VALUES (?, ?, ?, ?)",
      container,
      kind,
      first,
      count,
    );
  }

  /** What one container has is another's too: it is free when the last of them is removed. */
  share(from: string, to: string): void {
    this.#db.run(
      "INSERT INTO id_ranges (container, kind, first, count) SELECT ?, kind, first, count FROM id_ranges WHERE container = ?",
      to,
      from,
    );
  }

  drop(container: string): void {
    this.#db.run("DELETE FROM id_ranges WHERE container = ?", container);
  }
}
