/**
 * The table of what names of images have meant, so that a container's image need not be read and verified document by
 * document each time that one is made.
 */
import type { Database } from "./database.ts";

export class FoundImages<T> {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** What was kept for `asked`, where nothing has changed since. @param version of the names, as it is now */
  get(asked: string, version: string): T | undefined {
    const row = this.#db.get(
      "SELECT found FROM found_images WHERE asked = ? AND version = ?",
      asked,
      version,
    );
    return row && JSON.parse(row.found as string);
  }

  /** In place of what was kept; of other versions nothing stays. */
  keep(asked: string, version: string, found: T): void {
    this.#db.transaction(() => {
      this.#db.run("DELETE FROM found_images WHERE version != ?", version);
      this.#db.run(
        "INSERT OR REPLACE INTO found_images VALUES (?, ?, ?)",
        asked,
        version,
        JSON.stringify(found),
      );
    });
  }
}
