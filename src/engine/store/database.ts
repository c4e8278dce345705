/**
 * The SQLite database: opened, brought up to date, and asked in transactions. Many processes use it at once.
 *
 * In WAL mode with synchronous=NORMAL a transaction waits for no disk: a process that dies loses nothing, a power failure
 * may lose the last transactions but none in part. What the kernel runs is looked at afresh all the same.
 */
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { RuntError } from "../../errors.ts";
import { makeDirectory } from "../../linux/make-directory.ts";
import { steps } from "./schema.ts";

/** How long another process may hold the write lock, which it does for a fraction of a millisecond. */
const busyMs = 60_000;

/**
 * How long the write-ahead log may become. Whoever opens the database as the only one, which most commands are, reads it
 * through; each time it is written back the disk is waited for. A run of a container writes about 20 pages.
 */
const logPages = 250;

export class Database implements Disposable {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  private constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** @throws {RuntError} Unavailable where it cannot be opened; FailedPrecondition where a newer runt has made it */
  static open(path: string): Database {
    try {
      makeDirectory(dirname(path), 0o700);
      const db = new DatabaseSync(path, { timeout: busyMs, enableForeignKeyConstraints: false });
      try {
        return Database.#prepare(db, path);
      } catch (error) {
        db.close();
        throw error;
      }
    } catch (error) {
      if (error instanceof RuntError) throw error;
      throw new RuntError(
        "Unavailable",
        `${path}: ${(error as Error).message}`,
        { operation: "open", path },
        error,
      );
    }
  }

  static #prepare(db: DatabaseSync, path: string): Database {
    const version = () => (db.prepare("PRAGMA user_version").get() as { user_version: number }).user_version;
    db.exec(`PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=${logPages}`);
    if (version() !== steps.length) {
      // Of all that SQLite does only this does not wait for others by itself.
      retryWhileBusy(() => db.exec("PRAGMA journal_mode=WAL"));
      db.exec("BEGIN IMMEDIATE");
      const from = version();
      if (from > steps.length) {
        db.exec("ROLLBACK");
        const site = { operation: "open", path, hint: "use the newer runt" };
        throw new RuntError("FailedPrecondition", `${path}: made by a newer version of runt`, site);
      }
      for (const step of steps.slice(from)) db.exec(step);
      db.exec(`PRAGMA user_version=${steps.length}`);
      db.exec("COMMIT");
      if (from === 0) makeRoom(db);
    }
    return new Database(db);
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values) as Row | undefined;
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values) as Row[];
  }

  /** @returns how many rows it has changed @throws {RuntError} Unavailable where the disk is full */
  run(sql: string, ...values: SQLInputValue[]): number {
    const work = () => Number(this.#statement(sql).run(...values).changes);
    return this.#depth > 0 ? work() : this.#withRoom(work);
  }

  /**
   * All of it or nothing, and nobody else writes meanwhile. `work` must not wait for anything, and may be done twice.
   * @throws {RuntError} Unavailable where the disk is full
   */
  transaction<T>(work: () => T): T {
    return this.#depth > 0 ? work() : this.#withRoom(() => this.#transaction(work));
  }

  #transaction<T>(work: () => T): T {
    this.#statement("BEGIN IMMEDIATE").run();
    this.#depth++;
    try {
      const result = work();
      this.#statement("COMMIT").run();
      return result;
    } catch (error) {
      // With a full disk SQLite has done so itself.
      if (this.#db.isTransaction) this.#statement("ROLLBACK").run();
      throw error;
    } finally {
      this.#depth--;
    }
  }

  /**
   * On a full disk containers must still be stopped and removed: what is in the write-ahead log goes to where it has its
   * place, and the log begins anew in the room that it has.
   */
  #withRoom<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!isFull(error)) throw error;
    }
    try {
      this.#db.exec("PRAGMA wal_checkpoint(RESTART)");
      return work();
    } catch (error) {
      if (!isFull(error)) throw error;
      const path = this.#db.location() ?? "";
      const site = { operation: "write", path, code: "ENOSPC", hint: "make room on that disk" };
      throw new RuntError("Unavailable", `${path}: no space left on the disk`, site, error);
    }
  }

  /** A process that is about to end need not: the next one finds all in the write-ahead log. */
  [Symbol.dispose](): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  /** For who will ask this soon, and has the time now. */
  prepare(sql: string): void {
    this.#statement(sql);
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      // A program's mistake, or something of its that goes on in the background.
      if (!this.#db.isOpen)
        throw new RuntError("FailedPrecondition", "the engine is closed", { operation: "ask" });
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** Columns by name. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * Pages of the file that are there and hold nothing: with a full disk there is room for what becomes of containers that
 * are stopped and removed.
 */
function makeRoom(db: DatabaseSync): void {
  db.exec("CREATE TABLE IF NOT EXISTS room (bytes BLOB)");
  db.exec(`INSERT INTO room VALUES (zeroblob(${256 << 10}))`);
  // Only what has been written once has a place on the disk.
  db.exec("PRAGMA wal_checkpoint(PASSIVE)");
  db.exec("DROP TABLE room");
}

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;

function isFull(error: unknown): boolean {
  return (error as { errcode?: number }).errcode === SQLITE_FULL;
}

function retryWhileBusy(work: () => void): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (const deadline = Date.now() + busyMs; ; ) {
    try {
      work();
      return;
    } catch (error) {
      if ((error as { errcode?: number }).errcode !== SQLITE_BUSY || Date.now() > deadline) throw error;
      Atomics.wait(pause, 0, 0, 5);
    }
  }
}

/** Whether an INSERT or UPDATE failed because there is such a row already. @param column "containers.name" */
export function isConflict(error: unknown, column: string): boolean {
  const { errcode = 0, message = "" } = error as { errcode?: number; message?: string };
  // SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE. Only the message says what of.
  return [1555, 2067].includes(errcode) && message.endsWith(`: ${column}`);
}
