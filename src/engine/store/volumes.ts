/** The tables of volumes and of who uses them. */
import type { Database, Row } from "./database.ts";

export interface VolumeRecord {
  readonly name: string;
  /** RFC 3339. */
  readonly created: string;
  /** Nobody has named it: it goes with its container, and `prune` takes it. */
  readonly anonymous: boolean;
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

export class Volumes {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** @returns whether it is new; one that is there stays as it is */
  insert(volume: VolumeRecord): boolean {
    const { name, created, anonymous, driver, options, labels } = volume;
    const changes = this.#db.run(
      `INSERT INTO volumes (name, created, anonymous, driver, options, labels) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO NOTHING`,
      name,
      created,
      anonymous ? 1 : 0,
      driver,
      JSON.stringify(options),
      JSON.stringify(labels),
    );
    return changes > 0;
  }

  get(name: string): VolumeRecord | undefined {
    const row = this.#db.get("SELECT * FROM volumes WHERE name = ?", name);
    return row && volumeOf(row);
  }

  list(): VolumeRecord[] {
    return this.#db.all("SELECT * FROM volumes ORDER BY name").map(volumeOf);
  }

  delete(name: string): boolean {
    return this.#db.run("DELETE FROM volumes WHERE name = ?", name) > 0;
  }

  use(volume: string, container: string): void {
    this.#db.run("INSERT OR IGNORE INTO volume_uses (volume, container) VALUES (?, ?)", volume, container);
  }

  /** IDs of the containers that have it. */
  usersOf(volume: string): string[] {
    return this.#db
      .all("SELECT container FROM volume_uses WHERE volume = ?", volume)
      .map((row) => row.container as string);
  }

  /** Names of a container's volumes. */
  usedBy(container: string): string[] {
    return this.#db
      .all("SELECT volume FROM volume_uses WHERE container = ?", container)
      .map((row) => row.volume as string);
  }

  dropUses(container: string): void {
    this.#db.run("DELETE FROM volume_uses WHERE container = ?", container);
  }

  /** Names that somebody uses. */
  used(): Set<string> {
    return new Set(
      this.#db.all("SELECT DISTINCT volume FROM volume_uses").map((row) => row.volume as string),
    );
  }
}

function volumeOf(row: Row): VolumeRecord {
  return {
    name: row.name as string,
    created: row.created as string,
    anonymous: row.anonymous !== 0,
    driver: row.driver as string,
    options: JSON.parse(row.options as string),
    labels: JSON.parse(row.labels as string),
  };
}
